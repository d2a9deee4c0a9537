"""The exchange: takes orders, trades them, and tells its observers, each time after the journal has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Protocol

from venue_sandbox.exchange import events
from venue_sandbox.exchange.accounts import AccountError, Funding
from venue_sandbox.exchange.book import Book
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.hours import MarketHours
from venue_sandbox.exchange.instruments import Instrument, Listing
from venue_sandbox.exchange.journal import Journal
from venue_sandbox.exchange.market import Market, Quote
from venue_sandbox.exchange.matching import commission, is_triggered, next_slice, trade_price
from venue_sandbox.exchange.orders import (
    Execution,
    Hold,
    OrderStatus,
    OrderType,
    Side,
    Ticket,
    TimeInForce,
    VenueOrder,
)

__all__ = ["Exchange", "InvalidTicket", "Observer", "Problem"]

ZERO = Decimal(0)


class Problem(Enum):
    """Why a ticket makes no order at all."""

    ACCOUNT = "unknown account"
    SYMBOL = "unknown symbol"
    QUANTITY = "quantity not positive"
    LOT = "quantity no multiple of the lot"
    LIMIT = "limit or stop price missing or not positive"
    TICK = "limit or stop price between two ticks"
    FUNDS = "a change that is more than the account can settle"


class InvalidTicket(ValueError):
    """A ticket that makes no order, not even a rejected one."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class Observer(Protocol):
    """Who hears what happened at an exchange."""

    def order_changed(self, order: VenueOrder) -> None:
        """Hear of an order that was entered, changed or closed, other than by an execution."""
        ...

    def executed(self, order: VenueOrder, execution: Execution) -> None:
        """Hear of an order that was filled, in part or to the end."""
        ...

    def account_changed(self, account: str, symbol: str | None) -> None:
        """Hear of cash, or a holding, that changed without an execution."""
        ...

    def price_changed(self, symbol: str) -> None:
        """Hear of an instrument that has another price."""
        ...


