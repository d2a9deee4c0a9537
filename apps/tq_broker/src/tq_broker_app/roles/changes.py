"""A wake-up call from the thread of the TqApi to the event loop of a service."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tq_broker_app.errors import SessionOver
from tq_broker_app.tq.session import TqSession

__all__ = ["Bell"]

PAUSE_SECONDS = 0.01
"""Changes that come within this are looked at together."""


class Bell:
    """Rings when anything has changed at the exchange."""

    def __init__(self, session: TqSession) -> None:
        self._rung, self._session = asyncio.Event(), session
        loop = asyncio.get_running_loop()

        def ring() -> None:
            with suppress(RuntimeError):  # the loop was closed a moment ago
                loop.call_soon_threadsafe(self._rung.set)

        session.on_change(ring)

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until something has changed, or for so many seconds; whether it has.

        Raises
        ------
        SessionOver
            The login is over.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)
            await asyncio.sleep(PAUSE_SECONDS)
        if self._session.is_over:
            raise SessionOver(await self._session.over())
        rung = self._rung.is_set()
        self._rung.clear()
        return rung
