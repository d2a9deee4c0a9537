"""The websockets: ``/v2/iex`` and ``/v2/sip`` of minute bars, ``/stream`` of what becomes of orders.

Bars are published as the venue's clock moves on: set an hour ahead, an hour of them comes at once, minute by minute.
What is published while nobody listens is never sent again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from aiohttp import WSMsgType, web

from venue_sandbox.exchange.orders import Execution, OrderStatus, VenueOrder
from venue_sandbox.venues.alpaca.context import AlpacaVenue, instant, text
from venue_sandbox.venues.alpaca.order_documents import order_document
from venue_sandbox.venues.alpaca.tape import Bar

__all__ = ["BarStream", "OrderStream", "Streams"]

msgpack: Any = import_module("msgpack")
"""It has no types."""
POLL_SECONDS = 0.02
WRONG_KEYS, TOO_MANY = (402, "auth failed"), (406, "connection limit exceeded")
UPDATED = 0.01
"""By how much a bar's correction differs, in the price's currency."""
EVENTS = {
    OrderStatus.WORKING: "new",
    OrderStatus.CANCELLED: "canceled",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.EXPIRED: "expired",
}


@dataclass(eq=False)
class _Listener:
    """A connection that is logged in."""

    socket: web.WebSocketResponse
    account: str
    symbols: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    def hears(self, channel: str, symbol: str) -> bool:
        """Whether it has asked for a symbol, or for all."""
        return bool({symbol, "*"} & self.symbols.get(channel, frozenset()))


class Streams:
    """Both streams; observes an exchange."""

    def __init__(self, venue: AlpacaVenue) -> None:
        self.orders = OrderStream(venue)
        self.bars = {feed: BarStream(venue, feed) for feed in ("iex", "sip")}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the websockets."""
        feeds = (web.get(f"/v2/{feed}", stream.serve) for feed, stream in self.bars.items())
        return [*feeds, web.get("/stream", self.orders.serve)]

    async def run(self) -> None:
        """Publish bars as time goes by, until cancelled."""
        while True:
            for stream in self.bars.values():
                await stream.publish()
            await asyncio.sleep(POLL_SECONDS)


class BarStream:
    """Minute bars of a feed; one connection of a key at a time."""

    def __init__(self, venue: AlpacaVenue, feed: str) -> None:
        self._venue, self._feed = venue, feed
        self._listeners: set[_Listener] = set()
        self._until = venue.clock.now()
        self._held: list[tuple[datetime, dict[str, Any]]] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk to a client until it goes."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._venue.connections.note(request)
        await _pack(socket, [{"T": "success", "msg": "connected"}])
        listener = await self._logged_in(socket)
        if listener is None:
            return socket
        self._listeners.add(listener)
        try:
            await _pack(socket, [{"T": "success", "msg": "authenticated"}])
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    await self._told(listener, msgpack.unpackb(message.data))
        finally:
            self._listeners.discard(listener)
        return socket

    async def publish(self) -> None:
        """Send the bars that were finished since the last time, a frame a minute."""
        now = self._venue.clock.now()
        began, self._until = self._until, now
        due: dict[datetime, list[dict[str, Any]]] = {}
        for at, bar in self._due(began, now):
            due.setdefault(at, []).append(bar)
        for _, bars in sorted(due.items()):
            await self._send(bars)

    async def _logged_in(self, socket: web.WebSocketResponse) -> _Listener | None:
        message = await socket.receive()
        asked: dict[str, Any] = msgpack.unpackb(message.data) if message.type is WSMsgType.BINARY else {}
        account = self._venue.account_behind(str(asked.get("key")), str(asked.get("secret")))
        refused = self._venue.stream_error
        if refused is None and account is None:
            refused = WRONG_KEYS
        if refused is None and any(each.account == account for each in self._listeners):
            refused = TOO_MANY
        if refused is not None or account is None:
            code, words = refused or WRONG_KEYS
            await _pack(socket, [{"T": "error", "code": code, "msg": words}])
            await socket.close()
            return None
        return _Listener(socket, account)

    async def _told(self, listener: _Listener, asked: Mapping[str, Any]) -> None:
        """Take note of what a client subscribes to, or no more; tell it what it has now."""
        for channel, symbols in asked.items():
            if channel == "action":
                continue
            named, known = frozenset[str](symbols), listener.symbols.get(channel, frozenset())
            listener.symbols[channel] = known | named if asked["action"] == "subscribe" else known - named
        told = {channel: sorted(symbols) for channel, symbols in listener.symbols.items()}
        await _pack(listener.socket, [{"T": "subscription", **told}])

    def _due(self, began: datetime, now: datetime) -> list[tuple[datetime, dict[str, Any]]]:
        """Return bars with when each comes, those that a fault held back among them."""
        found: list[tuple[datetime, dict[str, Any]]] = []
        for symbol, bars in self._venue.tape.minutes.items():
            for bar in bars:
                if began < bar.ends <= now:
                    found += self._harmed(symbol, bar)
        every = self._held + found
        self._held = [each for each in every if each[0] > now]
        return [each for each in every if each[0] <= now]

    def _harmed(self, symbol: str, bar: Bar) -> list[tuple[datetime, dict[str, Any]]]:
        """Return what is sent of a bar, and when, as the fault that is armed for it says."""
        told, fault = self._document(symbol, bar), self._venue.bar_faults.get((symbol, bar.start))
        if fault is None:
            return [(bar.ends, told)]
        match fault.harm:
            case "lost":
                return []
            case "duplicate":
                return [(bar.ends, told), (bar.ends, told)]
            case "updated":
                later = {**told, "T": "u", "c": told["c"] + UPDATED, "h": max(told["h"], told["c"] + UPDATED)}
                return [(bar.ends, told), (bar.ends + fault.later, later)]
            case _:
                return [(bar.ends + fault.later, told)]

    def _document(self, symbol: str, bar: Bar) -> dict[str, Any]:
        prices = dict(zip("ohlc", bar.prices, strict=True))
        start = msgpack.Timestamp.from_datetime(bar.start.astimezone(UTC))
        return {"T": "b", "S": symbol, **prices, "v": round(bar.volume), "n": 1, "vw": bar.prices[3], "t": start}

    async def _send(self, bars: Sequence[dict[str, Any]]) -> None:
        for listener in tuple(self._listeners):
            channels = {"b": "bars", "u": "updatedBars"}
            heard = [bar for bar in bars if listener.hears(channels[bar["T"]], bar["S"])]
            if heard and not self._venue.mute:
                await _pack(listener.socket, heard)


