"""What becomes of orders: they are taken, accepted, worked and cancelled, each in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from venue_sandbox.venues.tqsdk.book import Book
from venue_sandbox.venues.tqsdk.faults import (
    Coalesce,
    DelayAccept,
    DiffFault,
    FillRacesCancel,
    LateTrade,
    Reject,
    RejectCancel,
)
from venue_sandbox.venues.tqsdk.orders import Order, OrderRequest, Trade
from venue_sandbox.venues.tqsdk.rules import freezing_price, refusal
from venue_sandbox.venues.tqsdk.settings import Way
from venue_sandbox.venues.tqsdk.venue import Arrival, Gateway, Venue

__all__ = ["Desk"]

CANCELLED = "已撤单"
NO_ORDER = "CTP:撤单找不到相应报单"
TOO_LATE = "CTP:报单已全成交或已撤销, 不能再撤"
DUPLICATE = "报单单号重复, 不能下单"


@dataclass(slots=True)
class Desk:
    """Works orders.

    Attributes
    ----------
    hits
        The fault that has hit an order, by its number.
    worked
        Numbers of the orders whose next trade is under way.
    """

    venue: Venue
    hits: dict[int, DiffFault] = field(default_factory=dict[int, DiffFault])
    worked: set[int] = field(default_factory=set[int])

    # --- inserts ---------------------------------------------------------------------------------

    def insert(self, arrival: Arrival, request: OrderRequest, fault: DiffFault | None = None) -> None:
        """Take an order, or refuse it."""
        book = self.venue.book(arrival.user)
        if request.id in book.known and self.venue.settings.duplicates != "overwrite":
            self.venue.decided(arrival, "duplicate")
            if self.venue.settings.duplicates == "notify":
                self.venue.notify(book.user, f"{DUPLICATE}, {request.id}")
            return
        order = self.venue.new_order(request)
        book.known.add(request.id)
        reason = fault.text if isinstance(fault, Reject) else refusal(request, book, self.venue.moment(request.symbol))
        if fault is not None:
            self.hits[order.number] = fault
        self._enter(book, order, reason)
        self.venue.decided(arrival, "refused" if reason else "taken", reason, order.number)

    def place(self, user: str, request: OrderRequest, gateway: Gateway) -> Order:
        """Enter the order of another client of the account; it is shown by the id of the trading system."""
        book = self.venue.book(user)
        order = self.venue.new_order(request, gateway)
        self._enter(book, order, refusal(request, book, self.venue.moment(request.symbol)))
        return order

    def _enter(self, book: Book, order: Order, reason: str) -> None:
        book.enter(order)
        if reason:
            self.venue.tell(book, orders=[order], account=False)
            book.finish(order, reason)
            self.venue.tell(book, orders=[order], account=False)
            self.venue.notify(book.user, f"下单失败, {reason}")
            return
        book.freeze(order, freezing_price(order.request, self.venue.quotes[order.request.symbol]))
        self.venue.tell(book, orders=[order], symbols=_closing(order))
        self._later(self._accept_delay(book, order), lambda: self._accept(book, order))

    def _accept_delay(self, book: Book, order: Order) -> float:
        fault = self.hits.get(order.number)
        return fault.seconds if isinstance(fault, DelayAccept) else self._way(book, order).accept_delay

    def _accept(self, book: Book, order: Order) -> None:
        if order.number not in book.living or order.exchange_id:
            return
        order.exchange_id = f"{self.venue.day.text[-4:]}{order.number:08d}"
        order.message = "未成交"
        self.venue.tell(book, orders=[order], account=False)
        self.work(book, order)

    # --- trades ----------------------------------------------------------------------------------

    def resume(self) -> None:
        """Go on with every order that may still trade, as after a restart."""
        for book in list(self.venue.books.values()):
            for number in sorted(book.living):
                order = book.orders[number]
                if order.exchange_id:
                    self.work(book, order)
                else:
                    self._later(self._accept_delay(book, order), lambda b=book, o=order: self._accept(b, o))

    def forget(self) -> None:
        """Forget what was under way, as at the end of a day."""
        self.hits.clear()
        self.worked.clear()

    def work(self, book: Book, order: Order) -> None:
        """Let an order trade as far as it may at the quote of now; end one that does not wait."""
        if order.number in self.worked:
            return
        price, way = self._price(book, order), self._way(book, order)
        volume = 0 if price is None else self._volume(order)
        if not volume:
            if order.request.immediate:
                self._finish(book, order, CANCELLED)
            return
        fault = self.hits.get(order.number)
        slices = fault.fills if isinstance(fault, Coalesce) else way.slices
        sizes = _slices(volume, slices)
        self.worked.add(order.number)
        self._later(way.slice_delay, lambda: self._slice(book, order, sizes))

    def _slice(self, book: Book, order: Order, sizes: list[int]) -> None:
        """Trade the next slice, or all of them at once."""
        self.worked.discard(order.number)
        price = self._price(book, order)
        if order.number not in book.living or price is None:
            return
        fault = self.hits.get(order.number)
        if isinstance(fault, Coalesce):
            self._fill(book, order, sizes, price)
            sizes = []
        else:
            self._fill(book, order, sizes[:1], price)
            sizes = sizes[1:]
        if sizes and order.alive:
            self.worked.add(order.number)
            self._later(self._way(book, order).slice_delay, lambda: self._slice(book, order, sizes))
        elif order.alive and order.request.immediate:
            self._finish(book, order, CANCELLED)

    def fill(self, book: Book, order: Order, volume: int, price: float | None = None) -> None:
        """Trade some lots of an order, whatever the quote."""
        quote = self.venue.quotes[order.request.symbol]
        given = order.request.price if order.request.price is not None else quote.opposite(order.request.direction)
        if not order.exchange_id:
            self._accept(book, order)
        if order.alive:
            self._fill(book, order, [min(volume, order.left)], given if price is None else price)

    def _fill(self, book: Book, order: Order, sizes: list[int], price: float) -> None:
        trades = [self._trade(book, order, min(size, order.left), price) for size in sizes if order.left]
        fault, symbols = self.hits.get(order.number), [order.request.symbol]
        if not isinstance(fault, LateTrade):
            self.venue.tell(book, orders=[order], trades=trades, symbols=symbols)
            return
        self.venue.tell(book, orders=[order], account=False)
        late = {trade.sequence for trade in trades}

        def tell_later() -> None:
            told = [trade for trade in book.trades.values() if trade.sequence in late]
            if told:
                self.venue.tell(book, trades=told, symbols=symbols)

        self._later(fault.seconds, tell_later)

    def _trade(self, book: Book, order: Order, volume: int, price: float) -> Trade:
        self.venue.trades += 1
        return book.fill(order, volume, price, self.venue.trades, self.venue.nanoseconds())

    def _price(self, book: Book, order: Order) -> float | None:
        """Return the price at which an order trades now; None if it does not."""
        request, quote = order.request, self.venue.quotes[order.request.symbol]
        opposite, policy = quote.opposite(request.direction), self._way(book, order).fill
        if policy == "rest":
            return None
        if request.price is None:
            return opposite
        if (request.price - opposite) * (1 if request.direction == "BUY" else -1) >= 0:
            return opposite
        return request.price if policy == "all" else None

    def _volume(self, order: Order) -> int:
        """Return how many lots trade: those that do not wait find only what is there."""
        if not order.request.immediate:
            return order.left
        depth = self.venue.quotes[order.request.symbol].depth(order.request.direction)
        return 0 if order.request.volume_condition == "ALL" and depth < order.left else min(order.left, depth)

    # --- cancels ---------------------------------------------------------------------------------

    def cancel(self, arrival: Arrival, fault: DiffFault | None = None) -> None:
        """Cancel an order; a cancel that comes too early or too late is dropped, with a notice."""
        book = self.venue.book(arrival.user)
        order = book.find(arrival.order_id)
        if order is not None and isinstance(fault, FillRacesCancel):
            self.fill(book, order, order.left)
        reason = fault.text if isinstance(fault, RejectCancel) else _too_early_or_late(order)
        self.venue.decided(arrival, "dropped" if reason else "taken", reason, order.number if order else None)
        if reason or order is None:
            self.venue.notify(book.user, f"撤单失败, {reason}")
            return
        self._finish(book, order, CANCELLED)
        self.venue.notify(book.user, "撤单成功", "INFO")

    def _finish(self, book: Book, order: Order, message: str) -> None:
        book.finish(order, message)
        self.venue.tell(book, orders=[order], symbols=_closing(order))

    # --- how ---------------------------------------------------------------------------------------

    def _way(self, book: Book, order: Order) -> Way:
        request, usual = order.request, self.venue.settings.way
        return self.venue.exceptions.way(usual, book.user, request.symbol, request.id or order.id)

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        if seconds > 0:
            loop.call_later(seconds, step)
        else:
            loop.call_soon(step)


def _closing(order: Order) -> list[str]:
    return [] if order.request.offset == "OPEN" else [order.request.symbol]


def _slices(volume: int, slices: int) -> list[int]:
    size = -(-volume // slices)
    return [min(size, volume - done) for done in range(0, volume, size)]


def _too_early_or_late(order: Order | None) -> str:
    if order is None or (order.alive and not order.exchange_id):
        return NO_ORDER
    return "" if order.alive else TOO_LATE
