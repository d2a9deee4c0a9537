"""The rows of workloads explored: crashes, images that never become ready, other people, undo, and going back.

Workloads are taken one after the other, as a release takes them. A process may die after any effect; somebody may give
a workload another image between two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from quant_release.steps.search import STEP, Exploration, Model, search
from quant_release.steps.table import TABLE, Action, Guard, Row, Scope, Stage, Undo

__all__ = ["WORKLOAD_INVARIANTS", "State", "Workload", "explore_workloads"]

BEFORE, NEW, OTHER = "before", "new", "other"
FORWARD, BACK, OVER = 0, 1, 2
"""The release, the rollback behind it, and neither any more."""


class Records(NamedTuple):
    """What a run has recorded of a workload: what it ran, and which images the run gave it, or was about to."""

    noted: str | None = None
    given: frozenset[str] = frozenset()


class Workload(NamedTuple):
    """A workload, and what was done wrong with it.

    Attributes
    ----------
    records
        Of the release, and of the rollback.
    unnoted, overwritten, hasty
        Whether it was given an image before what it ran was noted, over somebody else's, or while one before it was not
        done.
    """

    told: str = BEFORE
    ready: bool = True
    records: tuple[Records, Records] = (Records(), Records())
    unnoted: bool = False
    overwritten: bool = False
    hasty: bool = False

    def having(self, run: int, records: Records) -> Workload:
        """Return it with other records of a run."""
        return self._replace(records=(records, self.records[1]) if run == FORWARD else (self.records[0], records))


class State(NamedTuple):
    """Workloads in their order, the image of the release, and the run that is open."""

    workloads: tuple[Workload, ...]
    built: bool = False
    run: int = FORWARD
    failed: int = 0
    disturbed: int = 0

    def having(self, place: int, workload: Workload) -> State:
        """Return it with another state of a workload."""
        return self._replace(workloads=(*self.workloads[:place], workload, *self.workloads[place + 1 :]))

    def goal(self, place: int) -> str | None:
        """Return what a workload is to run; None for one that a rollback leaves alone, or before the image is built."""
        if self.run == BACK:
            return self.workloads[place].records[FORWARD].noted
        return NEW if self.built else None

    def stage(self, place: int) -> Stage:
        """Return how far a workload has come."""
        workload = self.workloads[place]
        if workload.told == self.goal(place) and workload.ready:
            return Stage.ROLLED
        return Stage.START if workload.records[self.run].noted is None else Stage.NOTED

    def missing(self, guard: Guard, place: int) -> bool:
        """Whether a guard does not hold."""
        workload = self.workloads[place]
        own = {one for records in workload.records for one in (records.noted, *records.given)}
        if guard is Guard.IMAGE:
            return self.goal(place) is None
        if guard is Guard.RUNS:
            before = workload.records[FORWARD]
            return self.run == BACK and workload.told not in {before.noted, *before.given}
        return workload.told not in {*own, self.goal(place)}


def _taken(state: State) -> list[int]:
    """Return the workloads that the open run takes, by their places."""
    places = range(len(state.workloads))
    return [one for one in places if state.run == FORWARD or state.workloads[one].records[FORWARD].noted is not None]


def _given(state: State, place: int, image: str) -> Iterator[State]:
    """Yield the effects of giving an image: recorded, and given."""
    workload, run = state.workloads[place], state.run
    if workload.told == image:
        return
    records = workload.records[run]
    workload = workload.having(run, Records(records.noted, records.given | {image}))
    yield state.having(place, workload)
    before = [one for one in _taken(state) if one < place]
    known = {one.noted for one in workload.records}
    yield state.having(
        place,
        workload._replace(
            told=image,
            ready=False,
            unnoted=workload.unnoted or records.noted is None,
            overwritten=workload.overwritten or (workload.told == OTHER and OTHER not in known),
            hasty=workload.hasty or any(state.stage(one) is not Stage.ROLLED for one in before),
        ),
    )


def _ready(state: State, place: int) -> State:
    return state.having(place, state.workloads[place]._replace(ready=True))


def _effects(row: Row, state: State, place: int, failures: int) -> Iterator[State]:
    """Yield what a row leads to, whole and cut short after each of its effects."""
    workload = state.workloads[place]
    if row.action is Action.NOTE:
        yield state.having(place, workload.having(state.run, Records(workload.told)))
        return
    goal, noted = state.goal(place) or NEW, workload.records[state.run].noted
    for after in _given(state, place, goal):
        state = after
        yield state
    yield _ready(state, place)
    if state.failed < failures and state.run == FORWARD and goal != noted:
        state = state._replace(failed=state.failed + 1)
        for after in _given(state, place, noted or BEFORE):
            state = after
            yield state
        yield _ready(state, place)


def _successors(state: State, rows: Sequence[Row], failures: int, disturbances: int) -> Iterator[tuple[str, State]]:
    if state.run == OVER:
        return
    if not state.built:
        yield f"{STEP}: the image is built", state._replace(built=True)
    place = next((one for one in _taken(state) if state.stage(one) is not Stage.ROLLED), None)
    if place is not None:
        row = next((one for one in rows if one.takes is state.stage(place)), None)
        if row is not None and not any(state.missing(guard, place) for guard in row.guards):
            for number, after in enumerate(_effects(row, state, place, failures), 1):
                yield f"{STEP}: {row.step} of workload {place}, effect {number}", after
    if state.disturbed < disturbances:
        for one, workload in enumerate(state.workloads):
            given = workload._replace(told=OTHER, ready=True)
            yield f"somebody gives workload {one} an image", state.having(one, given)._replace(disturbed=1)
    if state.run == FORWARD and any(one.records[FORWARD].noted for one in state.workloads):
        yield "a rollback begins", state._replace(run=BACK)
    if state.run == FORWARD and any(row.undo is Undo.UNROLL for row in rows):
        yield "the run is abandoned", _abandoned(state)


def _abandoned(state: State) -> State:
    for place, workload in enumerate(state.workloads):
        records = workload.records[state.run]
        if state.stage(place) is Stage.NOTED and workload.told in records.given | {records.noted}:
            for after in _given(state, place, records.noted or BEFORE):
                state = after
            state = _ready(state, place)
    return state._replace(run=OVER)


def _is_finished(state: State) -> bool:
    return state.run == OVER or (state.built and all(state.stage(one) is Stage.ROLLED for one in _taken(state)))


WORKLOAD_INVARIANTS: Mapping[str, Callable[[State], bool]] = {
    "no workload is given an image before the one that it ran is noted": lambda state: (
        not any(one.unnoted for one in state.workloads)
    ),
    "no workload is given an image that is not built": lambda state: (
        state.built or all(one.told != NEW for one in state.workloads)
    ),
    "no workload is given an image while one before it does not run its own and is ready": lambda state: (
        bool(state.disturbed) or not any(one.hasty for one in state.workloads)
    ),
    "no image that somebody else gave a workload is overwritten": lambda state: (
        not any(one.overwritten for one in state.workloads)
    ),
    "no run is over with a workload in the middle": lambda state: (
        not _is_finished(state) or all(one.ready for one in state.workloads)
    ),
}


def explore_workloads(
    count: int = 2, table: Sequence[Row] = TABLE, *, failures: int = 1, disturbances: int = 1
) -> Exploration:
    """Visit every state that can be reached.

    Parameters
    ----------
    failures, disturbances
        How often a workload does not become ready, and somebody gives one another image.
    """
    rows = [row for row in table if row.scope is Scope.WORKLOAD]
    return search(
        Model(
            (State((Workload(),) * count),),
            lambda state: _successors(state, rows, failures, disturbances),
            WORKLOAD_INVARIANTS,
            _is_finished,
            lambda state: bool(state.disturbed),
        )
    )
