"""Real days streamed as they were, and cut, shuffled and repeated: the live session decides what the model decides."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from quant_platform_kit.adapters.calendar_tables import load_calendar
from trading_playbook.backtest import Backtest, SessionResult, backtest
from trading_playbook.days import days_between
from trading_playbook.dp20.at_once import outcome_of
from trading_playbook.dp20.bars import SessionBars
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.csv_form import render
from trading_playbook.journal.record import record_of
from trading_playbook.live.events import Happening
from trading_playbook.live.ports import BarTold, Connection
from trading_playbook.live.session import FRESH, LiveSession
from trading_playbook.live.shortfall import as_decided, difference
from trading_playbook.sources.files import FileSource
from trading_playbook.testing.live.world import LATENCY, Delivery, Killed, World

__all__ = ["STREAMS", "Compared", "compare", "dev_days"]

FIRST, LAST = date(2025, 9, 15), date(2025, 11, 28)
SYMBOL = "QQQ"


@dataclass(slots=True)
class Compared:
    """What came of streaming the days in one way.

    Attributes
    ----------
    equal
        Sessions whose decisions are the model's.
    named
        Of the others, what the session itself says: ``missed``, or the minutes that came too late.
    foretold
        Sessions that the fault script says will differ or be missed.
    wrong
        Sessions that differ and were not foretold, or were foretold and do not.
    """

    sessions: int = 0
    equal: int = 0
    entered: int = 0
    named: dict[str, str] = field(default_factory=dict[str, str])
    foretold: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])


def dev_days(folder: Path) -> Backtest:
    """Return the model on the dev days; ``folder`` has the bars."""
    calendar = load_calendar("XNYS")
    files = (folder / "intraday_1min.parquet", folder / "intraday_warmup_daily.csv")
    return backtest(
        FileSource(*files, SYMBOL, calendar), days_between(calendar, FIRST, LAST), calendar, Dp20Parameters()
    )


def journal_is(expected: Path, tested: Backtest) -> bool:
    """Whether the journal of the days is the expected one, byte for byte."""
    return render(tested.records) == expected.read_bytes()


Stream = Callable[[World, random.Random, SessionResult], bool]
"""Changes what the stream tells; returns whether a session has to differ or to be missed for it."""


def _as_it_was(world: World, chance: random.Random, session: SessionResult) -> bool:
    """Every bar once, soon after its end."""
    return False


def _repeated(world: World, chance: random.Random, session: SessionResult) -> bool:
    """Bars twice, later words about them, and pairs of one slot the wrong way round."""
    told = list(world.deliveries)
    again = [replace(each, at=each.at + timedelta(seconds=chance.randint(0, 240))) for each in told[::3]]
    later = [
        Delivery(each.at + timedelta(seconds=31), BarTold(each.told.bar._replace(close=1.0), updated=True))
        for each in told[::5]
        if isinstance(each.told, BarTold)
    ]
    world.deliveries = [*told, *again, *later]
    return False


def _filled_in_time(world: World, chance: random.Random, session: SessionResult) -> bool:
    """Cut the stream for minutes of the search; REST has the bars before their slots close.

    The cuts are far enough from each other that their reconnects trip no breaker.
    """
    for minute in (8, 28, 48):
        _cut(world, minute + chance.randint(0, 4), chance.randint(1, 6))
    return False


def _lost(world: World, chance: random.Random, session: SessionResult) -> bool:
    """Let bars come by no way before their slot has closed: those of the confirmation, where there is one.

    Whether the session has to differ, the model says of the bars that are left.
    """
    minute = session.outcome.confirmation or 40
    _cut(world, minute, 2)
    world.rest_down.append((world.at(minute), world.at(minute + 4)))
    left = ~np.isin(session.bars.minutes, (minute - 1, minute, minute + 1))
    all_ = session.bars
    opens, highs, lows, closes = (column[left] for column in (all_.open, all_.high, all_.low, all_.close))
    bars = SessionBars(all_.minutes[left], opens, highs, lows, closes, all_.length)
    outcome = outcome_of(world.terms.facts, bars, world.parameters)
    return bool(difference(session.record, record_of(SYMBOL, session.day.opens, outcome)))


STREAMS: dict[str, Stream] = {
    "as it was": _as_it_was,
    "repeated and out of order": _repeated,
    "cut and filled": _filled_in_time,
    "lost": _lost,
}


def compare(name: str, sessions: Sequence[SessionResult], seed: int = 1, *, restarts: bool = False) -> Compared:
    """Stream sessions in one way, and hold what was decided against the model."""
    compared = Compared()
    for number, session in enumerate(sessions):
        chance = random.Random(f"{seed} {name} {number}")
        world = World(session.day.opens.astimezone(UTC), session.day.minutes, session.outcome.sma, session.bars.rows())
        foretold = STREAMS[name](world, chance, session)
        live, ups = _run(world, chance, restarts=restarts)
        trade, confirmed = session.outcome.trade, session.outcome.confirmation
        if trade is not None and confirmed is not None:
            foretold = foretold or ups.misses(world.at(confirmed + world.parameters.bar_minutes))
        day = str(session.day.date)
        compared.sessions += 1
        compared.entered += live.orders.entry is not None
        compared.foretold += [day] if foretold else []
        missed = live.noted.get(Happening.MISSED) or live.noted.get(Happening.REFUSED)
        differs = difference(session.record, as_decided(live)) or (missed.text if missed else "")
        if differs:
            late = f"minutes that came too late: {sorted(live.slots.passed_over)}"
            compared.named[day] = f"{differs}; {late}" if live.slots.passed_over else differs
        compared.equal += not differs
        if bool(differs) != foretold:
            compared.wrong.append(day)
    return compared


@dataclass(slots=True)
class _Ups:
    """When processes were up: from being connected until they were killed."""

    spells: list[tuple[datetime, datetime]] = field(default_factory=list[tuple[datetime, datetime]])

    def misses(self, signal: datetime) -> bool:
        """Whether no process was up while a signal could be entered."""
        return not any(begins <= signal + FRESH and ends > signal + LATENCY for begins, ends in self.spells)


def _run(world: World, chance: random.Random, *, restarts: bool) -> tuple[LiveSession, _Ups]:
    """Run a session, killed once at a bar if there are restarts."""
    left = chance.randint(10, 70) if restarts else 0
    ups = _Ups()

    def doom(boundary: str) -> bool:
        nonlocal left
        left -= boundary == "bar-recorded"
        return boundary == "bar-recorded" and not left

    while True:
        process = world.process(doom)
        try:
            session = process.run()
        except Killed:
            session = None
        ups.spells.append((process.connected_at or world.clock.now(), world.clock.now()))
        if session is not None:
            return session, ups


def _cut(world: World, minute: int, length: int) -> None:
    begins, ends = world.at(minute), world.at(minute + length)
    kept = [each for each in world.deliveries if not begins < each.at <= ends + timedelta(seconds=1)]
    cut = [
        Delivery(begins, Connection(up=False, text="cut")),
        Delivery(ends + timedelta(seconds=2), Connection(up=True)),
    ]
    world.deliveries = [*kept, *cut]
