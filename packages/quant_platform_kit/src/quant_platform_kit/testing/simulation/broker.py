"""Brokers as the apps' adapters promise them, per trait set, over the simulated venue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeVar

from quant_platform_kit.domain.errors import BrokerError, Conflict, NeedsOperator, StoreError
from quant_platform_kit.domain.features import FeatureReading
from quant_platform_kit.domain.orders import ExecutionReport, Order, check_whole_units, raise_if_rejected
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.services.record.sent_orders import SentOrders
from quant_platform_kit.testing.simulation.scenario import FaultKind
from quant_platform_kit.testing.simulation.store import ActorStore
from quant_platform_kit.testing.simulation.trait_sets import Naming

if TYPE_CHECKING:
    from collections.abc import Callable

    from quant_platform_kit.testing.simulation.actor import Actor
    from quant_platform_kit.testing.simulation.venue_order import VenueOrder

__all__ = ["SimulatedBroker", "SimulatedFeatures", "SimulatedMarket"]

_T = TypeVar("_T")
OLD = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class _Left:
    """An order as it was about to leave, and the numbers of the orders that were there before."""

    order: Order
    known: tuple[int, ...]


class SimulatedBroker:
    """A `Broker` for one process: what is remembered in it dies with it."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._world = actor.world
        self._set = actor.world.traits
        self._store = ActorStore(actor)
        self._root = f"{self._set.name}/{actor.world.account}"
        self._sent = SentOrders(self._store, f"{self._root}/orders", _Left)
        self._numbers: dict[str, int] = {}

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self._world.account

    @property
    def traits(self) -> BrokerTraits:
        """Of the set."""
        return self._set.traits

    def connect(self) -> None:
        """Log in anew."""

        def login() -> None:
            self._actor.connection = self._world.venue.login()
            self._world.judge.logged_in(self._actor)

        self._ask("connect", "connect", login)

    def account(self) -> AccountState:
        """Return cash and units."""

        def state() -> AccountState:
            venue = self._world.venue
            return AccountState(self.account_id, {"USD": venue.cash}, dict(venue.units), venue.cash)

        return self._look("account", state)

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order once."""
        check_whole_units(order)
        deadline = self._world.loop.now + self._world.timeout
        if self._records and not self._record(order):
            known = self.find(order.client_order_id)
            if known is not None:
                return raise_if_rejected(known)
            if self.traits.after_silence is AfterSilence.BLOCK:
                raise NeedsOperator(f"order {order.client_order_id} was sent before, and is not shown")

        def send() -> ExecutionReport | None:
            self._require_time(deadline)
            taken = self._world.venue.take(self._actor, order)
            if taken is None:
                return None
            self._numbers[order.client_order_id] = taken.number
            return self._told(taken)

        answer = self._ask("order", f"submit {order.client_order_id} {order.quantity}", send)
        if answer is None:
            raise BrokerError("no answer")
        return raise_if_rejected(answer)

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return where an order stands."""
        if self._set.naming == Naming.BY_LOOKS:
            return self._find_by_looks(client_order_id)
        found = self._look(f"find {client_order_id}", lambda: self._shown(client_order_id))
        if len(found) > 1 and self._set.name != "paper":
            raise NeedsOperator(f"order {client_order_id} may be any of {len(found)}")
        return found[0][1] if found else None

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel a working order."""
        if self._set.naming == Naming.BY_LOOKS:
            self.find(client_order_id)

        def cancel() -> ExecutionReport:
            for order in self._world.venue.visible():
                if self._is(order, client_order_id):
                    self._world.venue.cancel(order)
                    return self._told(order)
            raise BrokerError(f"order {client_order_id} is not known")

        return self._look(f"cancel {client_order_id}", cancel)

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return every working order."""

        def live() -> tuple[ExecutionReport, ...]:
            return tuple(order.report() for order in self._world.venue.visible() if not order.ended)

        return self._look("open orders", live)

    def may_have_left(self, client_order_id: str) -> bool:
        """Whether an order is recorded, which it is before it leaves."""
        return self._recorded(client_order_id) is not None

    def _require_time(self, deadline: int) -> None:
        """Send nothing after the timeout of a call, where no new login would cut it off."""
        if not self._set.connections and self._world.loop.now > deadline:
            raise BrokerError("no time was left to send it")

    # --- asking ----------------------------------------------------------------------------------

    def _ask(self, op: str, what: str, effect: Callable[[], _T]) -> _T:
        return self._actor.call(op, what, effect, BrokerError)

    def _look(self, what: str, effect: Callable[[], _T]) -> _T:
        """Look at something over the connection there is."""

        def look() -> _T:
            self._world.venue.require(self._actor.connection)
            return effect()

        return self._ask("look", what, look)

    def _told(self, order: VenueOrder) -> ExecutionReport:
        """Return an order's answer as it comes over the wire, and what an adapter makes of it."""
        twist = self._actor.twist
        if twist is not None and twist.kind is FaultKind.REORDERED:
            return order.report(len(order.fills) - 1) if order.fills and not order.ended else order.report()
        report = order.report()
        if twist is not None and twist.kind is FaultKind.DOUBLE:
            report = replace(report, fills=report.fills * 2)
        fills = tuple({fill.execution_id: fill for fill in report.fills}.values())
        return replace(report, fills=fills)

    def _shown(self, client_order_id: str) -> list[tuple[int, ExecutionReport]]:
        shown = [order for order in self._world.venue.visible() if order.asked.client_order_id == client_order_id]
        return [(order.number, self._told(order)) for order in shown]

    def _is(self, order: VenueOrder, client_order_id: str) -> bool:
        if self._set.naming == Naming.BY_LOOKS:
            return self._numbers.get(client_order_id) == order.number
        return order.asked.client_order_id == client_order_id

    # --- what is recorded ------------------------------------------------------------------------

    @property
    def _records(self) -> bool:
        """Whether the adapter records each order before it leaves."""
        return self.traits.records_sends or self._set.name == "ibkr"

    def _record(self, order: Order) -> bool:
        """Record that an order is about to leave; False if that was done."""
        known: tuple[int, ...] = ()
        if self._set.naming == Naming.BY_LOOKS:
            known = self._look("orders", lambda: tuple(each.number for each in self._world.venue.visible()))
        return self._sent.record(order.client_order_id, _Left(order, known))

    def _recorded(self, client_order_id: str) -> _Left | None:
        return self._sent.find(client_order_id)

    def _find_by_looks(self, client_order_id: str) -> ExecutionReport | None:
        """Find an order that carries no id: it was not there before, is nobody else's, and looks the same."""
        left = self._recorded(client_order_id)
        if left is None:
            return None
        if client_order_id not in self._numbers:
            placed = self._store.get(f"{self._root}/placed/{client_order_id}")
            if placed is not None:
                self._numbers[client_order_id] = int(placed.data)
        shown = self._look(f"find {client_order_id}", self._all)
        if client_order_id in self._numbers:
            return next((report for number, report in shown if number == self._numbers[client_order_id]), None)
        alike = [
            (number, report) for number, report in shown if number not in left.known and _looks(report, left.order)
        ]
        free = [each for each in alike if self._owner(each[0]) in (None, client_order_id)]
        if len(free) > 1:
            raise NeedsOperator(f"order {client_order_id} may be any of {[number for number, _ in free]}")
        if not free:
            return None
        number, report = free[0]
        self._adopt(client_order_id, number)
        return report

    def _all(self) -> Sequence[tuple[int, ExecutionReport]]:
        return [(order.number, self._told(order)) for order in self._world.venue.visible()]

    def _owner(self, number: int) -> str | None:
        stored = self._store.get(f"{self._root}/taken/{number}")
        return stored.data.decode() if stored else None

    def _adopt(self, client_order_id: str, number: int) -> None:
        for key, value in ((f"taken/{number}", client_order_id), (f"placed/{client_order_id}", str(number))):
            try:
                self._store.create(f"{self._root}/{key}", value.encode())
            except Conflict:
                stored = self._store.get(f"{self._root}/{key}")
                if stored is None or stored.data.decode() != value:
                    raise NeedsOperator(
                        f"order {number} belongs to another, and looks like {client_order_id}"
                    ) from None
        self._numbers[client_order_id] = number


