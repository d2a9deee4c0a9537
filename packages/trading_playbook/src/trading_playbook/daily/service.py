"""The daily run as a service: the run itself, and what people see of it. What is told never fails a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from loguru import logger
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.observe.notifying import Notices

from trading_playbook.attempts import Attempt, AttemptLog, Ending
from trading_playbook.daily.run import DailyPorts, DailyResult, OpenWriters, run_session
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.merging import Written
from trading_playbook.journal.record import STRATEGY, TradeRecord
from trading_playbook.observe.exposition import values, write_metrics
from trading_playbook.observe.messages import daily_summary, trade_alert
from trading_playbook.observe.readings import Readings, read_readings, session_settled
from trading_playbook.observe.watching import check, findings
from trading_playbook.sources.port import Opens

__all__ = ["Playbook", "Telling"]


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told after a run, and to whom.

    Attributes
    ----------
    metrics_file
        Where the figures are written for Prometheus; None for nowhere.
    live_feed
        The feed of the stream, where it is another than that of history.
    """

    notices: Notices
    summary: bool = True
    trades: bool = False
    metrics_file: Path | None = None
    live_feed: str = ""


@dataclass(frozen=True, slots=True)
class Playbook:
    """DP20 on one symbol, day by day.

    Attributes
    ----------
    writers
        Opens the journals, anew for each run.
    opens
        The source of bars.
    """

    symbol: str
    calendar: ExchangeCalendar
    clock: Clock
    store: VersionedStore
    writers: OpenWriters
    opens: Opens
    telling: Telling
    parameters: Dp20Parameters
    feed: str = ""

    @property
    def log(self) -> AttemptLog:
        """The attempts so far."""
        return AttemptLog(self.store, self.symbol)

    def run(self, scheduled: datetime) -> tuple[Attempt, DailyResult]:
        """Make the row of a session, see `run_session`, and tell of it."""
        ports = DailyPorts(self.calendar, self.clock, self.writers, self.opens, self.log, self.parameters, self.feed)
        attempt, result = run_session(ports, scheduled)
        _log(attempt, result)
        if attempt.ending not in (Ending.SKIPPED, Ending.EARLY):
            self._quietly("the figures", lambda: self._tell(attempt, result))
        return attempt, result

    def readings(self) -> Readings:
        """Return the figures as of the newest session whose row should be there.

        Raises
        ------
        QuantError
            The first journal, or the store of attempts, cannot be read.
        """
        rows = [row for row in self.writers()[0].read() if (row.strategy, row.symbol) == (STRATEGY, self.symbol)]
        return self._readings(rows)

    def watch(self) -> list[str]:
        """Return what is wrong, and tell of it once an episode; raises as `readings`."""
        readings = self.readings()
        self._publish(readings)
        return findings(readings)

    def probe(self) -> list[str]:
        """Return what would keep a run from its end, nothing where all is well; nothing is written."""
        asked: list[tuple[str, Callable[[], object]]] = [("the source", self._check_source)]
        asked += [(writer.place, writer.read) for writer in self.writers()]
        asked.append(("the store", lambda: self.log.first_session()))
        return [f"{name}: {fault}" for name, question in asked if (fault := _fault(question))]

    def _readings(self, rows: Sequence[TradeRecord] | None, *sessions: date) -> Readings:
        """Return the figures as of the newest of sessions, of rows and of what should have a row."""
        settled = session_settled(self.calendar, self.clock.now())
        newest = max((settled, *sessions, *(row.trade_date for row in rows or ())))
        return read_readings(self.log, rows, newest, self.calendar)

    def _check_source(self) -> None:
        with self.opens() as source:
            source.check()

    def _tell(self, attempt: Attempt, result: DailyResult) -> None:
        readings = self._readings(result.rows, attempt.session)
        logger.bind(event="figures", symbol=self.symbol, session=str(readings.session), **values(readings)).info(
            "figures of {} as of {}", self.symbol, readings.session
        )
        self._publish(readings)
        self._quietly("the summary", lambda: self._summarise(attempt, result, readings))

    def _publish(self, readings: Readings) -> None:
        if (path := self.telling.metrics_file) is not None:
            self._quietly("the metrics file", lambda: write_metrics(path, readings))
        self._quietly("alerts", lambda: self._alert(readings))

    def _alert(self, readings: Readings) -> None:
        for text in findings(readings):
            logger.error("{}", text)
        for delivery in check(readings, self.store, self.telling.notices):
            if delivery.error:
                logger.warning("an alert was not told: {}", delivery.error)

    def _summarise(self, attempt: Attempt, result: DailyResult, readings: Readings) -> None:
        telling = self.telling
        messages = [trade_alert(row) for row in result.made if row.entered] if telling.trades else []
        if telling.summary and attempt.ending is not Ending.UNCHANGED:
            messages.append(daily_summary(attempt, result.rows, readings, [*result.warnings, *self._feeds()]))
        for message in messages:
            delivery = telling.notices.deliver(message)
            if delivery is not None and delivery.error:
                logger.warning("{} was not told: {}", message.title, delivery.error)

    def _feeds(self) -> list[str]:
        live = self.telling.live_feed
        return [f"history is of feed {self.feed}, live bars of {live}"] if live and live != self.feed else []

    def _quietly(self, what: str, tell: Callable[[], None]) -> None:
        """Do what must not fail a run; what goes wrong is logged."""
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - the row stands, whatever becomes of telling
            logger.warning("{} could not be told: {}", what, error)


def _log(attempt: Attempt, result: DailyResult) -> None:
    """Log an attempt: INFO as it should be, WARNING what passes or was made up for, ERROR a failure."""
    for warning in result.warnings:
        logger.warning("{}", warning)
    for each in result.results:
        for row in each.merged.results if each.merged else ():
            if row.outcome is Written.CONFLICT:
                logger.error("{} keeps its row of {}: {}", each.place, row.record.trade_date, _cells(row.differs))
    level = {Ending.ERROR: "ERROR", Ending.CONFLICT: "ERROR", Ending.EARLY: "WARNING"}.get(attempt.ending, "INFO")
    usage, detail = attempt.usage, {"event": "attempt", "outcome": attempt.ending.value}
    figures = {"seconds": attempt.seconds, "api_calls": usage.calls, "api_seconds": usage.call_seconds}
    more = {"cache_hits": usage.cache_hits, "rows": attempt.rows, "symbol": attempt.symbol, "feed": attempt.feed}
    text = f"{attempt.symbol} {attempt.session}: {attempt.ending}{': ' if attempt.reason else ''}{attempt.reason}"
    logger.bind(**detail, **figures, **more, session=str(attempt.session)).log(level, "{}", text)


def _cells(differs: dict[str, tuple[str, str]]) -> str:
    return "; ".join(f"{name} {old or 'empty'} / {new or 'empty'}" for name, (old, new) in differs.items())


def _fault(question: Callable[[], object]) -> str:
    try:
        question()
    except QuantError as error:
        return str(error)
    return ""
