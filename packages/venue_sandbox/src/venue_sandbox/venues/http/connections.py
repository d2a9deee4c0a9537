"""The connections of a front, as far as faults concern them."""

from __future__ import annotations

import asyncio
from weakref import WeakSet

from aiohttp import web

from venue_sandbox.servers.control import reset_on_close

__all__ = ["Connections", "cut"]


class Connections:
    """Every connection that has sent a request, and which of them are dead."""

    def __init__(self) -> None:
        self._known: WeakSet[asyncio.Transport] = WeakSet()
        self._dead: WeakSet[asyncio.Transport] = WeakSet()

    def note(self, request: web.Request) -> None:
        """Know the connection of a request."""
        if request.transport is not None:
            self._known.add(request.transport)

    def is_dead(self, request: web.Request) -> bool:
        """Whether nothing passes any more on the connection of a request."""
        return request.transport in self._dead

    def close(self, *, graceful: bool) -> None:
        """End every connection: in order, or by a reset. Those that are dead stay as they are."""
        for transport in set(self._known) - set(self._dead):
            if graceful:
                transport.close()
            else:
                _reset(transport)

    def deaden(self) -> None:
        """Let nothing pass any more on the connections there are, and do not end them."""
        for transport in set(self._known) - set(self._dead):
            if not transport.is_closing():
                transport.pause_reading()
                self._dead.add(transport)


def cut(request: web.Request) -> web.Response:
    """Reset the connection of a request; what is returned reaches nobody."""
    if request.transport is not None:
        _reset(request.transport)
    return web.Response(status=500)


def _reset(transport: asyncio.Transport) -> None:
    reset_on_close(transport)
    transport.abort()
