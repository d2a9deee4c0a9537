"""The broker's time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from quant_platform_kit.adapters.server_clock import ServerClock

from ibkr_app.connection import Connection

__all__ = ["gateway_clock"]


def gateway_clock(connection: Connection) -> ServerClock:
    """Return a clock that asks the Gateway; logs in if nobody did."""

    async def fetch(ib: Any) -> datetime:
        return await ib.reqCurrentTimeAsync()

    def ask() -> datetime:
        connection.ensure()
        shown = connection.ask(fetch, "the time")
        return shown.replace(tzinfo=UTC) if shown.tzinfo is None else shown

    return ServerClock(ask)
