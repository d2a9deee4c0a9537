"""One attempt at the row of a session, from its trigger to what became of it in every journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.clock import Clock

from trading_playbook.attempts import Attempt, AttemptLog, Ending
from trading_playbook.backtest import backtest
from trading_playbook.daily.due import is_awaited, sessions_due, works_from
from trading_playbook.days import trading_day
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.csv_form import sorted_rows
from trading_playbook.journal.merging import Written
from trading_playbook.journal.record import STRATEGY, Key, TradeRecord
from trading_playbook.sources.port import BarSource, Opens
from trading_playbook.sources.usage import Usage
from trading_playbook.writers.places import Result, write_all
from trading_playbook.writers.writer import TradeWriter

__all__ = ["DailyPorts", "DailyResult", "OpenWriters", "run_session"]

OpenWriters = Callable[[], Sequence[TradeWriter]]


@dataclass(frozen=True, slots=True)
class DailyPorts:
    """What a daily run works with.

    Attributes
    ----------
    writers
        Opens the journals; an attempt whose journals cannot be opened is an error like any other.
    opens
        The source of bars; it is not opened where the row is there already.
    feed
        Where the source's bars come from, recorded with every attempt.
    """

    calendar: ExchangeCalendar
    clock: Clock
    writers: OpenWriters
    opens: Opens
    attempts: AttemptLog
    parameters: Dp20Parameters
    feed: str = ""


@dataclass(slots=True)
class DailyResult:
    """What became of an attempt.

    Attributes
    ----------
    results
        Of the rows in each journal, as far as there were rows to write.
    made
        The rows that were made, ascending.
    rows
        The symbol's rows in the first journal, sorted; None where it could not be read.
    warnings
        What a reader should know of data and missed sessions, in sentences.
    retry_at
        From when on another attempt can do more, aware UTC; None where that is not known.
    """

    ending: Ending = Ending.UNCHANGED
    reason: str = ""
    results: list[Result] = field(default_factory=list[Result])
    made: list[TradeRecord] = field(default_factory=list[TradeRecord])
    rows: list[TradeRecord] | None = None
    warnings: list[str] = field(default_factory=list[str])
    retry_at: datetime | None = None


def run_session(ports: DailyPorts, scheduled: datetime) -> tuple[Attempt, DailyResult]:
    """Make the row of the session that a schedule time names, and of those that were missed before it.

    Parameters
    ----------
    scheduled
        When the run was due, aware; its New York date is the session.

    Raises
    ------
    StoreError
        The attempt cannot be recorded. What was written stays, and the next attempt finds it.
    """
    run = _Run(ports, ports.calendar.local_date(scheduled))
    started, begun = ports.clock.now(), ports.clock.monotonic()
    try:
        run.make()
    except QuantError as error:
        run.end(Ending.ERROR, str(error))
    except BaseException as error:
        run.end(Ending.ERROR, f"a defect: {type(error).__name__}")
        raise
    finally:
        attempt = run.attempt(started, ports.clock.monotonic() - begun)
        ports.attempts.record(attempt)
    return attempt, run.result


class _Run:
    """An attempt under way."""

    def __init__(self, ports: DailyPorts, session: date) -> None:
        self._ports, self._session = ports, session
        self._source: BarSource | None = None
        self.result = DailyResult()

    def end(self, ending: Ending, reason: str = "") -> None:
        """Say how the attempt ended."""
        self.result.ending, self.result.reason = ending, reason

    def attempt(self, started: datetime, seconds: float) -> Attempt:
        """Return what is kept of it."""
        written = max((result.count(Written.WRITTEN) for result in self.result.results), default=0)
        usage = Usage() if self._source is None else replace(self._source.usage)
        symbol, feed = self._ports.attempts.symbol, self._ports.feed
        ending, reason = self.result.ending, self.result.reason
        return Attempt(symbol, self._session, started, ending, seconds, usage, written, reason, feed)

    def make(self) -> None:
        """Do all there is to do."""
        calendar, now = self._ports.calendar, self._ports.clock.now()
        if not calendar.is_session(self._session):
            return self.end(Ending.SKIPPED, f"{self._session} is no session of {calendar.name}")
        if now < (at := works_from(calendar, self._session)):
            self.result.retry_at = at
            return self.end(Ending.EARLY, f"the bars of {self._session} are there from {at:%Y-%m-%d %H:%M} UTC on")
        writers, due = self._read()
        if due and self._makes(due, now):
            self._write(writers)
        return self._conclude()

    def _read(self) -> tuple[list[TradeWriter], list[date]]:
        """Return the journals that can be read, and the sessions that any of them lacks."""
        readable: list[TradeWriter] = []
        due: set[date] = set()
        for number, writer in enumerate(self._ports.writers()):
            try:
                rows = _of(self._ports.attempts.symbol, writer.read())
                self.result.rows = self.result.rows if number else rows
                due |= {*sessions_due(rows, self._session, self._ports.calendar, writer.place)}
            except QuantError as error:
                self.result.results.append(Result(writer.place, error=error))
            else:
                readable.append(writer)
        return readable, sorted(due)

    def _makes(self, due: Sequence[date], now: datetime) -> bool:
        """Make the rows of sessions; return whether they may be written."""
        ports = self._ports
        self.result.warnings += [f"{day} was missed and is made up for" for day in due if day != self._session]
        days = [trading_day(ports.calendar, day) for day in due]
        with ports.opens() as self._source:
            tested = backtest(self._source, days, ports.calendar, ports.parameters)
        self.result.warnings += tested.warnings
        last = tested.sessions[-1]
        if last.day.date == self._session and is_awaited(last.bars, last.day, ports.parameters, ports.calendar, now):
            self.end(Ending.ERROR, f"the bars of {self._session} are not all there yet; nothing was written, try again")
            return False
        self.result.made = tested.records
        return True

    def _write(self, writers: Iterable[TradeWriter]) -> None:
        written = write_all(writers, self.result.made)
        self.result.results += written
        if self.result.rows is not None and (merged := written[0].merged):
            self.result.rows = _of(self._ports.attempts.symbol, merged.rows)

    def _conclude(self) -> None:
        """Say how it ended, from what became of the rows in each journal."""
        result = self.result
        if result.ending is Ending.ERROR:
            return
        failed = [f"{each.place}: {each.error}" for each in result.results if each.error]
        conflicts = [each.place for each in result.results if each.count(Written.CONFLICT)]
        if failed:
            self.end(Ending.ERROR, "; ".join(failed))
        elif conflicts:
            self.end(Ending.CONFLICT, f"{', '.join(conflicts)} has another row and keeps it; see --replace REASON")
        elif any(each.merged and each.merged.is_changed for each in result.results):
            self.end(Ending.WRITTEN)


def _of(symbol: str, rows: Iterable[TradeRecord]) -> list[TradeRecord]:
    return sorted_rows(row for row in rows if row.key == Key(STRATEGY, symbol, row.trade_date))
