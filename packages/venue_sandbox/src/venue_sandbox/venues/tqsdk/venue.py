"""The state of the venue: its day and clock, its market, the books of its accounts, and what has reached it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, Literal

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.venues.tqsdk.book import Book, Funds, Market
from venue_sandbox.venues.tqsdk.contracts import Contract, listing
from venue_sandbox.venues.tqsdk.feed import Diff
from venue_sandbox.venues.tqsdk.orders import Order, OrderRequest, Trade
from venue_sandbox.venues.tqsdk.quotes import Quote, first_quote
from venue_sandbox.venues.tqsdk.rules import Moment
from venue_sandbox.venues.tqsdk.settings import Exceptions, Settings
from venue_sandbox.venues.tqsdk.trading_time import CLOSED_DAYS, day_text, in_hours

__all__ = ["Arrival", "Day", "Gateway", "Gone", "Note", "Restore", "Venue", "notice"]

Restore = Literal["orders", "server-ids", "nothing"]
"""What a restart brings back of the day's orders: all, under the ids of the trading system, or none."""

NANOSECONDS = 1_000_000_000
MOST_FRONTS = 9
MOST_SESSION = 1 << 31

Note = tuple[str, str, Any]
"""The newest state of one thing: its kind, its key, and what it is."""


@dataclass(slots=True, kw_only=True)
class Arrival:
    """An insert or a cancel that was sent to the venue.

    Attributes
    ----------
    monotonic_ns
        When, by the machine's own clock.
    outcome
        ``taken``, ``refused``, ``duplicate``, ``lost``, ``not_logged_in``; of a cancel ``taken`` or ``dropped``.
    number
        Of the order, where there is one.
    """

    sequence: int
    action: str
    user: str
    order_id: str
    monotonic_ns: int
    at: int
    trading_day: str
    request: OrderRequest | None = None
    outcome: str = ""
    number: int | None = None
    text: str = ""


@dataclass(slots=True)
class Gateway:
    """The gateway's session at the trading system; there is another one after a failover or in a new day."""

    number: int = 1
    session: int = 0
    front: int = 0
    references: int = 0

    def renew(self, seed: int) -> None:
        """Begin another session."""
        self.number += 1
        self.draw(seed)

    def draw(self, seed: int) -> None:
        """Draw the session's numbers."""
        chance = Random(f"{seed}/{self.number}")
        self.session, self.front = chance.randrange(1, MOST_SESSION), chance.randint(1, MOST_FRONTS)
        self.references = 0


@dataclass(frozen=True, slots=True)
class Gone:
    """Ids of what is told no more."""

    positions: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    trades: tuple[str, ...] = ()

    @classmethod
    def all_of(cls, book: Book) -> Gone:
        """Return all that is told of a book now."""
        return cls(tuple(book.positions), tuple(book.shown), tuple(book.trades))


@dataclass(slots=True)
class Day:
    """The trading day, and the days on which there is none."""

    trading_day: date
    closed: tuple[date, ...] = CLOSED_DAYS

    @property
    def text(self) -> str:
        """The trading day as it is written."""
        return day_text(self.trading_day)


def _nobody(*_: Any) -> None:
    """Hear nothing."""


