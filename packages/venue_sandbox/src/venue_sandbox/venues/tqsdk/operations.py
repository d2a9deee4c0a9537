"""What a test may do to the venue: move prices and time, end the day, lose the gateway's memory, trade by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from venue_sandbox.servers.faults import FaultError
from venue_sandbox.venues.tqsdk.book import Book
from venue_sandbox.venues.tqsdk.contracts import Contract
from venue_sandbox.venues.tqsdk.desk import Desk
from venue_sandbox.venues.tqsdk.orders import Direction, Offset, Order, OrderRequest
from venue_sandbox.venues.tqsdk.positions import Lots, Position, Side
from venue_sandbox.venues.tqsdk.quotes import after_settlement, on_tick
from venue_sandbox.venues.tqsdk.settings import Duplicates, Treatment
from venue_sandbox.venues.tqsdk.td import TradeServer
from venue_sandbox.venues.tqsdk.trading_time import next_trading_day, read_day
from venue_sandbox.venues.tqsdk.venue import Gateway, Gone, Restore, Venue

__all__ = [
    "Change",
    "Expire",
    "Failover",
    "Fill",
    "Floor",
    "OtherOrder",
    "Roll",
    "SetClock",
    "SetFunds",
    "SetPosition",
    "Tick",
]

Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(allow_inf_nan=False)]
Ending = Literal["graceful", "abrupt", "none"]
OTHERS = 999_999
"""Added to the number of the gateway's session for that of another client."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What operations work on."""

    venue: Venue
    desk: Desk
    server: TradeServer

    def contract(self, symbol: str) -> Contract:
        """Return a contract; `FaultError` if it is not listed."""
        contract = self.venue.contracts.get(symbol)
        if contract is None:
            raise FaultError(f"symbol {symbol!r} is not listed")
        return contract

    def end(self, ending: Ending, user: str | None = None) -> None:
        """End trade connections."""
        if ending != "none":
            self.server.sockets.end("td", user, graceful=ending == "graceful")


class Asked(BaseModel):
    """The body of an operation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tick(Asked):
    """A contract's quote: what is given changes; bid and ask follow the last price unless they are given."""

    symbol: str
    last: Price | None = None
    bid: Price | None = None
    ask: Price | None = None
    bid_volume: Count | None = None
    ask_volume: Count | None = None
    upper_limit: Price | None = None
    lower_limit: Price | None = None


class Fill(Asked):
    """Lots of an order trade, by default all that are left, at its limit or the quote."""

    user: str
    order_id: str
    volume: Annotated[int, Field(ge=1)] | None = None
    price: Price | None = None


class OtherOrder(Asked):
    """An order of another client of the account; an id of the trading system's form, unless one is given."""

    user: str
    symbol: str
    direction: Direction
    offset: Offset
    volume: Annotated[int, Field(ge=1)]
    limit_price: Price | None = None
    order_id: str = ""
    immediate: bool = False


class SetPosition(Asked):
    """The lots that an account holds of a contract, opened at ``price`` or the last settlement price."""

    user: str
    symbol: str
    long_today: Count = 0
    long_his: Count = 0
    short_today: Count = 0
    short_his: Count = 0
    price: Price | None = None


class SetFunds(Asked):
    """The balance with which an account's day has begun."""

    user: str
    static_balance: Annotated[float, Field(allow_inf_nan=False)]


class SetClock(Asked):
    """The venue's clock is set to an instant, or forward by seconds."""

    instant: AwareDatetime | None = None
    forward: Seconds = 0.0


class Roll(Asked):
    """The trading day ends: it is settled, at the last prices unless others are given, and another one begins."""

    trading_day: Annotated[str, Field(pattern=r"^\d{8}$")] | None = None
    settlement: Mapping[str, Price] = {}
    instant: AwareDatetime | None = None
    end: Ending = "graceful"
    break_seconds: Annotated[float, Field(ge=0)] = 0.0


class Failover(Asked):
    """The gateway's memory is lost, for a user or for all; trade connections end."""

    user: str | None = None
    end: Ending = "abrupt"


class Expire(Asked):
    """A contract is traded no more, or again."""

    symbol: str
    expired: bool = True


class Change(Asked):
    """Settings of the command line; what is given changes."""

    duplicates: Duplicates | None = None
    enforce_hours: bool | None = None


class Restart(Asked):
    """What the next start with the same ``--state`` brings back of the day's orders."""

    orders: Restore


def restart(floor: Floor, asked: Restart) -> None:
    """Say what the next start brings back."""
    if floor.venue.restoring is None:
        raise FaultError("the venue keeps nothing over a restart: it was started without --state")
    floor.venue.restoring(asked.orders)


def treat(floor: Floor, asked: Treatment) -> None:
    """Treat some orders in another way, from now on."""
    floor.venue.exceptions.add(asked)
    floor.desk.resume()


def tick(floor: Floor, asked: Tick) -> None:
    """Move a quote: who has subscribed is told, positions are valued, and orders trade that meet it."""
    contract, venue = floor.contract(asked.symbol), floor.venue
    given: dict[str, Any] = asked.model_dump(exclude_none=True, exclude={"symbol"})
    if "last" in given:
        step = contract.product.tick
        around = {"bid": on_tick(contract, given["last"] - step), "ask": on_tick(contract, given["last"] + step)}
        given = {**around, **given}
    quote = replace(venue.quotes[asked.symbol], **given)
    if quote.bid > quote.ask:
        raise FaultError(f"bid {quote.bid} is above ask {quote.ask}")
    venue.quotes[asked.symbol] = quote
    venue.noted(("quote", asked.symbol, quote))
    venue.quoted([asked.symbol])
    for book in list(venue.books.values()):
        _revalue(floor, book, asked.symbol)


