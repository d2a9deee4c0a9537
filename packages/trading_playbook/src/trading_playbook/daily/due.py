"""Which sessions a daily run is due for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import SessionBars
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.record import TradeRecord

__all__ = [
    "MOST_MISSED",
    "SETTLED",
    "check_settled",
    "is_awaited",
    "is_whole",
    "sessions_due",
    "works_from",
]

SETTLED = timedelta(minutes=16)
"""How long after the close a session's bars are asked for: free ones are 15 minutes late."""
MOST_MISSED = 10
"""Missed sessions that are made up for."""


def works_from(calendar: ExchangeCalendar, session: date) -> datetime:
    """Return the instant from which the row of a session can be made, aware UTC."""
    return calendar.hours(session).close + SETTLED


def check_settled(calendar: ExchangeCalendar, session: date, now: datetime) -> None:
    """Refuse a session whose row cannot be made yet, and say from when on it can."""
    if now < (at := works_from(calendar, session)):
        raise Refused(f"the bars of {session} are there from {at:%Y-%m-%d %H:%M} UTC on; nothing was written")


def sessions_due(rows: Sequence[TradeRecord], session: date, calendar: ExchangeCalendar, place: str) -> list[date]:
    """Return the sessions that a journal lacks, from its last row before a session to that session, ascending.

    Parameters
    ----------
    rows
        Of one symbol; without any, only the session itself is due.
    place
        Where the journal is, for the message.

    Raises
    ------
    Refused
        More than ten sessions were missed before it.
    """
    days = {row.trade_date for row in rows}
    if session in days:
        return []
    last = max((day for day in days if day < session), default=None)
    due = [session] if last is None else list(calendar.between(last, session)[1:])
    if len(due) - 1 > MOST_MISSED:
        raise Refused(
            f"{place} lacks {len(due) - 1} sessions before {session}, and at most {MOST_MISSED} are made up for; type "
            f"`quant playbook backtest --symbol {rows[0].symbol} --start {due[0]} --end {due[-2]}` with its --output"
        )
    return due


def is_whole(bars: SessionBars, day: TradingDay, parameters: Dp20Parameters) -> bool:
    """Whether bars reach so far that the session's end is known: the last starts 10 minutes before leave or later."""
    leave = day.minutes - parameters.leave_minutes
    return len(bars) > 0 and int(bars.minutes[-1]) >= leave - parameters.last_close_minutes


def is_awaited(
    bars: SessionBars, day: TradingDay, parameters: Dp20Parameters, calendar: ExchangeCalendar, now: datetime
) -> bool:
    """Whether more bars of a session may come: they end too early, and the next session is not open yet."""
    return not is_whole(bars, day, parameters) and now < calendar.hours(calendar.after(day.date)).open
