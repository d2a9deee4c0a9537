"""The accounts of the paper venue, and what the lines of its journal do to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from quant_platform_kit.domain.orders import ExecutionReport, Order
from quant_platform_kit.domain.paper_book import PaperBook, refuse_twice_sold

__all__ = ["TRADED_IN", "Fault", "VenueAccount"]

TRADED_IN = "USD"
ONE = Decimal(1)
_MICRO = Decimal("1e-6")
_REPORT = TypeAdapter(ExecutionReport)


class Fault(StrEnum):
    """What may go wrong with one order; each is used up by the next submit of the account.

    Names are those of the faults at the venues of the sandbox.
    """

    SILENT = "silent"
    """It is taken and never answered; the connection stays open."""
    SILENT_DROP = "silent_drop"
    """It is not taken and never answered; the connection stays open."""
    DELAYED_ACCEPT = "delayed_accept"
    """It is taken after a while and never answered."""
    DUPLICATE_EVENT = "duplicate_event"
    """Its fills are reported twice."""
    LATE_FILL = "late_fill"
    """It is taken, and fills after a while."""
    PARTIAL_FILL = "partial_fill"
    """It fills to a half, and is then cancelled."""
    FILL_RACES_CANCEL = "fill_races_cancel"
    """It fills when it is cancelled."""
    REJECT = "reject"
    """It is recorded as rejected."""
    DROP_AFTER = "drop_after"
    """It is taken; the connection is closed instead of an answer."""
    CASH_SHORT = "cash_short"
    """It is recorded as rejected for want of cash, which no other venue needs to be told."""
    UNFILLED = "unfilled"
    """It is taken, and rests until it is released or cancelled."""


@dataclass(slots=True)
class VenueAccount:
    """One account: its book, every order in the sequence of arrival, its connection, and a market of its own.

    Attributes
    ----------
    ahead
        By how much its time is ahead of the machine's.
    splits
        Units that one unit of a symbol has become.
    faults
        What goes wrong with the next orders.
    shares
        By client order id: how much of an order fills at once; the rest waits until it is released.
    races, held
        Numbers of orders that fill when they are cancelled; that wait until they are released.
    prices
        What it is quoted instead of what all are.
    ages
        By how much quotes of a symbol are older than now.
    """

    book: PaperBook
    orders: list[ExecutionReport] = field(default_factory=list[ExecutionReport])
    connection: int = 0
    ahead: timedelta = timedelta(0)
    splits: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    faults: deque[Fault] = field(default_factory=deque[Fault])
    shares: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    races: set[int] = field(default_factory=set[int])
    held: set[int] = field(default_factory=set[int])
    prices: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    ages: dict[str, timedelta] = field(default_factory=dict[str, timedelta])

    @classmethod
    def funded(cls, event: Mapping[str, Any]) -> VenueAccount:
        """Return the account that a line of the journal opened."""
        other = {currency: Decimal(cash) for currency, cash in event.get("other_cash", {}).items()}
        return cls(PaperBook(event["account"], TRADED_IN, Decimal(event["cash"]), other_cash=other))

    def find(self, client_order_id: str) -> int | None:
        """Return the number of the first order with an id."""
        numbers = (n for n, report in enumerate(self.orders) if report.order.client_order_id == client_order_id)
        return next(numbers, None)

    def find_working(self, client_order_id: str) -> int | None:
        """Return the number of the first order with an id that may still trade, or else of the first one."""
        named = (n for n in self.working if self.orders[n].order.client_order_id == client_order_id)
        return next(named, self.find(client_order_id))

    @property
    def working(self) -> list[int]:
        """The numbers of the orders that may still trade."""
        return [number for number, report in enumerate(self.orders) if not report.state.terminal]

    def waits_for_price(self, number: int) -> bool:
        """Whether an order rests until the price is there, and not for what was arranged."""
        order = self.orders[number].order
        waits = order.limit_price is not None or order.stop_price is not None
        return waits and number not in self.held | self.races

    def refuse_twice_sold(self, order: Order) -> None:
        """Raise `OrderRejected` for a sale of units that resting stops are to sell."""
        working = (self.orders[number] for number in self.working)
        refuse_twice_sold(order, working, self.book.quantities.get(order.symbol, Decimal(0)))

    def after_splits(self, symbol: str, price: Decimal) -> Decimal:
        """Return what a price that knows of no split is here."""
        ratio = self.splits.get(symbol)
        return price if ratio is None else (price / ratio).quantize(_MICRO)

    def apply(self, event: Mapping[str, Any]) -> None:
        """Do what a line of the journal says."""
        match event["event"]:
            case "CLOCK":
                self.ahead = timedelta(seconds=event["ahead"])
            case "ADJUSTED":
                self._adjust(event)
            case "SPLIT":
                self._split(event["symbol"], Decimal(event["ratio"]))
            case _:
                self._keep(event["number"], _REPORT.validate_python(event["report"]))

    def _adjust(self, event: Mapping[str, Any]) -> None:
        self.book.cash += Decimal(event["cash"])
        held = {s: self.book.quantities.get(s, Decimal(0)) + Decimal(q) for s, q in event["quantities"].items()}
        self.book.quantities |= held
        self.book.quantities = {s: q for s, q in self.book.quantities.items() if q}

    def _split(self, symbol: str, ratio: Decimal) -> None:
        self.splits[symbol] = self.splits.get(symbol, ONE) * ratio
        if symbol in self.book.quantities:
            self.book.quantities[symbol] *= ratio
        if symbol in self.prices:
            self.prices[symbol] = (self.prices[symbol] / ratio).quantize(_MICRO)

    def _keep(self, number: int, report: ExecutionReport) -> None:
        known = len(self.orders[number].fills) if number < len(self.orders) else 0
        self.orders[number : number + 1] = [report]
        for fill in report.fills[known:]:
            self.book.apply(fill)
