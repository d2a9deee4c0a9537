"""How long a service waits for a client: a request whose headers do not come in time loses its connection."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["REQUEST_SECONDS", "PatientProtocol"]

REQUEST_SECONDS = 10.0
"""How long the headers of a request may take, and how long its body."""


class PatientProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, which itself waits for headers for ever."""

    _impatience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; the clock stops when its headers are whole."""
        before = self.scope
        if self._is_between_requests and self._impatience is None:
            self._wait()
        super().data_received(data)
        if self.scope is not before:
            self._done_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._done_waiting()
        super().connection_lost(exc)

    @property
    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]

    def _wait(self) -> None:
        self._impatience = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _done_waiting(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
