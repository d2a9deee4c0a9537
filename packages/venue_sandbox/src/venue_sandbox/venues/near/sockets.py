"""The websockets of solvers: whose they are, what each has subscribed to, and what is told on them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientConnectionResetError, WSMsgType, web

from venue_sandbox.venues.http.connections import cut
from venue_sandbox.venues.near.requests import QuoteRequest

__all__ = ["Filter", "Socket", "Sockets"]

CLOSE_SECONDS = 1.0
HEARTBEAT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscription wants: an empty set of tokens means any."""

    kind: str
    tokens_in: frozenset[str] = frozenset()
    tokens_out: frozenset[str] = frozenset()

    def wants(self, request: QuoteRequest) -> bool:
        """Whether a quote is wanted."""
        pairs = ((self.tokens_in, request.token_in), (self.tokens_out, request.token_out))
        return all(not tokens or token in tokens for tokens, token in pairs)


@dataclass(slots=True, eq=False)
class Socket:
    """One websocket.

    Attributes
    ----------
    account
        Of the token that opened it.
    mute
        Whether nothing is told or heard on it any more, though it stays open.
    """

    number: int
    account: str
    request: web.Request
    wire: web.WebSocketResponse
    mute: bool = False
    subscriptions: dict[str, Filter] = field(default_factory=dict[str, Filter])
    _outgoing: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue[str | None])

    def wanted(self) -> list[Filter]:
        """Return what its subscriptions want."""
        return list(self.subscriptions.values())

    def send(self, message: dict[str, Any]) -> None:
        """Write a message, after those that wait."""
        self._outgoing.put_nowait(json.dumps(message))

    def end(self, *, graceful: bool) -> None:
        """End the connection: in order, after what waits, or by a reset."""
        if graceful:
            self._outgoing.put_nowait(None)
        else:
            self.mute = True
            cut(self.request)

    async def write(self) -> None:
        """Write what there is to write, to the end of the connection."""
        with suppress(ClientConnectionResetError, ConnectionError):
            while (text := await self._outgoing.get()) is not None:
                if not self.mute:
                    await self.wire.send_str(text)
            self.mute = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wire.close(), CLOSE_SECONDS)


@dataclass(slots=True)
class Sockets:
    """All websockets that are open."""

    _open: dict[int, Socket] = field(default_factory=dict[int, Socket])
    _numbers: int = 0

    def of(self, account: str | None = None) -> list[Socket]:
        """Return the websockets of an account or of all."""
        return [it for it in self._open.values() if account in (None, it.account)]

    def subscribed(self, kind: str) -> Iterator[tuple[Socket, str, Filter]]:
        """Yield who has subscribed to a kind of events, with the subscription's id."""
        for socket in self.of():
            for name, wanted in list(socket.subscriptions.items()):
                if wanted.kind == kind:
                    yield socket, name, wanted

    def end(self, account: str | None, *, graceful: bool) -> None:
        """End connections."""
        for socket in self.of(account):
            del self._open[socket.number]
            socket.end(graceful=graceful)

    def mute(self, account: str | None) -> None:
        """Let nothing be told or heard any more on the connections there are."""
        for socket in self.of(account):
            socket.mute = True

    async def serve(
        self, request: web.Request, account: str, read: Callable[[Socket, str], Awaitable[None]]
    ) -> web.StreamResponse:
        """Serve one websocket to its end."""
        wire = web.WebSocketResponse(max_msg_size=0, heartbeat=HEARTBEAT_SECONDS)
        await wire.prepare(request)
        self._numbers += 1
        socket = self._open[self._numbers] = Socket(self._numbers, account, request, wire)
        writing = asyncio.create_task(socket.write())
        try:
            async for message in wire:
                if message.type is not WSMsgType.TEXT:
                    break
                if not socket.mute:
                    await read(socket, message.data)
        finally:
            self._open.pop(socket.number, None)
            writing.cancel()
        return wire
