"""Sessions with trouble: a made-up market, and what goes wrong in it, both drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from trading_playbook.days import trading_day
from trading_playbook.dp20.outcome import Note, Outcome
from trading_playbook.live.ports import BarTold, Connection
from trading_playbook.testing.live.exchange import Fault
from trading_playbook.testing.live.market import made_up
from trading_playbook.testing.live.world import Delivery, World

__all__ = ["Scenario", "Trouble", "scenario"]

CALENDAR = load_calendar("XNYS")
FIRST = date(2018, 1, 2)
TROUBLES = ("kill", "stop hit while down", "down at leaving", "drop", "silence", "partly", "refused", "twice", "frozen")

NEEDED = {"entry-cancel-sent": "partly", "slot-ended": "drop"}
"""Boundaries that a session comes to with a trouble only."""
ELSEWHERE = ("stop hit while down", "down at leaving", "refused")
"""Troubles after which a session never comes to its end alive."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong.

    Attributes
    ----------
    kind
        One of `TROUBLES`.
    boundary, visit
        Where the first process is killed or frozen, at the how manieth time it comes there; empty for nowhere.
    down
        Until when no process runs after it.
    """

    kind: str
    boundary: str = ""
    visit: int = 1
    down: timedelta = timedelta(seconds=2)


@dataclass
class Scenario:
    """A world and its trouble; ``outcome`` is the model's."""

    world: World
    trouble: Trouble
    outcome: Outcome


def scenario(seed: int, number: int, boundary: str) -> Scenario:
    """Return the ``number``-th scenario of a seed; its first process is killed at a boundary, if it comes there."""
    chance = random.Random(f"{seed} {number}")
    towards_end = boundary.startswith(("leaving", "stop-cancel", "exit"))
    world, outcome = _market(chance, number, trades=towards_end or number % 10 != 0, until_end=towards_end)
    kind = NEEDED.get(boundary) or TROUBLES[number % len(TROUBLES)]
    if towards_end and kind in ELSEWHERE:
        kind = "kill"
    trouble = Trouble(kind, boundary, 1, timedelta(seconds=chance.choice((1, 5, 20, 120, 900))))
    if boundary == "bar-recorded":
        trouble = replace(trouble, visit=chance.randint(1, 60))
    return Scenario(world, _arranged(chance, world, trouble, outcome), outcome)


def _market(chance: random.Random, number: int, *, trades: bool, until_end: bool) -> tuple[World, Outcome]:
    """Return a random walk, of which the model says that it trades, until it leaves at the end, or does not."""

    def wanted(outcome: Outcome) -> bool:
        return (outcome.trade is not None) == trades and (not until_end or outcome.note is Note.EOD)

    day = trading_day(CALENDAR, CALENDAR.after(FIRST + timedelta(days=3 * number)))
    return made_up(chance.getrandbits(32), day, wanted)


def _arranged(chance: random.Random, world: World, trouble: Trouble, outcome: Outcome) -> Trouble:
    """Arrange a trouble in its world."""
    faults, trade = world.exchange.faults, outcome.trade
    match trouble.kind:
        case "silence":
            for kind in ("buy", "stop", "sell"):
                faults[kind] = [chance.choice((Fault.SILENT, Fault.DROPPED, Fault.DELAYED))]
        case "partly":
            faults["buy"] = [Fault.PARTIAL]
        case "refused":
            faults["stop"] = [Fault.REFUSED]
        case "drop":
            _drop(chance, world, chance.randint(1, 120), chance.randint(1, 8))
        case "stop hit while down" if trade is not None and trade.note in (Note.STOP, Note.STOP_GAP):
            assert trade.exit is not None
            spell = timedelta(minutes=trade.exit - trade.entry + 2)
            return replace(trouble, boundary="stop-acknowledged", visit=1, down=spell)
        case "down at leaving" if trade is not None:
            leaves = world.terms.leaves - world.at(trade.entry) + timedelta(minutes=chance.choice((0, 1, 10)))
            return replace(trouble, boundary=chance.choice(("stop-acknowledged", "entry-filled")), down=leaves)
        case _:
            pass
    return trouble


def _drop(chance: random.Random, world: World, minute: int, length: int) -> None:
    """Cut the stream for some minutes, shuffle and repeat what comes around it, and sometimes cut REST too."""
    begins, ends = world.at(minute), world.at(minute + length)
    kept = [each for each in world.deliveries if not begins <= each.at < ends]
    cut = [Delivery(begins, Connection(up=False, text="cut")), Delivery(ends, Connection(up=True))]
    told = [each for each in kept if isinstance(each.told, BarTold)]
    again = [
        Delivery(each.at + timedelta(seconds=chance.randint(0, 200)), each.told) for each in chance.sample(told, 20)
    ]
    later = [_updated(each) for each in chance.sample(told, 10)]
    swapped = [_late(each, chance) if chance.random() < 0.1 else each for each in kept]
    world.deliveries = [*swapped, *cut, *again, *later]
    if chance.random() < 0.5:
        world.rest_down.append((begins, ends + timedelta(seconds=chance.choice((0, 60)))))


def _late(delivery: Delivery, chance: random.Random) -> Delivery:
    return replace(delivery, at=delivery.at + timedelta(seconds=chance.choice((2, 30, 90))))


def _updated(delivery: Delivery) -> Delivery:
    told = delivery.told
    assert isinstance(told, BarTold)
    other = told.bar._replace(close=told.bar.close * 0.99, low=told.bar.low * 0.99)
    return Delivery(delivery.at + timedelta(seconds=30), BarTold(other, updated=True))
