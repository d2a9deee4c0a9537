"""The rows of workloads explored, and what the exploration finds where a guard or a row is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from quant_release.steps.table import TABLE, Guard, Row, Scope, Stage
from quant_release.steps.workload_check import WORKLOAD_INVARIANTS, explore_workloads

UNNOTED, UNBUILT, _, OVERWRITTEN, _ = WORKLOAD_INVARIANTS


def without(guard: Guard) -> tuple[Row, ...]:
    """Return the table whose rows of workloads lack a guard."""
    return tuple(
        replace(row, guards=tuple(one for one in row.guards if one is not guard))
        if row.scope is Scope.WORKLOAD
        else row
        for row in TABLE
    )


def test_no_reachable_state_of_workloads_breaks_an_invariant_and_none_is_a_dead_end() -> None:
    found = explore_workloads(3)
    assert (found.violations, found.stuck) == ({}, None)
    assert found.states > 300
    assert found.finished > 0


@pytest.mark.parametrize(("guard", "broken"), [(Guard.UNMOVED, OVERWRITTEN), (Guard.IMAGE, UNBUILT)])
def test_the_exploration_finds_what_a_guard_less_would_allow(guard: Guard, broken: str) -> None:
    assert broken in explore_workloads(table=without(guard)).violations


def test_the_exploration_finds_a_workload_that_is_rolled_without_being_noted() -> None:
    rows = (row for row in without(Guard.UNMOVED) if row.step != "note")
    hasty = tuple(replace(row, takes=Stage.START) if row.step == "roll" else row for row in rows)
    assert UNNOTED in explore_workloads(table=hasty).violations
