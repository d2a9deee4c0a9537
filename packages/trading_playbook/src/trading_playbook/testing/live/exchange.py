"""An exchange on virtual time that trades along a session's bars, and keeps the book by which sessions are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side

from trading_playbook.dp20.bars import Bar
from trading_playbook.testing.live.clock import VirtualClock

__all__ = ["Exchange", "Fault", "Working"]

ZERO = Decimal(0)
QUARTER = timedelta(seconds=15)
DELAY = timedelta(seconds=3)


class Fault(StrEnum):
    """What goes wrong with one submit."""

    SILENT = "taken, and never answered"
    DROPPED = "not taken, and never answered"
    DELAYED = "taken after a while, and never answered"
    PARTIAL = "filled to a half, and the rest waits"
    REFUSED = "refused"


@dataclass(slots=True)
class Working:
    """An order at the exchange; ``held_back`` is what does not fill until it is cancelled."""

    order: Order
    at: datetime
    state: OrderState = OrderState.ACKNOWLEDGED
    fills: list[Fill] = field(default_factory=list[Fill])
    held_back: Decimal = ZERO

    @property
    def left(self) -> Decimal:
        """What may still fill."""
        return self.order.quantity - sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return not self.state.terminal

    @property
    def report(self) -> ExecutionReport:
        """What its owner is told."""
        return ExecutionReport(self.order, self.state, tuple(self.fills))


class Exchange:
    """One symbol, one account. It sells what is not held too: an oversell shows in the book.

    Within a minute the price is the bar's open, low, high and close, a quarter of a minute each.

    Attributes
    ----------
    cash, held
        What the account has; fewer than no units after an oversell.
    least_free
        The fewest units held that no working order would sell; below zero once two sells were there for the same ones.
    orders
        All that arrived, by id; of a second one with an id nothing is taken.
    watchers
        Told after everything that changed, and whenever time has passed.
    """

    def __init__(self, clock: VirtualClock, opens: datetime, bars: Sequence[Bar], cash: Decimal) -> None:
        self._clock, self._opens = clock, opens
        self.cash, self.held = cash, ZERO
        self._ticks = iter([*_ticks(opens, bars)])
        self._next = next(self._ticks, None)
        self.closes = opens + timedelta(minutes=bars[-1].minute + 1) if bars else opens
        self.price = Decimal(repr(bars[0].open)) if bars else Decimal(1)
        self.orders: dict[str, Working] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.watchers: list[Callable[[datetime], None]] = []
        self._delayed: list[tuple[datetime, Order]] = []
        self.least_free = ZERO
        clock.passed.append(self._pass)

    # --- what a client may do ----------------------------------------------------------------------

    def submit(self, order: Order) -> ExecutionReport | None:
        """Take an order; None where its sender hears nothing."""
        if known := self.orders.get(order.client_order_id):
            return known.report
        kind = "stop" if order.stop_price is not None else order.side.value.lower()
        fault = self.faults[kind].pop(0) if self.faults.get(kind) else None
        if fault is Fault.DELAYED:
            self._delayed.append((self._clock.now() + DELAY, order))
        elif fault is not Fault.DROPPED:
            self._accept(order, fault)
        if fault in (Fault.SILENT, Fault.DROPPED, Fault.DELAYED):
            return None
        return self.orders[order.client_order_id].report

    def cancel(self, identity: str) -> ExecutionReport | None:
        """Cancel an order; None where it is not known."""
        working = self.orders.get(identity)
        if working is None:
            return None
        if working.is_open:
            working.state = OrderState.CANCELLED
            self._changed()
        return working.report

    # --- the market --------------------------------------------------------------------------------

    def _accept(self, order: Order, fault: Fault | None = None) -> None:
        if order.client_order_id in self.orders:
            return
        working = Working(order, self._clock.now())
        if fault is Fault.REFUSED or not self._opens <= working.at < self.closes:
            working.state = OrderState.REJECTED
        if fault is Fault.PARTIAL:
            working.held_back = order.quantity - order.quantity // 2
        self.orders[order.client_order_id] = working
        self._meet(working)
        self._changed()

    def _pass(self, now: datetime) -> None:
        """Trade along the prices up to now."""
        while self._next is not None and self._next[0] <= now:
            at, self.price = self._next
            self._next = next(self._ticks, None)
            for due, order in [each for each in self._delayed if each[0] <= at]:
                self._delayed.remove((due, order))
                self._accept(order)
            for working in self.orders.values():
                if working.is_open:
                    self._meet(working, at)
        for due, order in [each for each in self._delayed if each[0] <= now]:
            self._delayed.remove((due, order))
            self._accept(order)
        if now >= self.closes:
            for working in self.orders.values():
                working.state = OrderState.EXPIRED if working.is_open else working.state
        self._changed()

    def _meet(self, working: Working, at: datetime | None = None) -> None:
        """Fill an order that the price allows."""
        stop, quantity = working.order.stop_price, working.left - working.held_back
        if not working.is_open or quantity <= 0 or (stop is not None and self.price > stop):
            return
        order, number = working.order, len(working.fills) + 1
        when = at or self._clock.now()
        fill = Fill(order.client_order_id, order.symbol, order.side, quantity, self.price, ZERO, when)
        working.fills.append(replace(fill, execution_id=f"{order.client_order_id}-{number}"))
        working.state = OrderState.FILLED if not working.left else OrderState.PARTIALLY_FILLED
        bought = quantity if order.side is Side.BUY else -quantity
        self.held, self.cash = self.held + bought, self.cash - bought * self.price

    def _changed(self) -> None:
        selling = (each.left for each in self.orders.values() if each.is_open and each.order.side is Side.SELL)
        self.least_free = min(self.least_free, self.held - sum(selling, ZERO))
        for tell in self.watchers:
            tell(self._clock.now())


def _ticks(opens: datetime, bars: Sequence[Bar]) -> Iterator[tuple[datetime, Decimal]]:
    for bar in bars:
        begins = opens + timedelta(minutes=bar.minute)
        for number, price in enumerate((bar.open, bar.low, bar.high, bar.close)):
            yield begins + number * QUARTER, Decimal(repr(price))
