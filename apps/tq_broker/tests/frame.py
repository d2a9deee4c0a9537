"""What the tests of the services share: a login that shows what a test wants, queues in lists, a ledger in files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.sql_store import SqlStore
from quant_platform_kit.adapters.store_keys import check_key
from quant_platform_kit.domain.errors import Conflict, StoreError
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import Transition
from quant_platform_kit.ports.versioned_store import Stored, VersionedStore
from tq_broker_app.bus.ports import BusDown, Queue
from tq_broker_app.errors import SessionOver
from tq_broker_app.record.order_book import OrderBook
from tq_broker_app.roles.parts import Parts, Point
from tq_broker_app.settings import Settings
from tq_broker_app.trading.contracts import Contract, Holding, Quote
from tq_broker_app.trading.plans import Child, ParentPlan, Wanted
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

ACCOUNT, PORTFOLIO = "DUSBX000001", "p1"
NOW = datetime(2025, 3, 11, 2, 0, tzinfo=UTC)
"""Ten in the morning of a Tuesday in Shanghai."""
DAY, NEXT_DAY = "20250311", "20250312"
REBAR, BEAN = "SHFE.rb2510", "DCE.m2509"
HOURS = {"day": [["09:00:00", "10:15:00"], ["10:30:00", "11:30:00"], ["13:30:00", "15:00:00"]]}
CALENDAR = load_calendar("XSHG")


def contract(symbol: str = REBAR, **changes: Any) -> Contract:
    """Return a contract with a tick of 1 between 3000 and 4000."""
    product = symbol.partition(".")[2].rstrip("0123456789")
    made = Contract(symbol, product, Decimal(1), Decimal(3000), Decimal(4000), 1, 500, 0, HOURS)
    return replace(made, **changes)


def document(**sections: dict[str, Any]) -> dict[str, Any]:
    """Return settings with some that differ."""
    known: dict[str, dict[str, Any]] = {
        "tq": {"username": "demo", "password": "tianqin-password", "portfolio_id": PORTFOLIO},
        "redis": {"host": "127.0.0.1"},
        "rabbitmq": {"url": "amqp://guest:rabbit-password@127.0.0.1/"},
        "database": {"host": "127.0.0.1", "user": "u", "password": "database-password", "dbname": "d"},
        "submitter": {"visibility_seconds": 0.001, "answer_seconds": 0.05, "lease_seconds": 60},
    }
    for name, section in sections.items():
        known[name] = {**known.get(name, {}), **section}
    return known


def settings(**sections: dict[str, Any]) -> Settings:
    """Return settings that a deployment could have."""
    return Settings.model_validate(document(**sections))


@dataclass
class MemoryStore:
    """A ledger in memory; ``down`` counts the calls that fail."""

    objects: dict[str, Stored] = field(default_factory=dict)
    down: int = 0

    def create(self, key: str, data: bytes) -> int:
        self._answer()
        check_key(key)
        if self.objects.setdefault(key, stored := Stored(data, 1)) is not stored:
            raise Conflict(f"{key} exists")
        return 1

    def replace(self, key: str, data: bytes, generation: int) -> int:
        self._answer()
        if self.objects[key].generation != generation:
            raise Conflict(f"{key} has another generation")
        self.objects[key] = Stored(data, generation + 1)
        return generation + 1

    def get(self, key: str) -> Stored | None:
        self._answer()
        check_key(key)
        return self.objects.get(key)

    def now(self) -> datetime:
        return NOW

    def keys(self, prefix: str) -> list[str]:
        self._answer()
        return sorted(key for key in tuple(self.objects) if key.startswith(prefix))

    def _answer(self) -> None:
        if self.down:
            self.down -= 1
            raise StoreError("the store does not answer")


@dataclass
class ListBus:
    """Queues as lists; ``down`` counts the publishes that fail."""

    told: list[tuple[Queue, dict[str, Any]]] = field(default_factory=list)
    down: int = 0

    async def publish(self, queue: Queue, body: bytes) -> None:
        if self.down:
            self.down -= 1
            raise BusDown("RabbitMQ does not answer")
        self.told.append((queue, json.loads(body)))

    async def consume(self, queue: Queue, handle: Any, *, at_once: int = 1, active: Any = None) -> None:
        if active is not None:
            await active()
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing is open."""

    def of(self, queue: Queue = Queue.ORDERS) -> list[dict[str, Any]]:
        """Return what was told in a queue, oldest first."""
        return [message for told, message in self.told if told is queue]

    def events(self) -> list[str]:
        """Return the ids of all events."""
        return [message["event_id"] for message in self.of() if "event_id" in message]


