"""Our calendar against the broker's own hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from quant_platform_kit.domain.sessions import ExchangeCalendar, SessionHours
from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["calendar_lines"]


def calendar_lines(reading: Reading) -> Iterator[Line]:
    """Yield one line for each day that differs, or that none does."""
    told, calendar = reading.told.hours, reading.asked.calendar
    if why := reading.failed.get("hours") or reading.failed.get("until"):
        yield Line("calendar", State.CAUTION, why, "compare the exchange's own calendar")
        return
    if not told:
        yield Line("calendar", State.NOT_TOLD, "the broker does not tell when the exchange is open")
        return
    lines = [line for day in reading.days if day in told and (line := _difference(day, told[day], calendar))]
    yield from lines
    if not lines:
        days = sorted(told)
        yield Line("calendar", State.GOOD, f"the hours from {days[0]} to {days[-1]} are the broker's")


def _difference(day: date, told: SessionHours | None, calendar: ExchangeCalendar) -> Line | None:
    """Return how the broker's hours of a day are others than ours, None if they are the same."""
    ours = calendar.hours(day) if calendar.is_session(day) else None
    if _same(ours, told):
        return None
    said = f"{day} is {_words(ours, calendar)} here, and {_words(told, calendar)} at the broker"
    return Line(f"calendar {day}", State.BLOCKS, said, calendar.how_to_extend)


def _same(ours: SessionHours | None, told: SessionHours | None) -> bool:
    if ours is None or told is None:
        return ours is told
    return (ours.open, ours.close) == (told.open, told.close)


def _words(hours: SessionHours | None, calendar: ExchangeCalendar) -> str:
    if hours is None:
        return "no session"
    opens, closes = (at.astimezone(calendar.timezone) for at in (hours.open, hours.close))
    return f"a session from {opens:%H:%M} to {closes:%H:%M}"
