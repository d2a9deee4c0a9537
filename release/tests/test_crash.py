"""A release that is killed anywhere is finished by the next one, and nothing happens twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from quant_release.machine import Boundary
from quant_release.testing.crashing import (
    count_pushes,
    faults_of,
    kill_once_at_each,
    release_in_child,
    release_to_the_end,
)
from quant_release.testing.workspace import Rehearsal

SAMPLE = 6


def test_a_release_killed_around_every_action_ends_as_if_it_had_not_been(rehearsal: Rehearsal, tmp_path: Path) -> None:
    count_pushes(rehearsal)
    base = rehearsal.git.commit()
    seen = tmp_path / "seen"
    killed = release_to_the_end(rehearsal, kill_once_at_each(seen, {Boundary.RECORDED, Boundary.ACTED}))
    assert faults_of(rehearsal, base) == []
    assert killed == len(seen.read_text().splitlines()) == 2 * 25


@pytest.mark.parametrize("seed", range(SAMPLE))
def test_a_release_killed_at_any_instant_ends_as_if_it_had_not_been(
    rehearsal: Rehearsal, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REHEARSAL_SLEEP", "0.03")
    count_pushes(rehearsal)
    base = rehearsal.git.commit()
    draw = random.Random(seed)
    release_in_child(rehearsal, kill_after=draw.uniform(0.0, 3.0))
    release_in_child(rehearsal, kill_after=draw.uniform(0.0, 1.0))
    release_to_the_end(rehearsal)
    assert faults_of(rehearsal, base) == []
