"""Exchange calendars out of the package's own tables."""

from __future__ import annotations

from datetime import date, time
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import CalendarTable, ExchangeCalendar

__all__ = ["load_calendar"]


class _CalendarFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    calendar: str
    source: str
    timezone: str
    first: date
    last: date
    closed: frozenset[date]
    weekend_sessions: frozenset[date]
    hours: tuple[tuple[date, time, time], ...]
    breaks: tuple[tuple[date, time | None, time | None], ...]
    special_hours: dict[date, tuple[time, time]]


@cache
def load_calendar(name: str) -> ExchangeCalendar:
    """Return the calendar of an exchange by its ISO 10383 market code, such as ``XNYS``.

    Raises
    ------
    InvalidInput
        The package has no table of that name.
    """
    folder = Path(__file__).with_name("calendars")
    table = folder / f"{name}.json"
    if not table.is_file():
        known = ", ".join(sorted(entry.stem for entry in folder.iterdir()))
        raise InvalidInput(f"calendar {name!r} is not known; known: {known}")
    content = _CalendarFile.model_validate_json(table.read_bytes())
    values = content.model_dump(exclude={"calendar", "source"})
    return ExchangeCalendar(CalendarTable(name=content.calendar, **values))