@dataclass(slots=True)
class Venue:
    """Everything but connections.

    Attributes
    ----------
    told
        Hears what has changed for a user.
    quoted
        Hears which quotes have moved.
    noted
        Hears what is to be kept over a restart, all of it or nothing.
    restoring
        Hears what the next start is to bring back; None where nothing is kept.
    """

    settings: Settings = field(default_factory=Settings)
    clock: VenueClock = field(default_factory=VenueClock)
    day: Day = field(default_factory=lambda: Day(date(2025, 3, 3)))
    gateway: Gateway = field(default_factory=Gateway)
    exceptions: Exceptions = field(default_factory=Exceptions)
    contracts: dict[str, Contract] = field(default_factory=listing)
    expired: set[str] = field(default_factory=set[str])
    quotes: dict[str, Quote] = field(default_factory=dict[str, Quote])
    books: dict[str, Book] = field(default_factory=dict[str, Book])
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    orders: int = 0
    trades: int = 0
    told: Callable[[str, list[Diff]], None] = _nobody
    quoted: Callable[[Iterable[str]], None] = _nobody
    noted: Callable[[*tuple[Note, ...]], None] = _nobody
    restoring: Callable[[Restore], None] | None = None

    def __post_init__(self) -> None:
        self.gateway.draw(self.settings.seed)
        self.expired = {symbol for symbol, contract in self.contracts.items() if contract.expired}
        self.quotes = {symbol: first_quote(contract) for symbol, contract in self.contracts.items()}

    # --- what is asked ---------------------------------------------------------------------------

    def book(self, user: str) -> Book:
        """Return the book of a user; it is opened where there is none."""
        book = self.books.get(user)
        if book is None:
            cash = self.settings.funded.get(user, self.settings.balance)
            book = self.books[user] = Book(user, self.market(), Funds(cash, cash))
            self.noted(("funds", user, book.funds))
        return book

    def market(self) -> Market:
        """Return what books need of the market."""
        return Market(self.contracts, lambda symbol: self.quotes[symbol].last)

    def moment(self, symbol: str) -> Moment:
        """Return what a request for a symbol is judged by."""
        closed = frozenset({symbol}) if self.settings.enforce_hours and not self.is_open(symbol) else frozenset[str]()
        return Moment(self.contracts, frozenset(self.expired), closed, self.quotes)

    def is_open(self, symbol: str) -> bool:
        """Whether a contract is traded now."""
        contract = self.contracts.get(symbol)
        return contract is None or in_hours(contract.product.hours, self.clock.now(), self.day.closed)

    def nanoseconds(self) -> int:
        """Return the venue's time, in nanoseconds."""
        return int(self.clock.now().timestamp() * 1_000_000) * 1000

    # --- what happens ----------------------------------------------------------------------------

    def arrived(self, action: str, user: str, order_id: str, request: OrderRequest | None = None) -> Arrival:
        """Take note of a request."""
        arrival = Arrival(
            sequence=len(self.arrivals) + 1,
            action=action,
            user=user,
            order_id=order_id,
            monotonic_ns=time.monotonic_ns(),
            at=self.nanoseconds(),
            trading_day=self.day.text,
            request=request,
        )
        self.arrivals.append(arrival)
        self.noted(("arrival", str(arrival.sequence), arrival))
        return arrival

    def decided(self, arrival: Arrival, outcome: str, text: str = "", number: int | None = None) -> None:
        """Take note of what has become of a request."""
        arrival.outcome, arrival.text, arrival.number = outcome, text, number
        self.noted(("arrival", str(arrival.sequence), arrival))

    def new_order(self, request: OrderRequest, gateway: Gateway | None = None) -> Order:
        """Return an order of a request that came through a gateway, the venue's own if none is given."""
        self.orders += 1
        through = gateway or self.gateway
        through.references += 1
        order = Order(
            number=self.orders,
            id=request.id,
            request=request,
            reference=through.references,
            session=through.session,
            front=through.front,
            at=self.nanoseconds(),
            left=request.volume,
        )
        order.id = order.id or order.server_id
        return order

    def tell(
        self,
        book: Book,
        *,
        orders: Iterable[Order] = (),
        trades: Iterable[Trade] = (),
        symbols: Iterable[str] = (),
        account: bool = True,
    ) -> None:
        """Tell a user, and the journal, what has changed."""
        orders, trades, symbols = list(orders), list(trades), list(symbols)
        self.noted(
            *(("order", f"{book.user}/{order.number}", order) for order in orders),
            *(("trade", f"{book.user}/{trade.id}", trade) for trade in trades),
            *(("position", f"{book.user}/{symbol}", book.position(symbol)) for symbol in symbols),
            ("funds", book.user, book.funds),
        )
        self.told(book.user, [self._diff(book, orders, trades, symbols, account)])

    def _diff(
        self, book: Book, orders: list[Order], trades: list[Trade], symbols: list[str], account: bool
    ) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if orders:
            changes["orders"] = {order.id: book.order_shown(order) for order in orders}
        if trades:
            changes["trades"] = {trade.id: book.trade_shown(trade) for trade in trades}
        if symbols:
            changes["positions"] = {symbol: book.position_shown(symbol) for symbol in symbols}
        if account:
            changes["accounts"] = {"CNY": book.account_shown()}
        return {"trade": {book.user: changes}}

    def notify(self, user: str, content: str, level: str = "WARNING", code: int = 1) -> None:
        """Send a notice to a user."""
        self.told(user, [notice(content, level, code)])

    def snapshot(self, user: str, gone: Gone | None = None) -> Diff:
        """Return all that a user is told after a login, or to whom something is ``gone`` that was told before."""
        book = self.book(user)
        gone = gone or Gone()
        return {
            "trade": {
                user: {
                    "user_id": user,
                    "trading_day": self.day.text,
                    "trade_more_data": False,
                    "session": {"user_id": user, "session_id": self.gateway.session, "trading_day": self.day.text},
                    "accounts": {"CNY": book.account_shown()},
                    "positions": {**dict.fromkeys(gone.positions), **book.shown_positions()},
                    "orders": {**dict.fromkeys(gone.orders), **book.shown_orders()},
                    "trades": {**dict.fromkeys(gone.trades), **book.shown_trades()},
                }
            }
        }


_NOTICES = iter(range(1, 1 << 62))


def notice(content: str, level: str = "WARNING", code: int = 1) -> Diff:
    """Return a notice; each has an id of its own."""
    document = {"type": "MESSAGE", "level": level, "code": code, "content": content}
    return {"notify": {f"N{time.time_ns()}.{next(_NOTICES)}": document}}