def _revalue(floor: Floor, book: Book, symbol: str) -> None:
    position = book.positions.get(symbol)
    if position is not None and not position.empty:
        floor.venue.tell(book, symbols=[symbol])
    for number in sorted(book.living):
        order = book.orders[number]
        if order.request.symbol == symbol and order.exchange_id:
            floor.desk.work(book, order)


def fill(floor: Floor, asked: Fill) -> None:
    """Trade lots of an order by hand."""
    book = floor.venue.book(asked.user)
    order = book.find(asked.order_id)
    if order is None or not order.alive:
        raise FaultError(f"{asked.user} has no order {asked.order_id!r} that may trade")
    floor.desk.fill(book, order, asked.volume or order.left, asked.price)


def other_order(floor: Floor, asked: OtherOrder) -> dict[str, Any]:
    """Enter an order of another client; return it."""
    floor.contract(asked.symbol)
    ours = floor.venue.gateway
    request = OrderRequest(
        id=asked.order_id,
        symbol=asked.symbol,
        direction=asked.direction,
        offset=asked.offset,
        volume=asked.volume,
        price=asked.limit_price,
        price_type="ANY" if asked.limit_price is None else "LIMIT",
        time_condition="IOC" if asked.immediate or asked.limit_price is None else "GFD",
        volume_condition="ANY",
    )
    theirs = Gateway(ours.number, ours.session + OTHERS, ours.front, floor.venue.orders)
    order = floor.desk.place(asked.user, request, theirs)
    return floor.venue.book(asked.user).order_shown(order)


def set_position(floor: Floor, asked: SetPosition) -> None:
    """Set the lots that an account holds."""
    floor.contract(asked.symbol)
    if any(order.request.symbol == asked.symbol for order in _living(floor.venue.book(asked.user))):
        raise FaultError(f"{asked.user} has orders of {asked.symbol} that may still trade")
    book, quote = floor.venue.book(asked.user), floor.venue.quotes[asked.symbol]
    price = asked.price or quote.pre_settlement

    def lots(volume: int, cost: float) -> Lots:
        return Lots(volume, 0, volume * price, volume * cost)

    book.positions[asked.symbol] = Position(
        asked.symbol,
        Side(lots(asked.long_today, price), lots(asked.long_his, quote.pre_settlement)),
        Side(lots(asked.short_today, price), lots(asked.short_his, quote.pre_settlement)),
    )
    floor.venue.tell(book, symbols=[asked.symbol])


def _living(book: Book) -> list[Order]:
    return [book.orders[number] for number in sorted(book.living)]


def set_funds(floor: Floor, asked: SetFunds) -> None:
    """Set the balance with which an account's day has begun."""
    book = floor.venue.book(asked.user)
    book.funds.static = book.funds.pre = asked.static_balance
    floor.venue.tell(book)


def set_clock(floor: Floor, asked: SetClock) -> None:
    """Set the venue's clock, from which it runs on; the trading day stays."""
    clock = floor.venue.clock
    if asked.instant is not None:
        clock.ahead = clock.ahead_at(asked.instant)
    clock.ahead += asked.forward
    floor.venue.noted(("venue", "", None))


def roll(floor: Floor, asked: Roll) -> dict[str, Any]:
    """End the trading day; return the next one."""
    venue = floor.venue
    try:
        day = read_day(asked.trading_day) if asked.trading_day else None
    except ValueError as error:
        raise FaultError(f"trading_day: {error}") from None
    prices = {it: asked.settlement.get(it, quote.last) for it, quote in venue.quotes.items()}
    gone = {user: Gone.all_of(book) for user, book in venue.books.items()}
    for book in venue.books.values():
        book.settle(prices)
    for symbol, contract in venue.contracts.items():
        venue.quotes[symbol] = after_settlement(contract, venue.quotes[symbol], prices[symbol])
    venue.day.trading_day = day or next_trading_day(venue.day.trading_day, venue.day.closed)
    venue.gateway.renew(venue.settings.seed)
    floor.desk.forget()
    if asked.instant is not None:
        venue.clock.ahead = venue.clock.ahead_at(asked.instant)
    floor.server.closed_until = time.monotonic() + asked.break_seconds
    venue.noted(("everything", "", None))
    floor.end(asked.end)
    for user in venue.books:
        venue.told(user, [venue.snapshot(user, gone[user])])
    venue.quoted(venue.quotes)
    return {"trading_day": venue.day.text}


def failover(floor: Floor, asked: Failover) -> dict[str, Any]:
    """Lose the memory of the gateway; return the ids that orders have now, by those that clients gave."""
    venue = floor.venue
    venue.gateway.renew(venue.settings.seed)
    books = [book for user, book in venue.books.items() if asked.user in (None, user)]
    gone = {book.user: Gone.all_of(book) for book in books}
    for book in books:
        book.rename()
    venue.noted(("everything", "", None))
    floor.end(asked.end, asked.user)
    for user in gone:
        venue.told(user, [venue.snapshot(user, gone[user])])
    return {book.user: {it.request.id: it.id for it in book.orders.values()} for book in books}


def expire(floor: Floor, asked: Expire) -> None:
    """Let a contract expire, or live again."""
    floor.contract(asked.symbol)
    (floor.venue.expired.add if asked.expired else floor.venue.expired.discard)(asked.symbol)
    floor.venue.noted(("venue", "", None))


def change(floor: Floor, asked: Change) -> None:
    """Change settings."""
    settings = floor.venue.settings
    settings.duplicates = asked.duplicates or settings.duplicates
    settings.enforce_hours = settings.enforce_hours if asked.enforce_hours is None else asked.enforce_hours
