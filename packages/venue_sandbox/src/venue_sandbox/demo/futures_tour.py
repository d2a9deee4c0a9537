"""What the demo of China futures does, whatever trades for it: orders, and what has to be written of each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.ports.clock import Clock

from venue_sandbox.stands.futures_rows import Written
from venue_sandbox.stands.tqsdk import TqStand

__all__ = ["PORTFOLIO", "Broker", "NotShown", "Step", "Tour", "tour"]

PORTFOLIO = "DUSBX-1"
SHFE, DCE, CZCE = "SHFE.rb2510", "DCE.m2509", "CZCE.CF509"
SHOWN_SECONDS = 20.0
POLL_SECONDS = 0.05
Say = Callable[[str], None]


class NotShown(QuantError):
    """The demo did not show what it says."""


class Broker(Protocol):
    """What trades, and what it has written.

    Attributes
    ----------
    queues, rows, keys
        What and where they are, in words.
    """

    queues: ClassVar[str]
    rows: ClassVar[str]
    keys: ClassVar[str]

    @property
    def account(self) -> str:
        """The account at the venue."""
        ...

    @property
    def clock(self) -> Clock:
        """The time that counts."""
        ...

    async def submit(self, body: bytes) -> None:
        """Send what an engine asks for."""
        ...

    async def cancel(self, body: bytes) -> None:
        """Send what an engine wants cancelled."""
        ...

    async def written(self) -> Written:
        """Return what was written so far."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """An order of the engine's; fields as in a SUBMIT."""

    symbol: str
    direction: str
    offset: str
    volume: int
    limit_price: float

    @property
    def text(self) -> str:
        """The order in words."""
        return f"{self.direction} {self.offset} {self.volume} {self.symbol} at {self.limit_price:g}"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the demo shows: what was sent, and the events of its order."""

    title: str
    asked: str
    order_id: str


@dataclass(slots=True)
class Tour:
    """What the demo has shown."""

    steps: list[Step] = field(default_factory=list[Step])
    written: Written | None = None
    inserts: list[str] = field(default_factory=list[str])


async def tour(broker: Broker, venue: TqStand, say: Say) -> Tour:
    """Trade, and make sure of what is written of each order.

    Raises
    ------
    NotShown
        Something was not written within a while, or is not what it should be.
    """
    guide = _Guide(broker, venue, say)
    await guide.prepare()
    await guide.fill()
    await guide.partial_fills()
    await guide.split_close()
    await guide.cancel()
    await guide.rejects()
    await guide.again()
    return await guide.end()


@dataclass(slots=True)
class _Guide:
    broker: Broker
    venue: TqStand
    say: Say
    shown: Tour = field(default_factory=Tour)

    async def prepare(self) -> None:
        """Let orders wait that are filled by hand, and hold three lots of an earlier day."""
        for order in ("parts-1", "close-1_closetoday", "close-1_close", "rest-1"):
            await self._do("treatment", order=order, fill="rest")
        await self._do("positions", user=self.broker.account, symbol=SHFE, long_his=3)

    async def fill(self) -> None:
        await self._order("a fill", "open-1", Wish(SHFE, "BUY", "OPEN", 2, 3510.0))
        await self._until("open-1", "FINISHED", 2, "COMPLETE_FILL")

    async def partial_fills(self) -> None:
        await self._order("partial fills", "parts-1", Wish(DCE, "BUY", "OPEN", 3, 3000.0))
        await self._until("parts-1", "ALIVE", 0)
        await self._trade("parts-1", 1, 2999.0)
        await self._until("parts-1", "ALIVE", 1, "PARTIAL_FILL")
        await self._trade("parts-1", 1, 2998.0)
        await self._until("parts-1", "ALIVE", 2, "PARTIAL_FILL", "PARTIAL_FILL")
        await self._trade("parts-1", 1, 2997.0)
        await self._until("parts-1", "FINISHED", 3, "PARTIAL_FILL", "PARTIAL_FILL", "COMPLETE_FILL")

    async def split_close(self) -> None:
        await self._order(
            "a close, split: 2 of today, 2 of earlier days", "close-1", Wish(SHFE, "SELL", "CLOSE", 4, 3400.0)
        )
        await self._until("close-1_close", "ALIVE", 0)
        await self._trade("close-1_closetoday", 2, 3499.0)
        await self._until("close-1", "ALIVE", 2, "PARTIAL_FILL")
        await self._trade("close-1_close", 2, 3498.0)
        await self._until("close-1", "FINISHED", 4, "PARTIAL_FILL", "COMPLETE_FILL")

    async def cancel(self) -> None:
        await self._order("a cancel, after one lot has traded", "rest-1", Wish(CZCE, "BUY", "OPEN", 2, 14000.0))
        await self._until("rest-1", "ALIVE", 0)
        await self._trade("rest-1", 1, 14000.0)
        await self._until("rest-1", "ALIVE", 1, "PARTIAL_FILL")
        await self.broker.cancel(self._message("CANCEL", {"order_id": "rest-1"}))
        await self._until("rest-1", "FINISHED", 1, "PARTIAL_FILL", "CANCELLED")

    async def rejects(self) -> None:
        await self._order("a reject of ours: a price off its tick", "reject-1", Wish(SHFE, "BUY", "OPEN", 1, 3500.5))
        await self._until("reject-1", "FINISHED", 0, "REJECTED")
        await asyncio.to_thread(
            self.venue.server.fault, "reject", operation="insert", order="reject-2", text="not enough margin"
        )
        await self._order("a reject of the exchange's", "reject-2", Wish(SHFE, "BUY", "OPEN", 1, 3500.0))
        await self._until("reject-2", "FINISHED", 0, "REJECTED")

    async def again(self) -> None:
        """Send the first order again, and one of another content under its id."""
        await self._order("the first order again: nothing is sent", "open-1", Wish(SHFE, "BUY", "OPEN", 2, 3510.0))
        await self._order("another order under its id: refused", "open-1", Wish(SHFE, "BUY", "OPEN", 9, 3510.0))
        await self._until("open-1", "FINISHED", 2, "COMPLETE_FILL", "REJECTED")

    async def end(self) -> Tour:
        """Wait until positions are as they should be; make sure that every order reached the venue once."""
        nets = {SHFE: 1, DCE: 3, CZCE: 1}

        def positions(found: Written) -> bool:
            return all(found.cache.get(f"TQ_Position_PortfolioId_{PORTFOLIO}_Symbol_{s}") == n for s, n in nets.items())

        def account(found: Written) -> bool:
            told = found.cache.get(f"TQ_Account_PortfolioId_{PORTFOLIO}", {})
            return abs(told.get("balance", 0) - held["balance"]) < 0.005 > abs(told["available"] - held["available"])

        await self._wait("positions", positions)
        held = (await asyncio.to_thread(self.venue.look, "account", self.broker.account))[self.broker.account]
        self.shown.written = await self._wait("the account", account)
        self.shown.inserts = await asyncio.to_thread(self.venue.inserts, self.broker.account)
        expected = ["open-1", "parts-1", "close-1_closetoday", "close-1_close", "rest-1", "reject-2"]
        if self.shown.inserts != expected:
            raise NotShown(f"the venue received {', '.join(self.shown.inserts)}; expected {', '.join(expected)}")
        return self.shown

    async def _order(self, title: str, order_id: str, wish: Wish) -> None:
        self.say(f"{title}: {wish.text}")
        self.shown.steps.append(Step(title, wish.text, order_id))
        await self.broker.submit(self._message("SUBMIT", {**asdict(wish), "order_id": order_id}))

    def _message(self, kind: str, payload: Mapping[str, Any]) -> bytes:
        now = self.broker.clock.now().isoformat()
        content = {**payload, "portfolio_id": PORTFOLIO}
        return json.dumps({"type": kind, "request_id": f"demo-{now}", "timestamp": now, "payload": content}).encode()

    async def _trade(self, order_id: str, volume: int, price: float) -> None:
        await self._do("fill", user=self.broker.account, order_id=order_id, volume=volume, price=price)

    async def _do(self, operation: str, **fields: Any) -> None:
        await asyncio.to_thread(lambda: self.venue.do(operation, **fields))

    async def _until(self, order_id: str, status: str, filled: int, *events: str) -> None:
        """Wait until an order stands as it should, and its events are those, no more and no fewer."""

        def as_wanted(found: Written) -> bool:
            row = found.orders.get(order_id)
            return row is not None and _stands(row, status, filled) and found.events_of(order_id) == list(events)

        await self._wait(f"{order_id} {status} with {filled} filled and {_listed(events)}", as_wanted, order_id)

    async def _wait(self, what: str, wanted: Callable[[Written], bool], order_id: str = "") -> Written:
        deadline = time.monotonic() + SHOWN_SECONDS
        while not wanted(found := await self.broker.written()):
            if time.monotonic() > deadline:
                row, events = found.orders.get(order_id), found.events_of(order_id)
                raise NotShown(f"not shown within {SHOWN_SECONDS:g} s: {what}; found {row or 'no row'}, {events}")
            await asyncio.sleep(POLL_SECONDS)
        return found


def _stands(row: Mapping[str, Any], status: str, filled: int) -> bool:
    return (row["status"], row["filled_quantity"]) == (status, filled) and bool(status != "ALIVE" or _accepted(row))


def _accepted(row: Mapping[str, Any]) -> bool:
    """Whether the exchange has the order: it cannot be traded by hand before that."""
    return bool(row["exchange_order_id"])


def _listed(events: Sequence[str]) -> str:
    return ", ".join(events) or "no events"
