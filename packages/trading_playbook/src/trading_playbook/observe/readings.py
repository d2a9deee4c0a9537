"""The figures of daily runs, from their attempts and the journal alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.attempts import Attempt, AttemptLog, Ending
from trading_playbook.figures import TRAILING, Figures, figures
from trading_playbook.journal.record import TradeRecord

__all__ = ["SETTLED_AFTER", "Readings", "error_rate", "read_readings", "session_settled", "sessions_without_entry"]

WORKED = frozenset({Ending.WRITTEN, Ending.UNCHANGED, Ending.CONFLICT, Ending.ERROR})
"""Endings of attempts that looked at a journal."""
COUNTED = frozenset({Ending.WRITTEN, Ending.CONFLICT, Ending.ERROR})
"""Endings that the error rate is a share of."""
SETTLED_AFTER = timedelta(hours=2)
"""How long after a close its row may be awaited before its absence counts."""


@dataclass(frozen=True, slots=True)
class Readings:
    """How daily runs do as of a session; what nothing is known of is None.

    Attributes
    ----------
    session
        The session the figures are as of, New York date.
    error_rate
        Share of failed attempts in the 30 calendar days up to the session, a fraction.
    run_seconds
        How long the last attempt took that looked at a journal.
    api_seconds
        Mean time of a call of the source in that attempt.
    cache_hit_rate
        Share of sessions that the cache had in it, a fraction.
    figures, sessions_without_entry
        Of the journal; the latter counts sessions in a row up to this one without an entry, or without a row.
    """

    symbol: str
    session: date
    figures: Figures | None
    error_rate: float | None
    run_seconds: float | None
    api_seconds: float | None
    api_calls: int | None
    cache_hit_rate: float | None
    sessions_without_entry: int | None
    attempts: int

    @property
    def trades_per_day(self) -> float | None:
        """Entries a session."""
        return self.figures and self.figures.trades_per_day

    @property
    def win_rate(self) -> float | None:
        """Share of won trades in the 30 calendar days up to the session, a fraction."""
        return self.figures and self.figures.trailing_win_rate

    @property
    def expectancy(self) -> float | None:
        """Mean result of all closed trades, in R."""
        return self.figures and self.figures.expectancy

    @property
    def drawdown(self) -> float | None:
        """Largest fall of the cumulative result, in R."""
        return self.figures and self.figures.drawdown


def read_readings(
    log: AttemptLog, rows: Sequence[TradeRecord] | None, session: date, calendar: ExchangeCalendar
) -> Readings:
    """Return the figures as of a session.

    Parameters
    ----------
    rows
        Of one strategy and symbol, ascending; None where the journal is not known.
    """
    attempts = log.trailing(session, TRAILING)
    last = next((each for each in reversed(attempts) if each.ending in WORKED), None)
    known = None if rows is None else [row for row in rows if row.trade_date <= session]
    return Readings(
        symbol=log.symbol,
        session=session,
        figures=None if known is None else figures(known, session),
        error_rate=error_rate(attempts),
        run_seconds=last and last.seconds,
        api_seconds=last and last.usage.mean_seconds,
        api_calls=last and last.usage.calls,
        cache_hit_rate=last and last.usage.hit_rate,
        sessions_without_entry=None
        if known is None
        else sessions_without_entry(known, session, calendar, log.first_session()),
        attempts=len(attempts),
    )


def error_rate(attempts: Sequence[Attempt]) -> float | None:
    """Return the share of errors among attempts that wrote, conflicted or failed; None without any."""
    counted = [attempt.ending for attempt in attempts if attempt.ending in COUNTED]
    return counted.count(Ending.ERROR) / len(counted) if counted else None


def sessions_without_entry(
    rows: Sequence[TradeRecord], session: date, calendar: ExchangeCalendar, begun: date | None
) -> int:
    """Return how many sessions in a row up to one had no entry, or no row at all.

    Parameters
    ----------
    begun
        The session of the first attempt, from which on rows are expected; None for the first row's.
    """
    entered = max((row.trade_date for row in rows if row.entered), default=None)
    if entered is not None:
        return len(calendar.between(entered, session)) - 1
    starts = [row.trade_date for row in rows[:1]] + ([begun] if begun else [])
    return len(calendar.between(min(starts), session)) if starts and min(starts) <= session else 0


def session_settled(calendar: ExchangeCalendar, now: datetime) -> date:
    """Return the newest session whose row should be there at an instant (aware UTC)."""
    return calendar.last_closed(now - SETTLED_AFTER)
