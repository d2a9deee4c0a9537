"""A service of a broker is cut over for real, while its scheduler gives it no time."""

from __future__ import annotations

import re
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest
from quant_release.demo.baseline import AFTER, BEFORE, BUNDLE, TARGET, make_origin
from quant_release.demo.services import Services, bundle_of, services_on_this_machine
from quant_release.demo.venues import text_of
from quant_release.demo.witness import Mark, Witness
from quant_release.inspect.drift import drifts
from quant_release.inspect.verified import verify
from quant_release.repository.versions import Version, tag_name
from quant_release.run.apply import Watching, apply
from quant_release.run.opening import read_release

from .copy_frame import copy_without_tests

SERVICE, APP = "schwab-service", "schwab"
FIRINGS, PACE = 60, 0.1


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Services]:
    """Return the service at the baseline of a copy of this repository, where it trades at its venue."""
    git = copy_without_tests(tmp_path / "work", APP, monkeypatch)
    apps = {SERVICE: APP}
    make_origin(git, tmp_path / "origin.git", bundle_of(apps, tmp_path))
    with services_on_this_machine(git, apps, tmp_path) as found:
        found.deploy(SERVICE)
        yield found


def test_a_held_service_sends_nothing_however_often_it_is_triggered_and_trades_once_when_it_is_opened(
    services: Services,
) -> None:
    options = services.options()
    apply(options, BUNDLE, until="image")
    with services.triggers(PACE, timedelta(minutes=5)) as triggers:
        witness = Witness(services, triggers)
        entered = witness.traded_once(SERVICE, Mark(0.0, ()))
        assert services.version(SERVICE)["profile"] == BEFORE
        watching = Watching(witness)
        apply(options, BUNDLE, until="drain", resume=True, watching=watching)
        held = witness.mark(SERVICE)
        triggers.wait_for(SERVICE, lambda found: len(found) >= FIRINGS, held.at, 60)
        apply(options, BUNDLE, resume=True, watching=watching)
        meanwhile = witness.while_held(SERVICE)
        assert len({one.slot for one in meanwhile}) >= FIRINGS
        assert {one.outcome for one in meanwhile} == {"blocked"}
        traded = witness.traded_once(SERVICE)
    assert re.fullmatch(r"buy [\d,]+ \w+", text_of(entered))
    assert re.fullmatch(r"sell [\d,]+ \w+(, buy [\d,]+ \w+)+", text_of(traded))
    assert (traded[0].quantity, traded[0].symbol) == (entered[0].quantity, entered[0].symbol)
    _has_what_the_bundle_says(services)


def _has_what_the_bundle_says(services: Services) -> None:
    said, tags = services.version(SERVICE), services.git.tags()
    assert said["profile"] == AFTER
    for package, version in TARGET.items():
        found = said["packages"][package]
        assert (found["version"], found["commit"]) == (version, tags[tag_name(package, Version.read(version))])
    release = read_release(services.options(), BUNDLE)
    assert all(one.done for one in verify(release))
    assert drifts(release) == []
