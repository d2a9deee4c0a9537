"""DP20 over a range of sessions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.days import TradingDay, sessions_before
from trading_playbook.dp20.at_once import outcome_of
from trading_playbook.dp20.bars import SessionBars
from trading_playbook.dp20.outcome import Outcome
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts
from trading_playbook.journal.record import TradeRecord, record_of
from trading_playbook.sources.port import BarSource

__all__ = ["Backtest", "SessionResult", "backtest", "check_length", "moving_average"]


@dataclass(frozen=True, slots=True)
class SessionResult:
    """A session, its bars and what DP20 says of it."""

    day: TradingDay
    bars: SessionBars
    outcome: Outcome
    record: TradeRecord


@dataclass(frozen=True, slots=True)
class Backtest:
    """Sessions in their order, and what a reader should know of their data, in sentences."""

    sessions: list[SessionResult] = field(default_factory=list[SessionResult])
    warnings: list[str] = field(default_factory=list[str])

    @property
    def records(self) -> list[TradeRecord]:
        """The rows of the journal."""
        return [session.record for session in self.sessions]


@dataclass(slots=True)
class _Lacks:
    """What the data of a range lack."""

    sessions: list[date] = field(default_factory=list[date])
    minutes: dict[date, int] = field(default_factory=dict[date, int])
    closes: dict[date, date] = field(default_factory=dict[date, date])


def backtest(
    source: BarSource, days: Iterable[TradingDay], calendar: ExchangeCalendar, parameters: Dp20Parameters
) -> Backtest:
    """Return what DP20 says of every session.

    Raises
    ------
    InvalidInput
        The bars cannot be made from the source's.
    QuantError
        The source cannot deliver, or has a bar that cannot be meant.
    """
    check_length(source, parameters)
    done, lacks = Backtest(), _Lacks()
    for day in days:
        bars = source.bars(day)
        sma, missing = moving_average(source, day.date, calendar, parameters.sma_sessions)
        outcome = outcome_of(SessionFacts(day.minutes, sma), bars, parameters)
        done.sessions.append(SessionResult(day, bars, outcome, record_of(source.symbol, day.opens, outcome)))
        _note(lacks, day, bars, missing)
    done.warnings.extend(_warnings(source.symbol, lacks, parameters.sma_sessions))
    return done


def check_length(source: BarSource, parameters: Dp20Parameters) -> None:
    """Refuse bars that cannot be made from a source's."""
    if parameters.bar_minutes % source.bar_minutes:
        raise InvalidInput(
            f"{parameters.bar_minutes}-minute bars cannot be made from the {source.bar_minutes}-minute bars of "
            f"{source.symbol}; give --bar-minutes a multiple of {source.bar_minutes}, or bars of one minute"
        )


def moving_average(
    source: BarSource, session: date, calendar: ExchangeCalendar, count: int
) -> tuple[float | None, date | None]:
    """Return the mean of the closes of the sessions before one, or None and the first session that lacks its close."""
    days = sessions_before(calendar, session, count)
    closes = source.closes(days, session)
    mean = float(closes.mean()) if len(days) == count else math.nan
    if math.isnan(mean):  # of one that is missing, or of too few
        return None, days[int(np.isnan(closes).argmax())] if days else session
    return mean, None


def _note(lacks: _Lacks, day: TradingDay, bars: SessionBars, missing_close: date | None) -> None:
    if missing_close is not None:
        lacks.closes[day.date] = missing_close
    if not len(bars):
        lacks.sessions.append(day.date)
    elif missing := day.minutes // bars.length - len(bars):
        lacks.minutes[day.date] = missing


def _warnings(symbol: str, lacks: _Lacks, count: int) -> Iterable[str]:
    if lacks.sessions:
        yield f"{symbol} has no bars on {_named(lacks.sessions)}"
    if lacks.minutes:
        day = max(lacks.minutes, key=lambda each: lacks.minutes[each])
        yield f"{symbol} lacks bars within {len(lacks.minutes)} sessions, most on {day}: {lacks.minutes[day]}"
    if lacks.closes:
        day, close = next(iter(lacks.closes.items()))
        yield (
            f"{symbol} lacks daily closes: {len(lacks.closes)} sessions from {day} on have no mean of {count}; the "
            f"first missing day is {close}"
        )


def _named(days: list[date], most: int = 5) -> str:
    more = f" and {len(days) - most} more sessions" if len(days) > most else ""
    return ", ".join(str(day) for day in days[:most]) + more
