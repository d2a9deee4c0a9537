"""Trading days, and whether a contract is traded at an instant: a night belongs to the day after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from venue_sandbox.venues.tqsdk.products import Spell, TradingTime

__all__ = ["CLOSED_DAYS", "ZONE", "day_text", "in_hours", "next_trading_day", "read_day", "trading_day_of"]

ZONE = ZoneInfo("Asia/Shanghai")
EVENING = 18
"""The hour from which an instant belongs to the next trading day."""
YEARS = range(2020, 2037)
CLOSED_DAYS = tuple(
    date(year, month, day) for year in YEARS for month, days in ((1, (1,)), (5, (1,)), (10, (1, 2, 3))) for day in days
)
"""Holidays of every year; a venue can be told of others."""


def read_day(text: str) -> date:
    """Return the day of a text such as 20250303; ValueError if it is none."""
    return date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}")


def day_text(day: date) -> str:
    """Return a day as the trade server writes it."""
    return f"{day:%Y%m%d}"


def is_trading_day(day: date, closed: Iterable[date]) -> bool:
    """Whether the exchanges are open on a day."""
    return day.weekday() < 5 and day not in closed


def next_trading_day(day: date, closed: Iterable[date]) -> date:
    """Return the first trading day after a day."""
    day += timedelta(days=1)
    while not is_trading_day(day, closed):
        day += timedelta(days=1)
    return day


def trading_day_of(instant: datetime, closed: Iterable[date]) -> date:
    """Return the trading day that an instant belongs to, or the next one where there is none."""
    local = instant.astimezone(ZONE)
    day = local.date() if local.hour < EVENING else local.date() + timedelta(days=1)
    return day if is_trading_day(day, closed) else next_trading_day(day, closed)


def in_hours(hours: TradingTime, instant: datetime, closed: Iterable[date]) -> bool:
    """Whether an instant is in a spell of a trading day; there is no night before a holiday."""
    local = instant.astimezone(ZONE)
    today = local.date()
    seconds = (local - local.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    if is_trading_day(today, closed) and _within(hours.day, seconds):
        return True
    return any(
        _within(hours.night, seconds + after * 86_400) and _has_night(today - timedelta(days=after), closed)
        for after in (0, 1)
    )


def _has_night(evening: date, closed: Iterable[date]) -> bool:
    """Whether a trading day is followed by a night: the next weekday must be a trading day."""
    weekday = evening + timedelta(days=3 if evening.weekday() == 4 else 1)
    return is_trading_day(evening, closed) and is_trading_day(weekday, closed)


def _within(spells: Iterable[Spell], seconds: float) -> bool:
    return any(_seconds(begin) <= seconds < _seconds(end) for begin, end in spells)


def _seconds(text: str) -> int:
    hours, minutes, seconds = map(int, text.split(":"))
    return (hours * 60 + minutes) * 60 + seconds
