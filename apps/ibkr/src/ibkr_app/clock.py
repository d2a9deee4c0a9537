"""The broker's time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from quant_platform_kit.adapters.server_clock import ServerClock

from ibkr_app.connection import Connection

__all__ = ["gateway_clock", "weekly_login"]

NEW_YORK = ZoneInfo("America/New_York")
SUNDAY = 6


def gateway_clock(connection: Connection) -> ServerClock:
    """Return a clock that asks the Gateway; logs in if nobody did."""

    async def fetch(ib: Any) -> datetime:
        return await ib.reqCurrentTimeAsync()

    def ask() -> datetime:
        connection.ensure()
        shown = connection.ask(fetch, "the time")
        return shown.replace(tzinfo=UTC) if shown.tzinfo is None else shown

    return ServerClock(ask)


def weekly_login(now: datetime) -> datetime:
    """Return when the Gateway will next ask a person for the second factor, aware UTC.

    It restarts every night and logs in by itself, except after Sunday, one o'clock in New York.
    """
    local = now.astimezone(NEW_YORK)
    sunday = (local + timedelta(days=(SUNDAY - local.weekday()) % 7)).replace(hour=1, minute=0, second=0, microsecond=0)
    return (sunday if sunday > local else sunday + timedelta(days=7)).astimezone(UTC)
