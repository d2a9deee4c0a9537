"""Sending: the bytes of an answer go out as they are, and what the venue says is told apart from saying nothing."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from loguru import logger
from quant_platform_kit.domain.redaction import redact
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException
from websockets.protocol import State

from event_trading_app.errors import Unanswered, VenueDown
from event_trading_app.ports import MayLeave, Sent, always
from event_trading_app.venues.near_intents.bus import Open

__all__ = ["AnswerBus"]

INTERNAL_ERROR = -32603
DOUBTFUL = ("internal", "timeout", "timed out")
"""Words of errors after which an answer may have been taken all the same."""

Reply = dict[str, Any]


@dataclass(slots=True, eq=False)
class _Line:
    """One connection: who waits on it for which reply, and how much was heard on it.

    Attributes
    ----------
    turn
        Of whoever writes: nobody waits for another's message between the last look and his own.
    """

    wire: ClientConnection
    closing: Callable[[], Any]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: defaultdict[object, deque[asyncio.Future[Reply]]] = field(
        default_factory=lambda: defaultdict[object, deque[asyncio.Future[Reply]]](deque)
    )
    heard: int = 0

    @property
    def stands(self) -> bool:
        """Whether something may be written."""
        return self.wire.state is State.OPEN

    def expect(self, number: object) -> asyncio.Future[Reply]:
        """Return the reply to come; of equal numbers the first one that waits gets the first."""
        future = asyncio.get_running_loop().create_future()
        self.waiting[number].append(future)
        return future

    def forget(self, number: object, future: asyncio.Future[Reply]) -> None:
        """Wait for a reply no more."""
        future.cancel()
        futures = self.waiting.get(number)
        if futures is not None and future in futures:
            futures.remove(future)
        if not futures:
            self.waiting.pop(number, None)

    def reply(self, document: Reply) -> None:
        """Hand on a reply."""
        self.heard += 1
        waiting = (future for future in self.waiting.get(document["id"], ()) if not future.done())
        if (first := next(waiting, None)) is not None:
            first.set_result(document)

    def end(self) -> None:
        """Tell whoever waits that nothing comes any more."""
        for futures in self.waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(Unanswered("the connection to the venue ended before it answered"))
        self.waiting.clear()


class AnswerBus:
    """The solver bus, as far as answers go: one connection, opened when it is needed, for many answers at a time.

    Parameters
    ----------
    seconds
        How long a reply is waited for.
    """

    def __init__(self, open_connection: Open, seconds: float = 3.0) -> None:
        self._open, self._seconds = open_connection, seconds
        self._line: _Line | None = None
        self._opening = asyncio.Lock()
        self._readers: set[asyncio.Task[None]] = set()

    async def send(self, data: bytes, may_leave: MayLeave = always) -> Sent:
        """Write the bytes of an answer and return what the venue says.

        Parameters
        ----------
        may_leave
            Asked when there is a connection and nobody else writes on it, right before the bytes are written.

        Raises
        ------
        Unanswered
            It may have arrived, and it may not.
        VenueDown
            Nothing has left.
        """
        text = data.decode()
        number = json.loads(text)["id"]
        line = await self._standing()
        heard, future = line.heard, line.expect(number)
        leaving = False
        try:
            async with asyncio.timeout(self._seconds):
                async with line.turn:
                    if not may_leave():
                        raise VenueDown("an answer may not be sent any more; nothing was sent")
                    leaving = True
                    await line.wire.send(text)
                return _said(await future)
        except TimeoutError:
            if line.heard == heard:
                self._drop(line)
            if not leaving:
                raise VenueDown("the connection to the venue takes nothing; nothing was sent") from None
            raise Unanswered(f"the venue did not answer within {self._seconds:g} s") from None
        except (WebSocketException, OSError) as error:
            raise Unanswered(f"the connection to the venue ended while an answer was sent: {_told(error)}") from None
        finally:
            line.forget(number, future)

    async def ready(self) -> None:
        """Connect, if there is no connection that stands; `VenueDown` where there is none to be had."""
        await self._standing()

    async def close(self) -> None:
        """End the connection; whoever waits for a reply is told that there is none."""
        if self._line is not None:
            self._drop(self._line)
        for reader in tuple(self._readers):
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    async def _standing(self) -> _Line:
        """Return a connection that stands; `VenueDown` where there is none to be had."""
        async with self._opening:
            line = self._line
            return line if line is not None and line.stands else await self._connected()

    async def _connected(self) -> _Line:
        opened: asyncio.Future[_Line] = asyncio.get_running_loop().create_future()
        reader = asyncio.create_task(self._read(opened))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        try:
            return await asyncio.shield(opened)
        except (WebSocketException, OSError, EOFError) as error:
            raise VenueDown(f"the venue's bus cannot be reached: {_told(error)}; nothing was sent") from None

    async def _read(self, opened: asyncio.Future[_Line]) -> None:
        """Hold one connection, and hand on its replies until it ends."""
        try:
            async with self._open() as wire:
                ended = asyncio.Event()
                line = self._line = _Line(wire, ended.set)
                opened.set_result(line)
                closing = asyncio.create_task(_close_at(ended, wire))
                try:
                    async for message in wire:
                        _hand_on(line, message)
                finally:
                    closing.cancel()
                    line.end()
        except (WebSocketException, OSError, EOFError) as error:
            if not opened.done():
                opened.set_exception(error)
            else:
                logger.warning("the connection for answers ended: {}", _told(error))
        finally:
            opened.cancel()

    def _drop(self, line: _Line) -> None:
        """End a connection on which nothing is heard any more."""
        line.end()
        line.closing()
        if self._line is line:
            self._line = None


async def _close_at(ended: asyncio.Event, wire: ClientConnection) -> None:
    await ended.wait()
    await wire.close()


def _hand_on(line: _Line, message: str | bytes) -> None:
    """Hand a message on if it is a reply; what makes no sense answers nothing."""
    try:
        document: Any = json.loads(message)
    except ValueError:
        return
    if isinstance(document, dict) and isinstance(cast(Reply, document).get("id"), int | str):
        line.reply(cast(Reply, document))


def _said(document: Reply) -> Sent:
    """Return what a reply says of an answer.

    Raises
    ------
    Unanswered
        It does not say whether the answer was taken.
    """
    if document.get("result") == "OK":
        return Sent(acknowledged=True)
    found: Any = document.get("error")
    error = cast(Reply, found) if isinstance(found, dict) else {}
    text = redact(str(error.get("message", document)))[:200]
    doubtful = error.get("code") == INTERNAL_ERROR or any(word in text.lower() for word in DOUBTFUL)
    if not error or doubtful:
        raise Unanswered(f"the venue does not say whether it took the answer: {text}")
    return Sent(acknowledged=False, reason=text)


def _told(error: Exception) -> str:
    return redact(f"{type(error).__name__}: {error}")
