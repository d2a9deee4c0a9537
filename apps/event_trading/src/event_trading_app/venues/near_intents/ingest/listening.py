"""The listener: it stays connected to the solver bus and hands on every event, in the order in which they came."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from loguru import logger
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.ports.clock import Clock
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from event_trading_app.venues.near_intents.bus import Open
from event_trading_app.venues.near_intents.ingest.counting import Counts, Recent
from event_trading_app.venues.near_intents.ingest.events import raw_event
from event_trading_app.venues.near_intents.ingest.frames import Kind, read_frame

__all__ = ["Backoff", "Listener"]

SUBSCRIPTIONS: tuple[tuple[str, Kind], ...] = (("quote", Kind.QUOTE), ("quote_status", Kind.STATUS))

Publish = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the next attempt: they double up to a bound, and are shortened by chance up to a half."""

    first: float = 0.2
    longest: float = 10.0

    def seconds(self, failures: int, chance: float) -> float:
        """Return the pause after so many failures in a row, with a chance from 0 to 1."""
        whole = min(self.longest, self.first * 2 ** min(failures - 1, 30))
        return whole * (1 - chance / 2)


class BusQuiet(Exception):
    """Nothing was heard for too long."""


@dataclass(slots=True)
class Listener:
    """Listens until it is stopped.

    Attributes
    ----------
    publish
        Hands an event on; while it does not return, nothing more is read.
    quiet_seconds
        After so long without any message the connection is taken to be dead; pings alone do not prove that it is not.
    """

    open: Open
    publish: Publish
    clock: Clock
    backoff: Backoff = Backoff()
    quiet_seconds: float = 60.0
    reply_seconds: float = 10.0
    counts: Counts = field(default_factory=Counts)
    _recent: Recent = field(default_factory=Recent)
    _chance: Random = field(default_factory=Random)

    async def run(self, stop: asyncio.Event) -> None:
        """Listen; connect again whenever a connection ends. What was received before the stop is handed on."""
        failures = 0
        while not stop.is_set():
            before = self.counts.connections
            try:
                await self._connected(stop)
            except (WebSocketException, OSError, EOFError, BusQuiet) as error:
                self._failed(error, stop)
            finally:
                self.counts.lost(self.clock.monotonic())
            failures = 1 if self.counts.connections > before else failures + 1
            with suppress(TimeoutError):
                async with asyncio.timeout(self.backoff.seconds(failures, self._chance.random())):
                    await stop.wait()

    async def _connected(self, stop: asyncio.Event) -> None:
        """Listen on one connection until it ends."""
        async with self.open() as wire:
            closing = asyncio.create_task(_close_at(stop, wire))
            try:
                await self._listen(wire)
            finally:
                closing.cancel()

    def _failed(self, error: Exception, stop: asyncio.Event) -> None:
        """Count and tell why a connection ended, unless it was ended from here."""
        if not stop.is_set():
            reason = type(error).__name__
            self.counts.failures[reason] += 1
            logger.warning("the solver bus was lost: {}: {}", reason, redact(str(error)))

    async def _listen(self, wire: ClientConnection) -> None:
        kinds = await self._subscribe(wire)
        self.counts.opened(self.clock.monotonic())
        logger.info("listening to the solver bus: {} subscriptions", len(kinds))
        while True:
            await self._heard(*await self._next(wire), kinds)

    async def _subscribe(self, wire: ClientConnection) -> dict[str, Kind]:
        """Subscribe to everything; events that come between the answers are handed on."""
        waiting: dict[str, Kind] = {}
        for number, (name, kind) in enumerate(SUBSCRIPTIONS, 1):
            options = {"tokens_in": list[str](), "tokens_out": list[str]()}
            params = [name, options] if kind is Kind.QUOTE else [name]
            await wire.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": "subscribe", "params": params}))
            waiting[str(number)] = kind
        kinds: dict[str, Kind] = {}
        until = self.clock.monotonic() + self.reply_seconds
        while waiting:
            text, observed_at = await self._next(wire, until - self.clock.monotonic())
            frame = read_frame(text, kinds)
            if frame.kind is not Kind.REPLY:
                await self._heard(text, observed_at, kinds)
            elif (kind := waiting.pop(str(frame.data["id"]), None)) is not None:
                kinds[_subscription(frame.data.get("result"), kind)] = kind
        return kinds

    async def _next(self, wire: ClientConnection, seconds: float | None = None) -> tuple[str, datetime]:
        """Return the next message and when it came; bytes are read as text.

        Raises
        ------
        BusQuiet
            None came in time.
        """
        most = self.quiet_seconds if seconds is None else seconds
        try:
            async with asyncio.timeout(most):
                message = await wire.recv()
        except TimeoutError:
            raise BusQuiet(f"nothing was heard for {most:.3g} s") from None
        text = message if isinstance(message, str) else message.decode("utf-8", "backslashreplace")
        return text, self.clock.now()

    async def _heard(self, text: str, observed_at: datetime, kinds: dict[str, Kind]) -> None:
        frame = read_frame(text, kinds)
        self.counts.events[frame.kind.value] += 1
        if frame.kind is Kind.REPLY:
            return
        event = raw_event(frame, text, observed_at, self.clock.now())
        self.counts.duplicates += self._recent.heard(event.event_id)
        await self.publish(event)


async def _close_at(stop: asyncio.Event, wire: ClientConnection) -> None:
    """Close a connection when there is to be an end; what has come before can still be read."""
    await stop.wait()
    await wire.close()


def _subscription(result: object, kind: Kind) -> str:
    """Return the id of a subscription; `OSError` where it was refused, as where the bus cannot be reached."""
    if not isinstance(result, str) or not result:
        raise ConnectionError(f"the subscription to {kind.value} was refused")
    return result