def _looks(report: ExecutionReport, order: Order) -> bool:
    other = report.order
    return (other.symbol, other.side, other.quantity, other.limit_price) == (
        order.symbol,
        order.side,
        order.quantity,
        order.limit_price,
    )


class SimulatedMarket:
    """A `MarketData` for one process."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._world = actor.world

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return the closes up to a session: fewer than were asked for, as the market is young."""
        return self._actor.call("market", f"history {until}", lambda: self._world.history(until), BrokerError)

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return what the symbols trade at now."""
        names = sorted(symbols)

        def quotes() -> Mapping[str, Quote]:
            twist, now = self._actor.twist, self._world.now
            shown = names[1:] if twist and twist.kind is FaultKind.QUOTE_MISSING else names
            age = OLD if twist and twist.kind is FaultKind.QUOTE_OLD else timedelta(0)
            return {name: Quote(name, self._world.price(name), now - age) for name in shown}

        return self._actor.call("market", f"quotes {' '.join(names)}", quotes, BrokerError)


class SimulatedFeatures:
    """A `FeatureSource` for one process."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def read(self, strategy: BoundStrategy, sessions: Sequence[date]) -> tuple[FeatureReading, ...]:
        """Return what was published by now."""
        shelf = self._actor.world.shelf
        return self._actor.call(
            "read", f"snapshots of {sessions[-1]}", lambda: shelf.read(strategy, sessions), StoreError
        )
