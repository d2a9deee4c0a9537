"""Which snapshot is due: by the calendar, after the close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from quant_platform_kit.domain.sessions import Cadence, ExchangeCalendar

__all__ = ["Due", "due_at", "newest_closed"]


@dataclass(frozen=True, slots=True)
class Due:
    """The snapshots of a profile that the calendar asks for.

    Attributes
    ----------
    as_of
        The newest session decided on that has closed (exchange-local date).
    next
        The one after it.
    next_close
        When that closes, aware UTC.
    """

    as_of: date
    next: date
    next_close: datetime


def newest_closed(calendar: ExchangeCalendar, now: datetime) -> date:
    """Return the newest session that has closed at ``now`` (aware UTC)."""
    today = calendar.local_date(now)
    if calendar.is_session(today) and now >= calendar.hours(today).close:
        return today
    return calendar.before(today)


def due_at(now: datetime, cadence: Cadence, calendar: ExchangeCalendar) -> Due:
    """Return what is due at ``now`` (aware UTC) for a rule of a cadence, and what will be next.

    Raises
    ------
    UnknownSession
        The calendar does not reach as far.
    """
    closed = newest_closed(calendar, now)
    following = calendar.next_decision(closed, cadence)
    return Due(calendar.last_decision(closed, cadence), following, calendar.hours(following).close)
