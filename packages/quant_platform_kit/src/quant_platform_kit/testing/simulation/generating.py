"""Scenarios out of seeds: the adversary's choices."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.testing.simulation.actor import CALLS, START
from quant_platform_kit.testing.simulation.scenario import (
    Attempt,
    Behaviour,
    Day,
    Fault,
    FaultKind,
    Habit,
    Scenario,
    Trigger,
)
from quant_platform_kit.testing.simulation.strategy import SYMBOLS

__all__ = ["scenario"]

BOUNDARIES = (START, *(boundary.value for boundary in Boundary))
KINDS = (
    *(FaultKind.KILLED_BEFORE, FaultKind.KILLED_AFTER) * 4,
    *(FaultKind.STOPPED,) * 4,
    *(FaultKind.LATE, FaultKind.REQUEST_LOST, FaultKind.ANSWER_LOST) * 3,
    *(FaultKind.STORE_FAILS, FaultKind.WRITE_UNANSWERED) * 2,
    FaultKind.STORE_SLOW,
    FaultKind.TERMINATED,
    FaultKind.DOUBLE,
    FaultKind.REORDERED,
    FaultKind.QUOTE_MISSING,
    FaultKind.QUOTE_OLD,
    FaultKind.CLOCK_JUMPS,
    *(FaultKind.HALT,) * 2,
    *(FaultKind.PRICES_MOVE,) * 2,
    FaultKind.MANUAL_TRADE,
    FaultKind.FOREIGN_ORDER,
    FaultKind.SESSION_ENDS,
    FaultKind.STEP_LOST,
)
OPERATOR_KINDS = (FaultKind.KILLED_BEFORE, FaultKind.KILLED_AFTER, FaultKind.STORE_FAILS, FaultKind.WRITE_UNANSWERED)
WAKES = (Boundary.LEASE_TAKEN, Boundary.CONNECTED, Boundary.ORDER_SENT, Boundary.REPORT_PUBLISHED, Boundary.RUN_CLOSED)
RARE = (
    Boundary.LEASE_TAKEN,
    *(Boundary.CONNECTED,) * 3,
    Boundary.INPUTS_RECORDED,
    Boundary.ANSWER_RECORDED,
    *(Boundary.REVISION_COMMITTED,) * 2,
    Boundary.BUYS_DONE,
    Boundary.EXECUTED_RECORDED,
    *(Boundary.RUN_CLOSED,) * 2,
)
HABITS = tuple(Habit)
_KILLS = (FaultKind.KILLED_BEFORE, FaultKind.KILLED_AFTER)
_BEFORE_ORDERS = {
    Boundary.CONNECTED: Boundary.PLAN_COMMITTED,
    Boundary.REVISION_COMMITTED: Boundary.REVISION_COMMITTED,
}
"""Where the first order of a phase is recorded as sent, by where a resumed run then looks it up."""
_OF_LOOKS = (
    FaultKind.REQUEST_LOST,
    FaultKind.ANSWER_LOST,
    FaultKind.LATE,
    FaultKind.DOUBLE,
    FaultKind.REORDERED,
    FaultKind.QUOTE_MISSING,
    FaultKind.QUOTE_OLD,
    FaultKind.WRITE_UNANSWERED,
)
_OF_ORDERS = (FaultKind.LATE, FaultKind.REQUEST_LOST, FaultKind.ANSWER_LOST, FaultKind.STEP_LOST)
LONGEST = 0.999
"""Of timeout and window: what is later than both is beyond what a broker promises."""


def scenario(seed: int, traits: str, workers: int = 2) -> Scenario:
    """Return the scenario of a seed.

    Parameters
    ----------
    workers
        How many overlap on one trigger at most.
    """
    random = Random(f"{traits}/{seed}")
    days = tuple(_day(random, workers) for _ in range(random.choice((2, 3, 3, 4))))
    calm = random.random() < 0.3
    behaviours = () if calm else tuple(_behaviour(random) for _ in range(14))
    made = Scenario(
        seed=seed,
        traits=traits,
        days=days,
        first=random.randrange(8),
        monthly=random.random() < 0.2,
        lends=random.random() < 0.5,
        behaviours=behaviours,
    )
    return replace(made, backed=True, days=tuple(_late(random, day) for day in days)) if random.random() < 0.3 else made


def _late(random: Random, day: Day) -> Day:
    """Return a day before which the snapshot may not have been published, or not for days."""
    return replace(day, snapshot_late=random.choice((45, 500, 1500, 3000)) if random.random() < 0.25 else 0)


def _day(random: Random, workers: int) -> Day:
    minutes = [random.choice((30, 30, 30, 60, 384, 388))]
    if random.random() < 0.2:
        minutes.append(minutes[0] + random.choice((1, 90)))
    triggers = tuple(_trigger(random, minute, workers) for minute in sorted({*minutes}))
    odd = random.random()
    return Day(
        triggers=triggers,
        bar_missing=random.choice((45, 500)) if odd < 0.06 else 0,
        split=random.choice(SYMBOLS) if 0.06 < odd < 0.09 else "",
        liquidated=0.09 < odd < 0.11,
        operator=tuple(_operator_fault(random) for _ in range(random.choice((0, 0, 0, 1)))),
        reruns=random.random() < 0.25,
        watched=random.random() < 0.15,
    )


def _trigger(random: Random, minute: int, workers: int) -> Trigger:
    if random.random() < 0.15:
        return _resumed(random, minute)
    count = random.choice((0, 1, 1, *range(1, workers + 1), workers, workers + 1))
    offset, attempts = 0.0, list[Attempt]()
    for _ in range(count):
        attempts.append(Attempt(round(offset, 3), _faults(random)))
        offset += random.choice((0.05, 0.5, 2.0, 30.0, 95.0, 130.0)) * random.random()
    return Trigger(minute, tuple(attempts))


def _resumed(random: Random, minute: int) -> Trigger:
    """Return a trigger whose first worker dies over an order, and whose second is hit while it takes that up."""
    again = random.choice((Boundary.CONNECTED, Boundary.REVISION_COMMITTED, Boundary.SELLS_DONE, Boundary.RUN_CLOSED))
    if again in _BEFORE_ORDERS and random.random() < 0.7:
        killed = Fault(FaultKind.KILLED_AFTER, _BEFORE_ORDERS[again].value, call="write")
    else:
        after = random.choice((Boundary.SENT_RECORDED, Boundary.ORDER_SENT, Boundary.ANSWER_RECORDED))
        killed = Fault(random.choice(_KILLS), after.value, random.randrange(8))
    kind = random.choice(_OF_LOOKS if random.random() < 0.6 else tuple(FaultKind))
    skip = random.choice((0, 0, 1, 2))
    fault = Fault(kind, again.value, skip, _share(random), unseen=_share(random), call=_call(random, kind))
    return Trigger(minute, (Attempt(0.0, (killed,)), Attempt(random.choice((95.0, 130.0)), (fault,))))


def _faults(random: Random) -> tuple[Fault, ...]:
    if random.random() < 0.06:
        return _straggler(random)
    if random.random() < 0.2:
        return _halt(random) if random.random() < 0.25 else _rare(random)
    return tuple(_fault(random) for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3))))


def _fault(random: Random) -> Fault:
    kind, after = random.choice(KINDS), random.choice(BOUNDARIES)
    if kind in _OF_ORDERS and random.random() < 0.8:
        after = Boundary.SENT_RECORDED.value
    amount, unseen = _share(random), _share(random)
    skip = random.choice((0, 0, 0, 1, 2, 3, 5))
    until = random.choice((*WAKES, "")) if kind is FaultKind.STOPPED else ""
    if kind is not FaultKind.LATE:
        call = random.choice(CALLS[kind]) if random.random() < 0.4 else ""
        return Fault(kind, after, skip, amount, str(until), call=call)
    return Fault(kind, after, 0, amount, "", unseen, early=random.random() < 0.4)


def _straggler(random: Random) -> tuple[Fault, ...]:
    """Return the faults of a worker that stops with an order in hand, and sends it while its successor begins."""
    sent = Boundary.SENT_RECORDED.value
    skip = random.choice((0, 0, 1, 2))
    wake = str(random.choice((Boundary.LEASE_TAKEN, Boundary.CONNECTED)))
    stopped = Fault(FaultKind.STOPPED, sent, skip, LONGEST, wake, call="order")
    late = Fault(
        FaultKind.LATE, sent, skip, _share(random), unseen=_share(random), early=random.random() < 0.5, call="order"
    )
    return (stopped, late)


def _unquoted(random: Random) -> tuple[Fault, ...]:
    """Return faults of the quotes of a symbol that is only a target: it is asked for again when it is planned."""
    again = random.choice((FaultKind.QUOTE_MISSING, FaultKind.QUOTE_OLD))
    return (
        Fault(FaultKind.QUOTE_MISSING, Boundary.CLAIMED.value, 1, _share(random), call="market"),
        Fault(again, Boundary.DECISION_RECORDED.value, 0, _share(random), call="market"),
    )


def _rare(random: Random) -> tuple[Fault, ...]:
    """Return faults for where calls are made in few runs: after a failed login, or in what another worker left."""
    if random.random() < 0.08:
        return _unquoted(random)
    after, kind = random.choice(RARE).value, random.choice(tuple(FaultKind))
    fault = Fault(kind, after, 0, _share(random), unseen=_share(random), call=_call(random, kind))
    if after != Boundary.LEASE_TAKEN.value:
        return (fault,)
    return (Fault(FaultKind.REQUEST_LOST, after, amount=0.001, call="connect"), fault)


def _halt(random: Random) -> tuple[Fault, ...]:
    """Return a halt that is written while an intent to send is on its way into the store."""
    after = random.choice((Boundary.SELLS_DONE, Boundary.ANSWER_RECORDED, Boundary.REVISION_COMMITTED))
    return (Fault(FaultKind.HALT, after.value, random.randrange(3), call="write"),)


def _call(random: Random, kind: FaultKind) -> str:
    return random.choice(("", *CALLS[kind]))


def _share(random: Random) -> float:
    return random.choice((0.001, LONGEST, round(random.random() * LONGEST, 3)))


def _operator_fault(random: Random) -> Fault:
    return Fault(random.choice(OPERATOR_KINDS), START, random.randrange(20))


def _behaviour(random: Random) -> Behaviour:
    habit = random.choice(HABITS) if random.random() < 0.4 else Habit.FILL
    return Behaviour(habit, round(random.random(), 3))
