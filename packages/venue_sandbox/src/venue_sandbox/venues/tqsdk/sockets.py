"""The websockets of the two servers, md and td, and who is at the other end of each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import WSMsgType, web

from venue_sandbox.venues.tqsdk.feed import Diff, Feed

__all__ = ["Kind", "Socket", "Sockets"]

Kind = Literal["td", "md"]
Message = dict[str, Any]


@dataclass(slots=True, eq=False)
class Socket:
    """One websocket.

    Attributes
    ----------
    user
        Who has logged in; empty before that.
    symbols
        What is subscribed to.
    """

    kind: Kind
    feed: Feed
    user: str = ""
    symbols: frozenset[str] = frozenset()


@dataclass(slots=True)
class Sockets:
    """All websockets that are open."""

    _open: set[Socket] = field(default_factory=set[Socket])

    def of(self, kind: Kind, user: str | None = None) -> list[Socket]:
        """Return the websockets of a server, of one user or of all."""
        return [it for it in self._open if it.kind == kind and user in (None, it.user)]

    def push(self, user: str, diffs: list[Diff]) -> None:
        """Tell every trade connection of a user."""
        for socket in self.of("td", user):
            socket.feed.push(diffs)

    def end(self, kind: Kind, user: str | None, *, graceful: bool) -> None:
        """End connections: in order, or by a reset."""
        for socket in self.of(kind, user):
            self._open.discard(socket)
            if graceful:
                socket.feed.close()
            else:
                socket.feed.abort()

    def mute(self, user: str | None) -> None:
        """Let nothing be told any more on the trade connections there are."""
        for socket in self.of("td", user):
            socket.feed.mute = True

    async def serve(
        self,
        request: web.Request,
        kind: Kind,
        first: Callable[[Feed], None],
        read: Callable[[Socket, Message], None],
    ) -> web.StreamResponse:
        """Serve one websocket to its end; ``first`` greets the client."""
        wire = web.WebSocketResponse(max_msg_size=0)
        await wire.prepare(request)
        socket = Socket(kind, Feed(request, wire))
        self._open.add(socket)
        first(socket.feed)
        writing = asyncio.create_task(socket.feed.write())
        try:
            async for message in wire:
                if message.type is not WSMsgType.TEXT:
                    break
                self._read(socket, message.data, read)
        finally:
            self._open.discard(socket)
            writing.cancel()
        return wire

    def _read(self, socket: Socket, text: str, read: Callable[[Socket, Message], None]) -> None:
        """Take a message; a connection on which something else is sent is reset."""
        try:
            message: Message = json.loads(text)
            if message["aid"] == "peek_message":
                socket.feed.peek()
            else:
                read(socket, message)
        except (KeyError, TypeError, ValueError):
            socket.feed.abort()
