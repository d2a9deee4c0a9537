"""The rows of services explored: crashes, runs that begin, people who write, pause and halt, undo, and going back.

Services are taken one after the other, as a release takes them. A process may die after any effect, and anything may
happen between two effects of one that lives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from quant_release.steps.search import Exploration, Model, search
from quant_release.steps.service_model import (
    BEFORE,
    SOMEBODY,
    Course,
    Effects,
    Mistake,
    ModelMoves,
    Revision,
    Service,
    ServiceModel,
)
from quant_release.steps.table import TABLE, Action, Guard, Row, Scope, Stage, Undo

__all__ = ["LASTING", "SERVICE_INVARIANTS", "Budget", "State", "every_start", "explore_services", "plain"]

FIRST, BACK = 1, 2
"""The run that moves services, and the one that takes them back."""


class State(NamedTuple):
    """Services that share an image, and the run that moves them; run 0 before the first one.

    Attributes
    ----------
    is_open
        Whether the run is open.
    takes
        The services that it takes, by their places.
    undone, looked, disturbed, failed
        How often something was taken back, a person opened a service, somebody interfered, a revision did not start.
    """

    services: tuple[Service, ...]
    course: Course = Course(0)
    is_open: bool = False
    takes: tuple[int, ...] = ()
    undone: int = 0
    looked: int = 0
    disturbed: int = 0
    failed: int = 0

    def model(self, place: int) -> ServiceModel:
        """Return what answers for a service."""
        return ServiceModel(self.services[place], self.course)

    def having(self, place: int, service: Service) -> State:
        """Return the state with another state of a service."""
        return self._replace(services=(*self.services[:place], service, *self.services[place + 1 :]))


@dataclass(frozen=True, slots=True)
class Budget:
    """How often something happens on one way: taken back, opened by a person, interfered with, not started."""

    undone: int = 0
    looked: int = 0
    disturbed: int = 0
    failed: int = 0


# --- what must never be --------------------------------------------------------------------------

Invariant = Callable[[Service, State], bool]


def _knows(service: Service, state: State) -> bool:
    knows_old = not service.serving.image or Guard.PROFILE not in state.course.wrong
    return service.serving.image if service.serving.profile else knows_old


def _held_until_probed(service: Service, _state: State) -> bool:
    serving = service.serving
    if serving.run == 0 or serving in service.probed or serving == service.looked_at:
        return True
    return service.hold and (service.paused or service.paused_by_operator or service.pauses == 0)


def _confirmed(service: Service, _state: State) -> bool:
    return service.serving.run == 0 or service.serving in service.confirmed


def _ready_to_be_held(service: Service, state: State) -> bool:
    return not service.hold or (state.course.built and not state.course.wrong)


def _halt_stays(service: Service, _state: State) -> bool:
    return service.halted or not service.halted_by_operator


def _opened_as_it_was(service: Service, state: State) -> bool:
    ended = state.course.run != 0 and not state.is_open
    return not ended or (not service.hold and service.paused == service.paused_by_operator)


def _back(service: Service, state: State) -> bool:
    held = service.held_by(FIRST)
    is_back = state.course.run == BACK and not state.is_open and service.held_by(BACK) is not None
    if held is None or not is_back or state.undone or state.looked or state.disturbed:
        return True
    return service.serving[3:] == held.serving[3:]


def _ends_open(service: Service, state: State) -> bool:
    if state.course.run == 0 or state.is_open or state.undone or state.disturbed:
        return True
    taken = {state.services[place] for place in state.takes}
    return service not in taken or ServiceModel(service, state.course).stage() is Stage.OPEN


def _never(mistake: Mistake) -> Invariant:
    return lambda service, _state: mistake not in service.mistakes


SERVICE_INVARIANTS: Mapping[str, Invariant] = {
    "no profile is served by code that does not know it": _knows,
    "no revision of a run serves that was not confirmed at an address of its own": _confirmed,
    "no revision of a run may trade before it was probed, or a person opened the service": _held_until_probed,
    "no service is held of which something is missing": _ready_to_be_held,
    "no halt of an operator is lifted": _halt_stays,
    **{mistake.value: _never(mistake) for mistake in Mistake},
    "no run leaves a service held, or its job paused that no operator paused": _opened_as_it_was,
    "no run ends before its services are open": _ends_open,
    "no rollback leaves another image or profile than there was": _back,
}


# --- exploration ---------------------------------------------------------------------------------


class _Explorer:
    """What can follow a state."""

    def __init__(self, table: Sequence[Row], budget: Budget) -> None:
        self._rows = [row for row in table if row.scope is Scope.SERVICE]
        self._budget = budget

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield what can follow."""
        for place, service in enumerate(state.services):
            yield from self._of_others(state, place, service)
        if state.course.run == 0:
            yield "step: a run begins", state._replace(course=state.course._replace(run=FIRST), is_open=True)
            return
        yield from self._going_back(state)
        if not state.is_open:
            return
        if not state.course.built:
            yield "step: the image is built", state._replace(course=state.course._replace(built=True))
        yield from self._advance(state)
        yield from self._taken_back(state)
        yield from self._by_hand(state)

    # --- the run -------------------------------------------------------------------------------

    def _next_row(self, state: State, place: int) -> Row | None:
        stage = state.model(place).stage()
        return next((row for row in self._rows if row.takes is stage), None)

    def _advance(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield what the next step leads to, whole and cut short after each effect."""
        for place in state.takes:
            row, model = self._next_row(state, place), state.model(place)
            if row is None:
                continue
            if not any(model.missing(guard) for guard in row.guards):
                yield from self._step(state, place, row)
            return
        yield "step: the run ends", state._replace(is_open=False)

    def _step(self, state: State, place: int, row: Row) -> Iterator[tuple[str, State]]:
        label, model = f"step: {row.step} of service {place}", state.model(place)
        yield from _driven(ModelMoves(model), row.action, state, place, label)
        if row.action in (Action.DEPLOY, Action.SWITCH) and state.failed < self._budget.failed:
            failed = state._replace(failed=state.failed + 1)
            yield from _driven(ModelMoves(model, starts=False), row.action, failed, place, f"{label}, which starts not")
        for event, told, after in self._events(state, place):
            if event is _job_paused:
                continue  # a pause in the very moment of the release's own is not told from it
            moves = ModelMoves(model)
            for number in range(len(list(_done(moves, moves.effects(row.action))))):
                moves, remark = ModelMoves(model), f"{label} ({told} before effect {number + 1})"
                yield from _driven(moves, row.action, after, place, remark.removeprefix("step: "), (number, event))

    def _going_back(self, state: State) -> Iterator[tuple[str, State]]:
        if state.course.run != FIRST:
            return
        moved = tuple(place for place, one in enumerate(state.services) if one.held_by(FIRST))
        still = {place for place in moved if state.services[place].hold or FIRST in state.services[place].owed}
        for takes in {moved, *((place,) for place in moved)}:
            if takes and still <= set(takes):
                course = state.course._replace(run=BACK, back=FIRST, is_switch=False)
                yield f"rollback of {takes} begins", state._replace(course=course, is_open=True, takes=takes)

    # --- people --------------------------------------------------------------------------------

    def _taken_back(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield what `release abandon` leads to, whole and cut short after each effect."""
        if state.undone == self._budget.undone:
            return
        state = state._replace(undone=state.undone + 1)
        for place in reversed(state.takes):
            stage = state.model(place).stage()
            row = next((row for row in self._rows if row.makes is stage), None)
            is_half_held = stage is Stage.START and state.model(place).held is not None
            if row is not None and row.undo is Undo.NEVER:
                continue
            if (row is not None and row.undo is not Undo.REOPEN) or not state.model(place).may_be_taken_back():
                return
            if row is None and not is_half_held:
                continue
            moves = ModelMoves(state.model(place))
            for following in _done(moves, moves.open()):
                state = state.having(place, following)
                yield f"abandon, of service {place}", state
        yield "abandon", state._replace(is_open=False)

    def _by_hand(self, state: State) -> Iterator[tuple[str, State]]:
        if state.looked == self._budget.looked:
            return
        for place in state.takes:
            model = state.model(place)
            if model.held is None or model.stage() is Stage.OPEN:
                continue
            looked, moves = state._replace(looked=state.looked + 1), ModelMoves(model)
            for following in _done(moves, moves.open_by_hand()):
                yield f"a person opens service {place}", looked.having(place, following)

    def _of_others(self, state: State, place: int, service: Service) -> Iterator[tuple[str, State]]:
        if service.running:
            yield f"step: the run of service {place} ends", state.having(place, service._replace(running=False))
        for event, told, after in self._events(state, place):
            following = event(service)
            if following is not None:
                yield f"{told} service {place}", after.having(place, following)

    def _events(self, state: State, place: int) -> Iterator[tuple[_Event, str, State]]:
        """Yield what the scheduler and other people may do to a service."""
        yield _triggered, "the job triggers", state
        if state.disturbed < self._budget.disturbed:
            for told, event in _EVENTS.items():
                yield event, told, state._replace(disturbed=state.disturbed + 1)


_Event = Callable[[Service], Service | None]


def _driven(
    moves: ModelMoves, action: Action, state: State, place: int, label: str, event: tuple[int, _Event] | None = None
) -> Iterator[tuple[str, State]]:
    """Yield the states that an action leads to; an event comes before one of its effects."""
    effects = moves.effects(action)
    number = 0
    while True:
        if event is not None and event[0] == number:
            after = event[1](moves.now)
            if after is None:
                return
            moves.now = after
        following = next(effects, None)
        if following is None:
            return
        moves.now = following
        number += 1
        if event is None or number > event[0]:
            yield f"{label}, effect {number}", state.having(place, following)


def _done(moves: ModelMoves, effects: Effects) -> Iterator[Service]:
    """Yield the states that effects lead to, one after the other, nothing coming in between."""
    for following in effects:
        moves.now = following
        yield following


def _triggered(service: Service) -> Service | None:
    """Begin a run, by a trigger that came late, too: a halt alone stops it."""
    return None if service.running or service.hold or service.halted else service._replace(running=True)


def _template_written(service: Service) -> Service:
    return service._replace(newest=SOMEBODY, writes=service.writes + 1, touched=True)


def _traffic_taken(service: Service) -> Service | None:
    if service.serving == BEFORE or service.serving.run == 0:
        return None
    return service._replace(serving=BEFORE, writes=service.writes + 1, touched=True)


def _job_resumed(service: Service) -> Service | None:
    return service._replace(paused=False, paused_by_operator=False, pauses=0) if service.paused else None


def _job_paused(service: Service) -> Service | None:
    """One that is paused once a release is about to is not told from one that the release paused."""
    if service.paused or service.owed:
        return None
    return service._replace(paused=True, paused_by_operator=True)


def _halt_set(service: Service) -> Service:
    return service._replace(halted=True, halted_by_operator=True)


def _halt_lifted(service: Service) -> Service | None:
    return service._replace(halted=False, halted_by_operator=False) if service.halted else None


_EVENTS: Mapping[str, _Event] = {
    "somebody writes the template of": _template_written,
    "somebody takes the traffic of": _traffic_taken,
    "somebody resumes the job of": _job_resumed,
    "an operator pauses the job of": _job_paused,
    "an operator halts": _halt_set,
    "an operator lifts the halt of": _halt_lifted,
}


LASTING = (Guard.DEPLOYED, Guard.PROFILE, Guard.SCHEDULE, Guard.LEDGER, Guard.OBEYS, Guard.LIVE, Guard.WINDOW)
"""Guards that do not hold of a service, whatever the release does."""


def plain(services: int = 1, service: Service | None = None, course: Course | None = None) -> State:
    """Return a state in which a release may begin: nobody has done anything, and the image is built."""
    return State((service or Service(),) * services, course or Course(0), takes=tuple(range(services)))


def every_start(services: int = 1) -> Sequence[State]:
    """Return what a release may find: no image yet, a switch, a release before, an operator's doing, what is wrong."""
    known = frozenset({BEFORE})
    code = Revision(0, "", 1, image=True, profile=False)
    found = [
        (Service(), Course(0, built=False)),
        (Service(answered=known, probed=known), Course(0)),
        (Service(paused=True, paused_by_operator=True), Course(0)),
        (Service(halted=True, halted_by_operator=True), Course(0)),
        (Service(code, answered=frozenset({code})), Course(0, is_switch=True)),
        *((Service(), Course(0, wrong=frozenset({guard}))) for guard in LASTING),
    ]
    return [plain(services, service, course) for service, course in found]


def explore_services(starts: Collection[State], budget: Budget, table: Sequence[Row] = TABLE) -> Exploration:
    """Visit every state that services can come to."""
    explorer = _Explorer(table, budget)

    def holding(invariant: Invariant) -> Callable[[State], bool]:
        return lambda state: all(invariant(one, state) for one in state.services)

    model = Model(
        starts,
        explorer.successors,
        {name: holding(invariant) for name, invariant in SERVICE_INVARIANTS.items()},
        lambda state: not state.is_open,
        lambda state: bool(state.disturbed or state.course.wrong),
    )
    return search(model)