class OrderStream:
    """What becomes of orders; observes an exchange."""

    def __init__(self, venue: AlpacaVenue) -> None:
        self._venue = venue
        self._listeners: set[_Listener] = set()
        self._sending: set[asyncio.Task[None]] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk to a client until it goes."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._venue.connections.note(request)
        listener: _Listener | None = None
        try:
            async for message in socket:
                asked = json.loads(message.data)
                if asked.get("action") == "listen" and listener is not None:
                    streams = asked["data"]["streams"]
                    self._listeners.add(listener)
                    await _write(socket, {"stream": "listening", "data": {"streams": streams}})
                    continue
                keys = asked.get("data", {})
                account = self._venue.account_behind(str(keys.get("key_id")), str(keys.get("secret_key")))
                status = "unauthorized" if account is None else "authorized"
                data = {"status": status, "action": "authenticate"}
                await _write(socket, {"stream": "authorization", "data": data})
                if account is None:
                    break
                listener = _Listener(socket, account)
        finally:
            self._listeners -= {listener} if listener else set()
        return socket

    def order_changed(self, order: VenueOrder) -> None:
        """Tell of an order that works now, or has ended without a fill."""
        event = EVENTS.get(order.status)
        if event is not None:
            self._tell(order, {"event": event, "order": order_document(self._venue, order)})

    def executed(self, order: VenueOrder, execution: Execution) -> None:
        """Tell of a fill."""
        held = self._venue.exchange.book.accounts[execution.account].holding(execution.symbol).quantity
        self._tell(
            order,
            {
                "event": "fill" if order.status is OrderStatus.FILLED else "partial_fill",
                "execution_id": self._venue.id_of("fill", execution.id),
                "order": order_document(self._venue, order),
                "price": text(execution.price),
                "qty": text(execution.quantity),
                "position_qty": text(held),
            },
        )

    def account_changed(self, account: str, symbol: str | None) -> None:
        """Nothing to tell."""

    def price_changed(self, symbol: str) -> None:
        """Nothing to tell."""

    def _tell(self, order: VenueOrder, data: Mapping[str, Any]) -> None:
        at = instant(self._venue.exchange.now())
        document = {"stream": "trade_updates", "data": {**data, "timestamp": at}}
        times = 2 if order.number in self._venue.front.twice else 1
        for listener in self._listeners:
            if listener.account == order.ticket.account and not self._venue.mute:
                for _ in range(times):
                    self._later(_write(listener.socket, document))

    def _later(self, sending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


async def _pack(socket: web.WebSocketResponse, frame: list[dict[str, Any]]) -> None:
    with suppress(ConnectionError):
        await socket.send_bytes(msgpack.packb(frame))


async def _write(socket: web.WebSocketResponse, document: Mapping[str, Any]) -> None:
    with suppress(ConnectionError):
        await socket.send_bytes(json.dumps(document).encode())
