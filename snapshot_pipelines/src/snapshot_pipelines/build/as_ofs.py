"""The sessions that snapshots are built of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["check_closed", "month_ends"]

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


def month_ends(first: str, last: str, calendar: ExchangeCalendar) -> tuple[date, ...]:
    """Return the last session of each month from one month to another, both included and written as 2018-11.

    Raises
    ------
    InvalidInput
        A month of another form, the last before the first, or one outside the calendar.
    """
    begin, after = _first_day(first), _first_day(last, 1)
    if begin >= after:
        raise InvalidInput(f"month ends from {first} to {last}: the first month is after the last; swap them")
    sessions = calendar.between(
        calendar.after(begin) if not calendar.is_session(begin) else begin, calendar.before(after)
    )
    return tuple(day for day in sessions if calendar.session(day).ends_month)


def _first_day(month: str, later: int = 0) -> date:
    found = _MONTH.fullmatch(month)
    if found is None:
        raise InvalidInput(f"{month!r} is no month; write it as 2018-11")
    year, number = int(found[1]), int(found[2]) - 1 + later
    return date(year + number // 12, number % 12 + 1, 1)


def check_closed(as_ofs: Sequence[date], calendar: ExchangeCalendar, now: datetime) -> None:
    """Refuse a date that is no session, or one that has not closed at ``now`` (aware UTC).

    Raises
    ------
    InvalidInput
        In these cases.
    """
    for as_of in as_ofs:
        calendar.session(as_of)
        close = calendar.hours(as_of).close
        if now < close:
            raise InvalidInput(f"session {as_of} closes at {close:%Y-%m-%d %H:%M} UTC; build its snapshot after that")
