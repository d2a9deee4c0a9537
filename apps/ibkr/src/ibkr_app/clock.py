"""The broker's time: this machine's, corrected by how far the Gateway's clock is from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from quant_platform_kit.adapters.clock import SystemClock

from ibkr_app.connection import Connection

__all__ = ["GatewayClock"]

TOLERANCE = timedelta(seconds=2)
"""The Gateway tells whole seconds; a difference within this is none."""


class GatewayClock:
    """A clock that asks the Gateway once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._real = SystemClock()
        self._ahead: timedelta | None = None

    def now(self) -> datetime:
        """Return the present instant, aware UTC; raises `BrokerError` while the Gateway is not available."""
        if self._ahead is None:
            self._ahead = self._measured()
        return self._real.now() + self._ahead

    def monotonic(self) -> float:
        """Return the machine's seconds."""
        return self._real.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._real.sleep(seconds)

    def _measured(self) -> timedelta:
        async def fetch(ib: Any) -> datetime:
            return await ib.reqCurrentTimeAsync()

        self._connection.ensure()
        told = self._connection.ask(fetch, "the time")
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told
        ahead = told - self._real.now()
        return ahead if abs(ahead) > TOLERANCE else timedelta(0)