@dataclass
class Api:
    """What the services call of a TqApi; ``answer`` makes the order that is shown then, none for one that is lost."""

    view: View
    answer: Callable[[VenueOrder], VenueOrder | None] = lambda order: replace(order, exchange_order_id="E1")
    inserted: list[tuple[Any, ...]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def insert_order(self, symbol: str, direction: str, offset: str, volume: int, price: Any, order_id: str) -> None:
        self.inserted.append((order_id, offset, volume))
        limit = None if price is None else Decimal(str(price))
        sent = VenueOrder(order_id, "", symbol, direction, offset, volume, volume, limit, True, False, "", 0)
        shown = self.answer(sent)
        self.view.shown[order_id] = shown or sent

    def cancel_order(self, order_id: str) -> None:
        self.cancelled.append(order_id)


class View:
    """A login that shows what a test has put into it."""

    def __init__(self, day: str = DAY) -> None:
        self.account_id, self.trading_day, self.day_now = ACCOUNT, day, day
        self.shown: dict[str, VenueOrder] = {}
        self.filled: list[VenueTrade] = []
        self.holdings: dict[tuple[str, str], Holding] = {}
        self.contracts = {REBAR: contract(), BEAN: contract(BEAN, max_market_volume=10)}
        self.quote = Quote(Decimal(3500), Decimal(3490))
        self.api = Api(self)

    def present_day(self) -> str:
        return self.day_now

    def knows(self, order_id: str) -> bool:
        return order_id in self.shown

    def order_ids(self) -> list[str]:
        return list(self.shown)

    def answered(self, order_id: str) -> bool:
        return self.shown[order_id].answered

    def order(self, order_id: str) -> VenueOrder:
        return self.shown[order_id]

    def orders(self) -> dict[str, VenueOrder]:
        return dict(self.shown)

    def trades(self) -> dict[str, list[VenueTrade]]:
        found: dict[str, list[VenueTrade]] = {}
        for trade in self.filled:
            found.setdefault(trade.order_id, []).append(trade)
        return found

    def trade_ids(self) -> list[str]:
        return [trade.trade_id for trade in self.filled]

    def trade(self, trade_id: str) -> VenueTrade:
        return next(trade for trade in self.filled if trade.trade_id == trade_id)

    def holding(self, symbol: str, side: str) -> Holding:
        return self.holdings.get((symbol, side), Holding())

    async def contract(self, symbol: str) -> tuple[Contract, Quote] | None:
        await asyncio.sleep(0)
        return self.known_contract(symbol)

    def known_contract(self, symbol: str) -> tuple[Contract, Quote] | None:
        return (self.contracts[symbol], self.quote) if symbol in self.contracts else None

    def fill(self, order_id: str, volume: int, price: int = 3500, *, shows: bool = True) -> None:
        """Trade lots of an order; the order itself says so unless it is told later."""
        number = len(self.filled)
        self.filled.append(VenueTrade(f"{order_id}|{number}", order_id, volume, Decimal(price)))
        if shows:
            left = self.shown[order_id].volume_left - volume
            self.shown[order_id] = replace(self.shown[order_id], volume_left=left, alive=left > 0)


class Session:
    """A login without a thread: commands run where they are asked for."""

    def __init__(self, view: View | None = None) -> None:
        self.view = view or View()
        self.account_id, self.trading_day = self.view.account_id, self.view.trading_day
        self.watchers: list[Callable[[], None]] = []
        self.ended, self.asked_at = "", NOW

    def on_change(self, watcher: Callable[[], None]) -> None:
        self.watchers.append(watcher)

    def ring(self) -> None:
        """Tell that something has changed."""
        for watcher in self.watchers:
            watcher()

    def end(self, why: str) -> None:
        """End the login."""
        self.ended = why
        self.ring()

    @property
    def is_over(self) -> bool:
        return bool(self.ended)

    async def over(self) -> str:
        return self.ended

    async def ask(self, command: Callable[[View], Any]) -> Any:
        return await self.ask_async(lambda view: _at_once(command(view)))

    async def ask_async(self, command: Callable[[View], Any]) -> Any:
        await asyncio.sleep(0)
        if self.ended:
            raise SessionOver(self.ended)
        return await command(self.view)

    async def until(self, found: Callable[[View], Any]) -> Any:
        while (seen := await self.ask(found)) is None:
            await asyncio.sleep(0.005)
        return seen


async def _at_once(value: Any) -> Any:
    return value


class StoppedClock(FrozenClock):
    """A clock that a test moves on; no instant is told twice."""

    def now(self) -> datetime:
        self.instant += timedelta(microseconds=1)
        return self.instant


def make_parts(store: VersionedStore | None = None, bus: Any = None, **sections: dict[str, Any]) -> Parts:
    """Return the parts of a service; points that are passed are noted in ``passed``."""
    return Parts(
        settings=settings(**sections),
        clock=StoppedClock(NOW),
        calendar=CALENDAR,
        store=store or MemoryStore(),
        bus=bus or ListBus(),
    )


def stopping_at(parts: Parts, point: Point) -> Parts:
    """Return parts whose service is ended at a point, as a crash would."""

    def reached(passed: Point) -> None:
        if passed is point:
            raise Crash(point.value)

    return replace(parts, reached=reached)


class Crash(BaseException):
    """The process has ended."""


def wanted(order_id: str = "a", offset: str = "OPEN", volume: int = 2, **changes: Any) -> Wanted:
    """Return an order of the engine."""
    made = Wanted(order_id, PORTFOLIO, REBAR, "BUY", offset, volume, Decimal(3501))
    return replace(made, **changes)


def plan_of(asked: Wanted, *children: Child, day: str = DAY, refused: str = "") -> ParentPlan:
    """Return a plan; of one child unless others are given."""
    parts = children or (() if refused else (Child(asked.order_id, asked.offset, asked.volume),))
    return ParentPlan(asked, ACCOUNT, day, parts, NOW, refused)


def venue_order(order_id: str, volume: int = 2, left: int | None = None, **changes: Any) -> VenueOrder:
    """Return an order that the exchange has taken; finished where nothing is left."""
    left = volume if left is None else left
    made = VenueOrder(
        order_id, f"E-{order_id}", REBAR, "BUY", "OPEN", volume, left, Decimal(3501), left > 0, False, "", 0
    )
    return replace(made, **changes)


def step(store: VersionedStore, plan: ParentPlan, child: Child, state: OrderState, note: str = "") -> None:
    """Record the next step of a child, as a submitter does."""
    book = OrderBook(store, ACCOUNT)
    book.steps(plan.trading_day).record(book.children(plan)[child.order_id], Transition(state, 1, NOW, None, note))


def make_unknown(store: VersionedStore, plan: ParentPlan, child: Child, note: str) -> None:
    """Record that a child was sent and that nobody knows its end."""
    step(store, plan, child, OrderState.SENT)
    step(store, plan, child, OrderState.UNKNOWN, note)


def damage(store: MemoryStore, end: str) -> None:
    """Change an object of the ledger whose key ends so."""
    [key] = [key for key in store.objects if key.endswith(end)]
    store.objects[key] = Stored(b"damaged", 1)


def later(seconds: float) -> datetime:
    """Return an instant after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def sqlite_store(folder: Path) -> VersionedStore:
    """Return a ledger in a file of SQLite."""
    return SqlStore(f"sqlite:///{folder / 'ledger.db'}")
