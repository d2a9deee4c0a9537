"""Flow control of DIFF: a client asks for one message at a time, and what happens in between waits for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientConnectionResetError, web

from venue_sandbox.venues.http.connections import cut

__all__ = ["Diff", "Feed"]

Diff = dict[str, Any]
CLOSE_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Feed:
    """One websocket, as it is written to.

    Attributes
    ----------
    mute
        Whether nothing is written any more, though the connection stays.
    """

    request: web.Request
    wire: web.WebSocketResponse
    mute: bool = False
    _asked: bool = False
    _waiting: list[Diff] = field(default_factory=list[Diff])
    _outgoing: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue[str | None])

    def send(self, message: dict[str, Any]) -> None:
        """Write a message that nobody has to ask for."""
        self._outgoing.put_nowait(json.dumps(message, ensure_ascii=False))

    def push(self, diffs: Sequence[Diff]) -> None:
        """Tell what has changed, when the client asks."""
        self._waiting += diffs
        self._flush()

    def peek(self) -> None:
        """Take note that the client asks for a message."""
        self._asked = True
        self._flush()

    def close(self) -> None:
        """End the connection in order, after what is to be written."""
        self._outgoing.put_nowait(None)

    def abort(self) -> None:
        """Reset the connection."""
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

    def _flush(self) -> None:
        if self._asked and self._waiting:
            self._asked, diffs = False, self._waiting
            self._waiting = []
            self.send({"aid": "rtn_data", "data": diffs})
