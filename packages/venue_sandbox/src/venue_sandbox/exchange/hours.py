"""When the market trades, and to which session an instant belongs."""

from __future__ import annotations

from datetime import date, datetime

from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["MarketHours"]


class MarketHours:
    """The sessions of an exchange calendar."""

    def __init__(self, calendar: ExchangeCalendar) -> None:
        self.calendar = calendar

    def is_open(self, now: datetime, forced: bool | None) -> bool:
        """Whether orders trade; what is forced holds, whatever the calendar says."""
        return self.calendar.is_open(now) if forced is None else forced

    def trading_session(self, now: datetime) -> date:
        """Return the session that an order for the day is good for: today's until its close, then the next."""
        today = self.calendar.local_date(now)
        if self.calendar.is_session(today) and now <= self.closing(today):
            return today
        return self.calendar.after(today)

    def priced_session(self, now: datetime) -> date:
        """Return the session that made the newest price: the last one that has opened."""
        today = self.calendar.local_date(now)
        if self.calendar.is_session(today) and self.opening(today) <= now:
            return today
        return self.calendar.before(today)

    def priced_at(self, now: datetime) -> datetime:
        """Return when the newest price was made: now, or at the last close."""
        return min(now, self.closing(self.priced_session(now)))

    def opening(self, session: date) -> datetime:
        """Return when a session opens."""
        return self.calendar.hours(session).open

    def closing(self, session: date) -> datetime:
        """Return when a session closes."""
        return self.calendar.hours(session).close
