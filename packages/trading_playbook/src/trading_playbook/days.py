"""Sessions of the New York Stock Exchange, as DP20 counts their minutes."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime

from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["TradingDay", "days_between", "sessions_before", "trading_day"]


@dataclass(frozen=True, slots=True)
class TradingDay:
    """A session of the exchange.

    Attributes
    ----------
    opens
        When it opens, aware, in the time zone of the exchange.
    minutes
        From the open to the close.
    """

    date: date
    opens: datetime
    minutes: int


def trading_day(calendar: ExchangeCalendar, session: date) -> TradingDay:
    """Return a session with its hours."""
    hours = calendar.hours(session)
    opens = hours.open.astimezone(calendar.timezone)
    return TradingDay(session, opens, int((hours.close - hours.open).total_seconds()) // 60)


def days_between(calendar: ExchangeCalendar, first: date, last: date) -> tuple[TradingDay, ...]:
    """Return the sessions from one day to another, both included."""
    return tuple(trading_day(calendar, session) for session in calendar.between(first, last))


def sessions_before(calendar: ExchangeCalendar, session: date, count: int) -> tuple[date, ...]:
    """Return the last sessions before one, ascending; fewer where the calendar begins."""
    end = bisect_left(calendar.sessions, session)
    return calendar.sessions[max(end - count, 0) : end]
