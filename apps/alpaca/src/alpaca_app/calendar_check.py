"""Whether Alpaca's calendar is ours, where it is asked for bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.sessions import ExchangeCalendar

from alpaca_app.api import Alpaca

__all__ = ["differences"]

CLOSED = "closed"


def differences(alpaca: Alpaca, first: date, last: date, calendar: ExchangeCalendar) -> Iterator[str]:
    """Yield a sentence for every day from a first to a last one on which the calendars differ.

    Rows follow our own calendar. Alpaca's tells of a closure that ours does not know yet, so its silence is no failure.
    """
    try:
        theirs = {str(each.get("date")): _hours(each) for each in alpaca.sessions(first, last)}
    except QuantError as error:
        yield f"the calendar was not compared with Alpaca's: {error}"
        return
    ours = {str(day): _our_hours(calendar, day) for day in calendar.between(first, last)}
    for day in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(day, CLOSED), theirs.get(day, CLOSED)
        if one != other:
            yield f"{day} is {one} here and {other} at Alpaca: {calendar.how_to_extend}"


def _hours(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('open')} to {entry.get('close')}"


def _our_hours(calendar: ExchangeCalendar, day: date) -> str:
    hours = calendar.hours(day)
    return " to ".join(f"{_local(at, calendar):%H:%M}" for at in (hours.open, hours.close))


def _local(instant: datetime, calendar: ExchangeCalendar) -> datetime:
    return instant.astimezone(calendar.timezone)
