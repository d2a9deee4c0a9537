"""The production table explored: what no guard forbids is tried, in every order, with crashes and other people."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from quant_release.demo.baseline import BUNDLE
from quant_release.run.apply import Watching, apply
from quant_release.run.opening import Options, read_release
from quant_release.steps.machine import Boundary, Subject, next_row
from quant_release.steps.model_check import (
    INVARIANTS,
    VIA_BRANCH_INVARIANTS,
    ModelExecutor,
    State,
    explore,
    subjects_for,
)
from quant_release.steps.table import TABLE, VIA_BRANCH, Guard, Row, Scope, Stage, rows_of

SUBJECTS = subjects_for(packages=2, apps=1)
TAGGED_ON_THE_BRANCH = "no tag is at the origin whose commit is not on the branch"


def without(guard: Guard, steps: Collection[str]) -> tuple[Row, ...]:
    """Return the table with a guard taken out of some rows."""
    return tuple(
        replace(row, guards=tuple(one for one in row.guards if one is not guard)) if row.step in steps else row
        for row in TABLE
    )


def test_no_reachable_state_breaks_an_invariant_and_none_is_a_dead_end() -> None:
    found = explore(subjects_for(packages=2, apps=2), undos=1, interferences=1)
    assert found.violations == {}
    assert found.stuck is None
    assert found.states > 1500
    assert found.finished > 0


def test_a_chain_of_three_packages_keeps_its_order() -> None:
    found = explore(subjects_for(packages=3, apps=1))
    assert (found.violations, found.stuck) == ({}, None)


def test_by_way_of_a_branch_no_invariant_is_broken_and_no_state_is_a_dead_end() -> None:
    found = explore(subjects_for(packages=2, apps=2), VIA_BRANCH, VIA_BRANCH_INVARIANTS, interferences=2)
    assert (found.violations, found.stuck) == ({}, None)
    assert found.states > 3000
    assert found.finished > 0


def test_only_by_way_of_a_branch_can_nobody_push_a_tag_before_its_commit() -> None:
    assert explore(SUBJECTS, TABLE, VIA_BRANCH_INVARIANTS).violations.keys() == {TAGGED_ON_THE_BRANCH}


def test_the_exploration_finds_a_tag_that_is_made_before_the_merge() -> None:
    hasty = tuple(
        replace(row, takes=Stage.COMMITTED) if row.step == "tag" else row for row in VIA_BRANCH if row.step != "merge"
    )
    assert TAGGED_ON_THE_BRANCH in explore(SUBJECTS, hasty, VIA_BRANCH_INVARIANTS).violations


@pytest.mark.parametrize(
    ("guard", "steps", "broken"),
    [
        (Guard.PACKAGES, {"pin"}, "no app is pinned"),
        (Guard.PACKAGES, {"pin", "test", "commit-pins", "push-pins"}, "no app is ahead of its packages"),
        (Guard.DEPENDENCIES, {"preflight", "commit", "push"}, "no package is published before"),
        (Guard.UNSTAGED, {"commit"}, "no commit has anything in it"),
        (Guard.UNSTAGED, {"commit-pins"}, "no commit has anything in it"),
        (Guard.PINS, {"image"}, "no image is built from pins"),
    ],
)
def test_the_exploration_finds_what_a_guard_less_would_allow(guard: Guard, steps: set[str], broken: str) -> None:
    found = explore(SUBJECTS, without(guard, steps))
    (name,) = (name for name in INVARIANTS if name.startswith(broken))
    assert name in found.violations
    assert found.violations[name]


def test_the_exploration_finds_a_row_that_is_missing() -> None:
    found = explore(SUBJECTS, tuple(row for row in TABLE if row.step != "tag"))
    assert found.stuck is not None


@pytest.mark.parametrize("table", [TABLE, VIA_BRANCH], ids=["pushed", "merged"])
def test_rows_of_a_scope_form_one_chain(table: Sequence[Row]) -> None:
    for scope in Scope:
        rows = rows_of(scope, table)
        assert all(first.makes is second.takes for first, second in itertools.pairwise(rows))


def test_the_model_goes_through_the_stages_that_a_real_release_goes_through(options: Options) -> None:
    real: list[tuple[str, str]] = []

    def reached(at: Boundary, row: Row, subject: Subject) -> None:
        if at in (Boundary.CHOSEN, Boundary.VERIFIED):
            real.append((str(subject.scope.value), read_release(options, BUNDLE).executor.stage(subject).value))

    apply(options, BUNDLE, until="image:registry.invalid/rehearsal/ibkr", watching=Watching(reached=reached))
    modelled: list[tuple[str, str]] = []
    state = State()
    for subject in subjects_for(packages=2, apps=3)[:6]:
        while (row := next_row(ModelExecutor(state, SUBJECTS[:2]), subject)) is not None:
            for effect in [None, *ModelExecutor(state, SUBJECTS[:2]).effects(row.action, subject)]:
                state = effect(state) if effect else state
                if effect is None:
                    modelled.append((subject.scope.value, ModelExecutor(state, SUBJECTS[:2]).stage(subject).value))
            modelled.append((subject.scope.value, ModelExecutor(state, SUBJECTS[:2]).stage(subject).value))
    assert modelled == real
