"""A small part of ``python -m chaos.release --services``: every step is killed, and every fault comes, once."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from quant_release.demo.cloud import Cloud
from quant_release.steps.machine import Boundary

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))
from chaos.release_faults import Disturbance, each_once, hurried, tried
from chaos.release_services import at_every_effect, kill_once_at_each
from chaos.release_site import Workshop
from chaos.release_watch import watched

pytestmark = pytest.mark.services

ONE = {"longbridge-hk": "longbridge"}


@pytest.fixture
def shop(cloud: tuple[Cloud, Path], released: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Return the emulators and the workspace of this folder's tests as the campaign has them."""
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.delenv("STORE_URL", raising=False)
    for name, value in cloud[0].settings.items():
        monkeypatch.setenv(name, value)
    return Workshop(released, *cloud)


def test_an_apply_killed_around_every_step_of_a_service_does_everything_once(shop: Workshop) -> None:
    found = Counter[str]()
    boundaries = {Boundary.RECORDED, Boundary.ACTED}
    with shop.site("apply", ONE) as site, watched(site, found):
        assert site.to_the_end(kill_once_at_each(site.made.rehearsal.tools / "seen", boundaries)) == 2 * 8
        assert site.faults() == []
    assert set(found) == {"looks"}


@pytest.mark.parametrize(("command", "effects"), [("apply", 16), ("rollback", 12)])
def test_a_command_killed_after_every_effect_does_everything_once(shop: Workshop, command: str, effects: int) -> None:
    found = Counter[str]()
    assert at_every_effect(shop, command, found, ONE) == effects
    assert set(found) == {"looks"}


@pytest.mark.parametrize("disturbance", list(each_once()), ids=str)
def test_a_release_that_a_fault_stops_says_where_and_ends_well(shop: Workshop, disturbance: Disturbance) -> None:
    with hurried():
        assert set(tried(shop, disturbance)) <= {"stopped"}
