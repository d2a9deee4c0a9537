"""The sessions that snapshots are built of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["check_closed", "month_ends"]

_MORE_THAN_A_MONTH = timedelta(days=32)


def month_ends(first: date, last: date, calendar: ExchangeCalendar) -> tuple[date, ...]:
    """Return the last session of each month from one month to another, both included.

    Parameters
    ----------
    first, last
        Any days of these months.

    Raises
    ------
    InvalidInput
        The first month is after the last, or one lies outside the calendar.
    """
    begin, after = first.replace(day=1), (last.replace(day=1) + _MORE_THAN_A_MONTH).replace(day=1)
    if begin >= after:
        raise InvalidInput(f"month ends from {first:%Y-%m} to {last:%Y-%m}: the first is after the last; swap them")
    sessions = calendar.between(begin, calendar.before(after))
    return tuple(day for day in sessions if calendar.session(day).ends_month)


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
