"""The rows of services explored: nothing that must never be can be, and each defect of the rows or moves is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from quant_release.steps.service_check import LASTING, SERVICE_INVARIANTS, Budget, every_start, explore_services, plain
from quant_release.steps.service_model import CODE, ModelMoves, Revision, Service, ServiceModel
from quant_release.steps.table import TABLE, Guard, Row, Scope

NOTHING, TAKEN_BACK, LOOKED_AT, DISTURBED, NOT_STARTED = (
    Budget(),
    Budget(undone=1),
    Budget(looked=1),
    Budget(disturbed=1),
    Budget(failed=1),
)


@pytest.mark.parametrize(
    ("budget", "least"),
    [(NOTHING, 1500), (TAKEN_BACK, 4000), (LOOKED_AT, 10000), (DISTURBED, 10000), (NOT_STARTED, 5000)],
    ids=["nothing", "taken-back", "looked-at", "disturbed", "not-started"],
)
def test_no_state_of_a_service_breaks_an_invariant_and_none_is_a_dead_end(budget: Budget, least: int) -> None:
    found = explore_services(every_start(), budget)
    assert (found.violations, found.stuck) == ({}, None)
    assert found.states > least
    assert found.finished > 0


def test_two_services_that_share_an_image_do_not_disturb_each_other() -> None:
    found = explore_services([plain(2)], NOTHING)
    assert (found.violations, found.stuck) == ({}, None)
    assert found.states > 1000


def without(guard: Guard, step: str) -> tuple[Row, ...]:
    """Return the table with a guard taken out of a row."""
    kept = {row: tuple(one for one in row.guards if one is not guard) for row in TABLE if row.step == step}
    return tuple(replace(row, guards=kept.get(row, row.guards)) for row in TABLE)


def swapped(first: str, second: str) -> tuple[Row, ...]:
    """Return the table with what two rows do exchanged."""
    rows = {row.step: row for row in TABLE if row.scope is Scope.SERVICE}
    one, other = rows[first], rows[second]
    exchanged = {
        one: replace(other, takes=one.takes, makes=one.makes),
        other: replace(one, takes=other.takes, makes=other.makes),
    }
    return tuple(exchanged.get(row, row) for row in TABLE)


def named(beginning: str) -> str:
    """Return the invariant that begins with a text."""
    (name,) = (name for name in SERVICE_INVARIANTS if name.startswith(beginning))
    return name


LACKING = "no service is held of which something is missing"


@pytest.mark.parametrize(
    ("guard", "step", "budget", "broken"),
    [
        *((guard, "hold", NOTHING, LACKING) for guard in (*LASTING, Guard.IMAGE)),
        (Guard.PROFILE, "hold", NOTHING, "no profile is served"),
        *((Guard.AT_REST, step, LOOKED_AT, "nothing is written while") for step in ("deploy", "shift", "switch")),
        *((Guard.UNTOUCHED, step, DISTURBED, "nobody else's write") for step in ("deploy", "shift", "switch")),
    ],
)
def test_the_exploration_finds_what_a_guard_less_would_allow(
    guard: Guard, step: str, budget: Budget, broken: str
) -> None:
    starts = [
        one for one in every_start() if guard in one.course.wrong or (guard is Guard.IMAGE and not one.course.built)
    ]
    assert named(broken) in explore_services(starts or [plain()], budget, without(guard, step)).violations


@pytest.mark.parametrize("step", [row.step for row in TABLE if row.scope is Scope.SERVICE])
def test_the_exploration_finds_a_row_that_is_missing(step: str) -> None:
    found = explore_services([plain()], NOTHING, tuple(row for row in TABLE if row.step != step))
    assert named("no run ends before its services are open") in found.violations


@pytest.mark.parametrize(
    ("first", "second", "broken"),
    [
        ("confirm", "shift", "no revision of a run serves"),
        ("shift", "switch", "no revision of a run serves"),
        ("probe", "open", "no revision of a run may trade"),
    ],
)
def test_the_exploration_finds_rows_in_the_wrong_order(first: str, second: str, broken: str) -> None:
    found = explore_services(every_start()[:5], NOTHING, swapped(first, second))
    assert named(broken) in found.violations


@pytest.mark.parametrize(("first", "second"), [("hold", "drain"), ("drain", "deploy"), ("deploy", "confirm")])
def test_the_exploration_finds_an_order_that_leads_nowhere(first: str, second: str) -> None:
    assert explore_services([plain()], NOTHING, swapped(first, second)).stuck is not None


ATTEMPT, HOLD = ServiceModel.attempt, ModelMoves.hold


def named_anew(self: ServiceModel, kind: str) -> Revision:
    """Name a revision by how many there are: the first one that was made before a crash is not found."""
    return ATTEMPT(self, kind)._replace(number=min(2, 1 + len(self.service.made)))


def pausing_again(self: ModelMoves) -> Iterator[Service]:
    """Hold as `ModelMoves.hold` does, a paused job too."""
    again = self.plan.held is not None and self.now.paused
    if again:
        self.now = self.now._replace(paused=False)
    yield from HOLD(self)


DEFECTS: dict[str, tuple[type, str, Callable[..., object], Budget, str]] = {
    "every halt is lifted": (
        ModelMoves,
        "lifted",
        lambda self: self.now._replace(hold=False, halted=False),
        NOTHING,
        "no halt of an operator",
    ),
    "every job is resumed": (ModelMoves, "resumes", lambda self: self.now.paused, NOTHING, "no job is resumed"),
    "a crash is forgotten": (ServiceModel, "attempt", named_anew, NOTHING, "no revision is made twice"),
    "a paused job is paused": (ModelMoves, "hold", pausing_again, NOTHING, "no job is paused twice"),
    "a pause is forgotten": (ServiceModel, "owes", property(lambda self: False), NOTHING, "no run leaves a service"),
    "anything is taken back": (
        ServiceModel,
        "may_be_taken_back",
        lambda self: self.held is not None,
        TAKEN_BACK,
        "no revision of a run may trade",
    ),
    "only settings go back": (
        ServiceModel,
        "goal",
        lambda self, kind: (True, self.predecessor is None and kind != CODE),
        NOTHING,
        "no rollback leaves",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_exploration_finds_a_defect_of_a_move(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, name, mutant, budget, broken = DEFECTS[defect]
    monkeypatch.setattr(kind, name, mutant)
    assert named(broken) in explore_services(every_start()[:4], budget).violations
