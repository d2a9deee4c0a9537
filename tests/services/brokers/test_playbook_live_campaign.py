"""A few sessions of the campaign of live sessions: kills that it has to survive, defects that it has to find."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from chaos.playbook_live.campaign import BOUNDARIES, campaign
from chaos.playbook_live.mutants import mutated

PLAIN = 9
"""The number of a session that trades, and has no trouble but a kill."""


@pytest.mark.parametrize("boundary", ["entry-sent", "stop-sent", "exit-sent-recorded"])
def test_a_session_that_is_killed_leaves_nothing_behind(boundary: str) -> None:
    outcome = campaign(1, 5, (boundary,), PLAIN)
    assert (outcome.faults, outcome.kills, outcome.entries) == ({}, {boundary: 1}, 1)


@pytest.mark.parametrize(
    ("defect", "boundary", "fault"),
    [
        ("no intent", "entry-sent", "record"),
        ("bar decides before it is recorded", "decision-recorded", "record"),
        ("stop kept in memory", "entry-filled", "without a working stop"),
        ("no cancel before the sell", "exit-sent", "oversells"),
        ("entry sent again on resume", "entry-sent-recorded", "second entries"),
    ],
)
def test_a_defect_is_found(defect: str, boundary: str, fault: str) -> None:
    assert boundary in BOUNDARIES
    with mutated(defect):
        assert fault in campaign(1, 5, (boundary,), PLAIN).faults
