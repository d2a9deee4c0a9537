"""A scenario: all that simulated days are made of, as plain data that can be kept, cut down and played again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from quant_platform_kit.domain.digests import canonical_json

__all__ = ["Attempt", "Behaviour", "Day", "Fault", "FaultKind", "Habit", "Scenario", "Trigger", "load", "text"]


class FaultKind(StrEnum):
    """What the adversary does to a call of a worker or an operator."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    STOPPED = "stopped"
    TERMINATED = "told to stop"
    STORE_FAILS = "store fails"
    WRITE_UNANSWERED = "write unanswered"
    STORE_SLOW = "store slow"
    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"
    LATE = "late"
    DOUBLE = "double"
    REORDERED = "reordered"
    QUOTE_MISSING = "quote missing"
    QUOTE_OLD = "quote old"
    CLOCK_JUMPS = "clock jumps"
    HALT = "halt"
    PRICES_MOVE = "prices move"
    MANUAL_TRADE = "manual trade"
    FOREIGN_ORDER = "foreign order"
    SESSION_ENDS = "session ends"
    STEP_LOST = "step lost"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and the call that it hits.

    Attributes
    ----------
    after
        The boundary that the actor has reached last (`Boundary`), ``start`` before the first.
    skip
        Calls after it that the fault could hit and lets pass.
    amount
        How much of it, from 0 to 1: of the longest delay, the farthest move.
    until
        Of a stop: it ends when another worker reaches this boundary, should that be earlier.
    unseen
        Of an order that is late: how long it cannot be seen after it arrived, as a share of the visibility window;
        ``amount`` is how long it travels, as a share of the timeout.
    early
        Of an order that is late: its sender hears at once that the connection broke, while the order is on its way.
    call
        The kind of call that it hits; any that it can hit without one.
    """

    kind: FaultKind
    after: str
    skip: int = 0
    amount: float = 0.5
    until: str = ""
    unseen: float = 0.0
    early: bool = False
    call: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One worker on a trigger: seconds after it was due, and what befalls it."""

    offset: float
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """A run that is due, minutes after the opening, and the workers that the adversary plays with.

    Whatever becomes of them, the trigger is then repeated, unharmed, until its run has a report.
    """

    minute: int
    attempts: tuple[Attempt, ...]


class Habit(StrEnum):
    """What the venue does with an order that it accepted."""

    FILL = "fills"
    FILL_LATE = "fills late"
    PART = "fills a part, later the rest"
    HOLD_PART = "fills a part, holds the rest"
    HOLD = "holds"
    END_PART = "fills a part, cancels the rest"
    REJECT = "rejects"
    RACE = "fills when it is cancelled"
    VANISH = "acknowledges, and knows nothing of it then"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A habit, and how late: as a share of the longest delay."""

    habit: Habit = Habit.FILL
    amount: float = 0.5


@dataclass(frozen=True, slots=True)
class Day:
    """One session.

    Attributes
    ----------
    bar_missing
        Minutes after the opening until which the bar of the session before is missing; 0 if it is there.
    snapshot_late
        Minutes after the opening at which the snapshot of the session before is published; 0 if it is there.
    split
        A symbol that splits 2:1 before the opening.
    liquidated
        Whether every position is sold by the broker before the opening.
    operator
        What befalls the operator who looks after the account after the runs.
    reruns
        Whether the operator gives leave for another attempt, once all is settled.
    watched
        Whether the watchdog looks.
    """

    triggers: tuple[Trigger, ...]
    bar_missing: int = 0
    snapshot_late: int = 0
    split: str = ""
    liquidated: bool = False
    operator: tuple[Fault, ...] = ()
    reruns: bool = False
    watched: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """Days of one account.

    Attributes
    ----------
    seed
        Of prices, delays and the strategy.
    traits
        Name of the trait set (`TRAIT_SETS`).
    first
        Which session of the calendar the first day is, from the end of November 2023 on.
    monthly
        Whether the strategy decides on month ends only, instead of every session.
    backed
        Whether the strategy reads a feature snapshot, of every session that it decides on, and no prices.
    lends
        Whether the broker lends money and units: it refuses nothing, and prices move less than the buffer.
    even
        Whether every call takes the same time.
    behaviours
        Of the venue, order by order; it fills what comes after these.
    """

    seed: int
    traits: str
    days: tuple[Day, ...]
    first: int = 0
    monthly: bool = False
    lends: bool = False
    even: bool = False
    behaviours: tuple[Behaviour, ...] = ()
    backed: bool = False


_SCENARIO = TypeAdapter(Scenario)


def text(scenario: Scenario) -> str:
    """Return a scenario as one line of JSON."""
    return canonical_json(scenario).decode()


def load(source: str | Path) -> Scenario:
    """Return the scenario that `text` wrote, out of a file or of the text itself."""
    return _SCENARIO.validate_json(source.read_bytes() if isinstance(source, Path) else source)