@dataclass(slots=True)
class Exchange:
    """One venue: its journal, its book, its market and its clock.

    Every method that changes something returns after the change is on disk and the observers know.
    """

    journal: Journal
    book: Book
    market: Market
    clock: VenueClock
    observers: Sequence[Observer] = ()

    # --- what a front asks ---------------------------------------------------------------------------

    @property
    def listing(self) -> Listing:
        """The instruments."""
        return self.market.listing

    @property
    def hours(self) -> MarketHours:
        """The sessions."""
        return self.market.hours

    def now(self) -> datetime:
        """Return the venue's instant."""
        return self.clock.now()

    def today(self) -> date:
        """Return the exchange-local date."""
        return self.hours.calendar.local_date(self.now())

    def is_open(self) -> bool:
        """Whether orders trade now."""
        return self.hours.is_open(self.now(), self.book.forced_open)

    def quote(self, symbol: str) -> Quote | None:
        """Return the quote of an instrument."""
        return self.market.quote(symbol, self.now())

    def buying_power(self, account: str, currency: str, beside: int | None = None) -> Decimal:
        """Return the cash of a currency that no open buy needs; ``beside`` leaves one order out of these."""
        orders = (order for order in self.book.live(account) if order.number != beside)
        buys = (order for order in orders if order.ticket.side is Side.BUY)
        paid_in_it = (o for o in buys if self.listing.instruments[o.ticket.symbol].currency == currency)
        needed = sum(map(self._cost, paid_in_it), ZERO)
        return self.book.accounts[account].cash.get(currency, ZERO) - needed

    # --- orders --------------------------------------------------------------------------------------

    def check(self, ticket: Ticket) -> None:
        """Raise `InvalidTicket` if a ticket makes no order; nothing is recorded."""
        self._check(ticket)

    def refusal(self, ticket: Ticket) -> str:
        """Return why the account could not pay or deliver, empty if it could; raises as `check`."""
        instrument = self._check(ticket)
        return self._refusal(self._new(ticket), instrument)

    def free_to_sell(self, account: str, symbol: str, beside: int | None = None) -> Decimal:
        """Return the units of a holding that no open sell needs; ``beside`` leaves one order out of these."""
        others = (other for other in self.book.live(account) if other.number != beside)
        promised = (other.remaining for other in others if _sells(other, symbol))
        return self.book.accounts[account].holding(symbol).quantity - sum(promised, ZERO)

    def submit(self, ticket: Ticket, *, hold: Hold | None = None, reject: str = "") -> VenueOrder:
        """Enter an order; it is rejected if the account cannot pay or deliver, or for the reason given.

        Raises
        ------
        InvalidTicket
            It makes no order; nothing is recorded.
        """
        instrument = self._check(ticket)
        order = self._new(ticket, hold)
        if reason := reject or self._refusal(order, instrument):
            order = _rejected(order, reason, order.entered_at)
        self._commit(events.Entered(order))
        return self._told(order.number)

    def amend(self, number: int, quantity: Decimal, limit: Decimal | None) -> VenueOrder:
        """Change the quantity or the limit of an order that is not done; the same values change nothing.

        Raises
        ------
        InvalidTicket
            The values make no order, more than the account can settle, or less than was filled already.
        """
        order = self.book.orders[number]
        instrument = self.listing.instruments[order.ticket.symbol]
        _check_quantity(instrument, quantity)
        if order.ticket.order_type is OrderType.LIMIT:
            _check_price(instrument, limit)
        if quantity <= order.filled:
            raise InvalidTicket(Problem.QUANTITY)
        if self._refusal(replace(order, quantity=quantity, limit=limit), instrument):
            raise InvalidTicket(Problem.FUNDS)
        if (quantity, limit) != (order.quantity, order.limit):
            self._commit(events.Amended(number, quantity, limit))
        return self._told(number)

    def cancel(self, number: int, reason: str, status: OrderStatus = OrderStatus.CANCELLED) -> VenueOrder:
        """End an order that is not done."""
        self._commit(events.Closed(number, status, reason, self.now()))
        return self._told(number)

    def release(self, number: int) -> VenueOrder:
        """Let an order that was held back fill to the end."""
        self._commit(events.Released(number))
        return self._told(number)

    def work(self, number: int) -> VenueOrder:
        """Send an accepted order to the exchange."""
        self._commit(events.Worked(number))
        return self._told(number)

    def match(self, number: int) -> Execution | None:
        """Trade the next part of a working order, if it trades now."""
        order = self.book.orders[number]
        instrument = self.listing.instruments[order.ticket.symbol]
        quote = self.quote(instrument.symbol)
        if quote is not None and is_triggered(order, quote):
            self._commit(events.Triggered(number))
            order = self._told(number)
        price = None if quote is None else trade_price(order, quote)
        quantity = next_slice(order, instrument, self.book.seed or 0)
        if price is None or not quantity:
            return None
        execution = self._execution(order, instrument, quantity, price)
        self._commit(events.Executed(execution))
        for observer in self.observers:
            observer.executed(self.book.orders[number], execution)
        return execution

    # --- what happens without a client ---------------------------------------------------------------

    def open_account(self, funding: Funding) -> None:
        """Open an account that is not open yet."""
        if funding.account not in self.book.accounts:
            self._commit(events.Funded(funding.account, funding.cash))

    def tick(self) -> None:
        """Do what is due by now: splits, and the end of orders for the day."""
        now = self.now()
        today = self.hours.calendar.local_date(now)
        for split in [split for split in self.book.announced if split.session <= today]:
            self._split(split)
        for order in self.book.live():
            if order.good_for is not None and now > self.hours.closing(order.good_for):
                self.cancel(order.number, f"Expired at the close of {order.good_for}", OrderStatus.EXPIRED)

    def set_clock(self, instant: datetime) -> None:
        """Set the venue's clock; it runs on from there, also after a restart.

        Raises
        ------
        UnknownSession
            The calendar does not reach that far; nothing was changed.
        """
        self.hours.priced_session(instant)
        self.hours.trading_session(instant)
        ahead = self.clock.ahead_at(instant)
        self._commit(events.ClockSet(ahead))
        self.clock.ahead = ahead
        self.tick()

    def force_hours(self, forced_open: bool | None) -> None:
        """Hold the market open or closed; None follows the calendar again."""
        self._commit(events.HoursSet(forced_open))

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Set the last price of an instrument, for what is left of its session."""
        instrument = self.listing.instruments[symbol]
        session = self.hours.priced_session(self.now())
        self._commit(events.Priced(symbol, session, instrument.on_tick(price)))
        for observer in self.observers:
            observer.price_changed(symbol)

    def announce_split(self, symbol: str, ratio: Decimal, session: date) -> None:
        """Have one unit become ``ratio`` units when a session begins; at once if it has begun."""
        self._commit(events.SplitAnnounced(symbol, ratio, session))
        self.tick()

    def set_cash(self, account: str, currency: str, amount: Decimal) -> None:
        """Change cash behind the client's back."""
        self._commit(events.CashSet(self._known(account), currency, amount))
        self._tell_account(account, None)

    def set_holding(self, account: str, symbol: str, quantity: Decimal) -> None:
        """Change a holding behind the client's back; it costs what it cost, or the last price."""
        held = self.book.accounts[self._known(account)].holding(symbol)
        cost = held.average_cost or self.market.last(self.listing.instruments[symbol], self.now())
        self._commit(events.HoldingSet(account, symbol, quantity, cost if quantity else ZERO))
        self._tell_account(account, symbol)

    def note(self, key: str, value: str) -> None:
        """Remember something for the front."""
        self._commit(events.Noted(key, value))

    # --- parts ---------------------------------------------------------------------------------------

    def _new(self, ticket: Ticket, hold: Hold | None = None) -> VenueOrder:
        """Return a ticket as the next order, of now."""
        now, number = self.now(), len(self.book.orders) + 1
        good_for = self.hours.trading_session(now) if ticket.time_in_force is TimeInForce.DAY else None
        return VenueOrder(number, ticket, now, good_for, ticket.quantity, ticket.limit, ticket.stop, hold=hold)

    def _commit(self, event: events.Event) -> None:
        self.journal.append(event)
        self.book.apply(event)

    def _told(self, number: int) -> VenueOrder:
        order = self.book.orders[number]
        for observer in self.observers:
            observer.order_changed(order)
        return order

    def _tell_account(self, account: str, symbol: str | None) -> None:
        for observer in self.observers:
            observer.account_changed(account, symbol)

    def _known(self, account: str) -> str:
        if account not in self.book.accounts:
            raise AccountError(f"account {account!r} is not open; open are {', '.join(self.book.accounts)}")
        return account

    def _check(self, ticket: Ticket) -> Instrument:
        if ticket.account not in self.book.accounts:
            raise InvalidTicket(Problem.ACCOUNT)
        instrument = self.listing.find(ticket.symbol)
        if instrument is None:
            raise InvalidTicket(Problem.SYMBOL)
        _check_quantity(instrument, ticket.quantity)
        if ticket.order_type is not OrderType.MARKET:
            _check_price(instrument, ticket.stop if ticket.order_type is OrderType.STOP else ticket.limit)
        return instrument

    def _refusal(self, order: VenueOrder, instrument: Instrument) -> str:
        """Return why the account cannot pay or deliver; empty if it can."""
        account, symbol = order.ticket.account, instrument.symbol
        if order.ticket.side is Side.SELL:
            free = self.free_to_sell(account, symbol, order.number)
            if order.remaining > free:
                return f"Sell of {order.remaining} {symbol} with {free} free to sell; short sales are not allowed"
            return ""
        if self.quote(symbol) is None:
            return f"There is no price for {symbol}"
        cost, cash = self._cost(order), self.buying_power(account, instrument.currency, order.number)
        if cost > cash:
            return (
                f"Your available funds are insufficient. Available {cash:.2f} {instrument.currency}, "
                f"needed {cost:.2f} {instrument.currency}"
            )
        return ""

    def _cost(self, order: VenueOrder) -> Decimal:
        """Return what the rest of a buy will need in cash, commission included."""
        quote = self.quote(order.ticket.symbol)
        price = order.limit if order.limit is not None else max(quote.ask if quote else ZERO, order.stop or ZERO)
        return order.remaining * price + commission(order, order.remaining, price)

    def _execution(self, order: VenueOrder, instrument: Instrument, quantity: Decimal, price: Decimal) -> Execution:
        ticket, filled = order.ticket, order.filled + quantity
        fee = commission(order, quantity, price)
        holding = self.book.accounts[ticket.account].holding(ticket.symbol)
        return Execution(
            id=f"{self.book.seed:08x}.{order.number:08x}.{order.fills + 1:02d}.01",
            number=order.number,
            account=ticket.account,
            symbol=ticket.symbol,
            side=ticket.side,
            quantity=quantity,
            price=price,
            commission=fee,
            currency=instrument.currency,
            realized=holding.gain(quantity, price, fee) if ticket.side is Side.SELL else None,
            at=self.now(),
            cumulative=filled,
            average_price=(order.value + quantity * price) / filled,
        )

    def _split(self, split: events.SplitAnnounced) -> None:
        symbol = split.symbol
        before = [order for order in self.book.live() if order.ticket.symbol == symbol]
        price = self.market.last(self.listing.instruments[symbol], self.now()) / split.ratio
        self._commit(events.Split(symbol, split.ratio, price))
        for order in before:
            if self.book.orders[order.number].remaining:
                self._told(order.number)
            else:
                self.cancel(order.number, f"Nothing left after the split of {symbol}")
        for account in self.book.accounts:
            self._tell_account(account, symbol)
        for observer in self.observers:
            observer.price_changed(symbol)


def _sells(order: VenueOrder, symbol: str) -> bool:
    return order.ticket.side is Side.SELL and order.ticket.symbol == symbol


def _rejected(order: VenueOrder, reason: str, now: datetime) -> VenueOrder:
    return replace(order, status=OrderStatus.REJECTED, reason=reason, closed_at=now)


def _check_quantity(instrument: Instrument, quantity: Decimal) -> None:
    if not quantity.is_finite() or quantity <= 0:
        raise InvalidTicket(Problem.QUANTITY)
    if quantity != instrument.in_lots(quantity):
        raise InvalidTicket(Problem.LOT)


def _check_price(instrument: Instrument, price: Decimal | None) -> None:
    if price is None or not price.is_finite() or price <= 0:
        raise InvalidTicket(Problem.LIMIT)
    if price % instrument.tick:
        raise InvalidTicket(Problem.TICK)
