"""Exchange sessions: the only form in which time reaches a strategy, and the calendar they come from."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import cached_property
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quant_platform_kit.domain.errors import InvalidInput, UnknownSession

__all__ = ["Cadence", "CalendarTable", "ExchangeCalendar", "Session", "SessionHours"]


@dataclass(frozen=True, slots=True)
class Session:
    """A completed session and its neighbours on the exchange calendar (exchange-local dates)."""

    date: date
    previous: date
    next: date

    @property
    def starts_month(self) -> bool:
        """Whether the session before it lies in another month."""
        return self.previous.month != self.date.month

    @property
    def ends_month(self) -> bool:
        """Whether the session after it lies in another month."""
        return self.next.month != self.date.month

    @property
    def ends_quarter(self) -> bool:
        """Whether it is the last session of March, June, September or December."""
        return self.ends_month and self.date.month % 3 == 0


class Cadence(Enum):
    """On which sessions a rule decides in the ordinary course."""

    UNSTATED = "not stated"
    SESSION = "every session"
    MONTH_START = "first session of a month"
    MONTH_END = "last session of a month"
    QUARTER_END = "last session of a quarter"

    def decides(self, session: Session) -> bool:
        """Whether a rule of this cadence decides on ``session``."""
        if self is Cadence.MONTH_START:
            return session.starts_month
        if self is Cadence.MONTH_END:
            return session.ends_month
        return session.ends_quarter if self is Cadence.QUARTER_END else True


@dataclass(frozen=True, slots=True)
class SessionHours:
    """When a session trades, as aware UTC instants; the lunch break is None where the exchange has none."""

    open: datetime
    close: datetime
    break_start: datetime | None = None
    break_end: datetime | None = None

    def contains(self, instant: datetime) -> bool:
        """Whether the exchange trades at ``instant``; the opening and the closing instant count."""
        if not self.open <= instant <= self.close:
            return False
        if self.break_start is None or self.break_end is None:
            return True
        return not self.break_start < instant < self.break_end


@dataclass(frozen=True, slots=True)
class CalendarTable:
    """An exchange calendar as plain data; see `ExchangeCalendar` for what it means.

    Attributes
    ----------
    first, last
        The first and the last session the table knows.
    closed
        Weekdays without a session.
    weekend_sessions
        Saturdays and Sundays with one.
    hours
        Change points (from date, open, close) of the regular hours in exchange-local time.
    breaks
        Change points (from date, start, end) of the lunch break; None, None ends it.
    special_hours
        Sessions with hours of their own, such as half days.
    """

    name: str
    timezone: str
    first: date
    last: date
    closed: frozenset[date]
    weekend_sessions: frozenset[date]
    hours: Sequence[tuple[date, time, time]]
    breaks: Sequence[tuple[date, time | None, time | None]]
    special_hours: Mapping[date, tuple[time, time]]


class ExchangeCalendar:
    """Sessions and hours of one exchange between two explicit bounds.

    Outside its bounds it knows nothing and says so (`UnknownSession`): a guess about a future holiday could send an
    order on a closed day.
    """

    def __init__(self, table: CalendarTable) -> None:
        self.table = table
        self.name = table.name
        self._hours: dict[date, SessionHours] = {}
        self._found: dict[date, Session] = {}
        try:
            self.timezone = ZoneInfo(table.timezone)
        except ZoneInfoNotFoundError:
            raise InvalidInput(f"time zone {table.timezone} is not known on this machine: install tzdata") from None

    @property
    def begins(self) -> datetime:
        """The first instant it knows, aware UTC."""
        return self._utc(self.table.first, time.min)

    @property
    def how_to_extend(self) -> str:
        """What to do when it ends, in words."""
        return (
            f"update quant-platform-kit, or add the exchange's own announcement to {self.name}.supplement.json, as "
            "docs/reference/operating.md says"
        )

    @cached_property
    def sessions(self) -> tuple[date, ...]:
        """Every session, ascending."""
        table = self.table
        days = (table.first + timedelta(n) for n in range((table.last - table.first).days + 1))
        return tuple(d for d in days if (d.weekday() < 5 and d not in table.closed) or d in table.weekend_sessions)

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on ``day``; raises `UnknownSession` outside the table."""
        self._check_bounds(day)
        at = bisect_left(self.sessions, day)
        return at < len(self.sessions) and self.sessions[at] == day

    def session(self, day: date) -> Session:
        """Return ``day`` with its neighbours.

        Raises
        ------
        UnknownSession
            ``day`` is no session, or it or a neighbour lies outside the table.
        """
        found = self._found.get(day)
        if found is None:
            found = self._found[day] = self._session(day)
        return found

    def _session(self, day: date) -> Session:
        if not self.is_session(day):
            raise UnknownSession(
                f"{day} is not a session of {self.name}; the sessions around it are "
                f"{self.before(day)} and {self.after(day)}"
            )
        at = bisect_left(self.sessions, day)
        if not 0 < at < len(self.sessions) - 1:
            raise self._outside(day)
        return Session(day, self.sessions[at - 1], self.sessions[at + 1])

    def before(self, day: date) -> date:
        """Return the last session before ``day``."""
        self._check_bounds(day)
        at = bisect_left(self.sessions, day)
        if at == 0:
            raise self._outside(day)
        return self.sessions[at - 1]

    def after(self, day: date) -> date:
        """Return the first session after ``day``."""
        self._check_bounds(day)
        at = bisect_right(self.sessions, day)
        if at == len(self.sessions):
            raise self._outside(day)
        return self.sessions[at]

    def last_closed(self, instant: datetime) -> date:
        """Return the newest session that has closed at an aware instant."""
        today = self.local_date(instant)
        return today if self.is_session(today) and instant >= self.hours(today).close else self.before(today)

    def next_decision(self, day: date, cadence: Cadence) -> date:
        """Return the first session after ``day`` on which a rule of ``cadence`` decides."""
        session = self.after(day)
        while not cadence.decides(self.session(session)):
            session = self.after(session)
        return session

    def last_decision(self, day: date, cadence: Cadence) -> date:
        """Return the newest session up to ``day`` on which a rule of ``cadence`` decides."""
        session = day if self.is_session(day) else self.before(day)
        while not cadence.decides(self.session(session)):
            session = self.before(session)
        return session

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """Return the sessions from ``first`` to ``last``, both included."""
        self._check_bounds(first)
        self._check_bounds(last)
        return self.sessions[bisect_left(self.sessions, first) : bisect_right(self.sessions, last)]

    def hours(self, session: date) -> SessionHours:
        """Return the trading hours of ``session`` in UTC; raises `UnknownSession` outside the table."""
        if (found := self._hours.get(session)) is None:
            found = self._hours[session] = self._hours_of(session)
        return found

    def _hours_of(self, session: date) -> SessionHours:
        self._check_bounds(session)
        opens, closes = self.table.special_hours.get(session) or _in_force(self.table.hours, session)[1:]
        starts, ends = _in_force(self.table.breaks, session)[1:] if self.table.breaks else (None, None)
        if starts is None or ends is None or closes <= ends:
            return SessionHours(self._utc(session, opens), self._utc(session, closes))
        return SessionHours(*(self._utc(session, at) for at in (opens, closes, starts, ends)))

    def local_date(self, instant: datetime) -> date:
        """Return the exchange-local date of an aware instant."""
        return instant.astimezone(self.timezone).date()

    def is_open(self, instant: datetime) -> bool:
        """Whether the exchange trades at an aware instant."""
        day = self.local_date(instant)
        return self.is_session(day) and self.hours(day).contains(instant)

    def _utc(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.timezone).astimezone(UTC)

    def _check_bounds(self, day: date) -> None:
        if not self.table.first <= day <= self.table.last:
            raise self._outside(day)

    def _outside(self, day: date) -> UnknownSession:
        return UnknownSession(
            f"{day} is outside the {self.name} calendar, which knows {self.table.first} to {self.table.last}; "
            f"{self.how_to_extend}"
        )


_Change = TypeVar("_Change", bound=tuple[date, object, object])


def _in_force(changes: Sequence[_Change], day: date) -> _Change:
    return changes[max(0, bisect_right(changes, day, key=lambda change: change[0]) - 1)]
