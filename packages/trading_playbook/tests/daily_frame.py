"""A daily run on bars of a test's own making."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import QuantError
from trading_playbook.attempts import Attempt, AttemptLog
from trading_playbook.daily.run import DailyPorts, DailyResult, run_session
from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import FloatArray, SessionBars
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.sources.usage import Usage
from trading_playbook.writers.csv_writer import CSVTradeWriter
from trading_playbook.writers.writer import TradeWriter

CALENDAR = load_calendar("XNYS")
MONDAY = date(2025, 9, 15)


def at(text: str) -> datetime:
    """Return an instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class QuietSource:
    """A source whose price never moves, so that no session has a pullback."""

    symbol: str = "QQQ"
    bar_minutes: int = 1
    ends: int = 390
    price: float = 100.0
    fails: QuantError | None = None
    usage: Usage = field(default_factory=Usage)

    def bars(self, day: TradingDay) -> SessionBars:
        self.usage.calls += 1
        self.usage.call_seconds += 0.5
        if self.fails:
            raise self.fails
        minutes = np.arange(min(self.ends, day.minutes), dtype=np.int64)
        flat = np.full(len(minutes), self.price)
        return SessionBars(minutes, flat, flat, flat, flat)

    def check(self) -> None:
        if self.fails:
            raise self.fails

    def closes(self, days: Sequence[date], session: date) -> FloatArray:
        return np.full(len(days), 90.0)


@dataclass
class Site:
    """A place where daily runs take place: folder, clock, journals, source."""

    folder: Path
    clock: FrozenClock
    source: QuietSource = field(default_factory=QuietSource)
    writers: Callable[[], Sequence[TradeWriter]] | None = None
    opened: int = 0

    @property
    def journal(self) -> Path:
        return self.folder / "trades.csv"

    @property
    def store(self) -> FileStore:
        return FileStore(self.folder / "store")

    @property
    def log(self) -> AttemptLog:
        return AttemptLog(self.store, "QQQ")

    def attempts(self) -> list[Attempt]:
        return self.log.between(date(2000, 1, 1), date(2100, 1, 1))

    def run(self, scheduled: str, now: str | None = None) -> tuple[Attempt, DailyResult]:
        self.clock.instant = at(now or scheduled)
        writers = self.writers or (lambda: (CSVTradeWriter(self.journal),))
        ports = DailyPorts(CALENDAR, self.clock, writers, self._open, self.log, Dp20Parameters(), "sip")
        return run_session(ports, at(scheduled))

    @contextmanager
    def _open(self) -> Generator[QuietSource]:
        self.opened += 1
        yield self.source


def site_in(folder: Path) -> Site:
    """Return a site in a folder, on the evening of a session."""
    return Site(folder, FrozenClock(at("2025-09-15T21:00")))
