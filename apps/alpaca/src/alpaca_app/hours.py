"""When the bars of a session are all there."""

from __future__ import annotations

from datetime import datetime

from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.daily.due import works_from
from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import SessionBars

__all__ = ["is_whole"]

SILENT_MINUTES = 15
"""A session whose last bar starts more than so many minutes before its close may lack bars that come later."""


def is_whole(day: TradingDay, bars: SessionBars, calendar: ExchangeCalendar, now: datetime) -> bool:
    """Whether a session will have no more bars, at an aware instant; from the next one's open on it never will."""
    if now >= calendar.hours(calendar.after(day.date)).open:
        return True
    reaches = bool(len(bars)) and int(bars.minutes[-1]) >= day.minutes - SILENT_MINUTES
    return reaches and now >= works_from(calendar, day.date)
