"""The state of a venue: what its events add up to. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from venue_sandbox.exchange import events
from venue_sandbox.exchange.accounts import Account, Holding
from venue_sandbox.exchange.instruments import Instrument, Listing
from venue_sandbox.exchange.orders import Execution, OrderStatus, Side, VenueOrder

__all__ = ["Book"]

ZERO = Decimal(0)
ONE = Decimal(1)


class Book:
    """Accounts, orders, executions and the settings of a venue.

    Attributes
    ----------
    orders
        By number, in the sequence of arrival.
    set_prices
        Prices that were set for a symbol's session.
    split_ratios
        The product of a symbol's splits so far.
    announced
        Splits still to come.
    past_splits
        Splits that took place, with the sessions at whose begin they were due.
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self.seed: int | None = None
        self.clock_ahead: float | None = None
        self.forced_open: bool | None = None
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, VenueOrder] = {}
        self.executions: list[Execution] = []
        self.set_prices: dict[tuple[str, date], Decimal] = {}
        self.split_ratios: dict[str, Decimal] = {}
        self.announced: list[events.SplitAnnounced] = []
        self.past_splits: list[events.SplitAnnounced] = []
        self.notes: dict[str, str] = {}
        self._rules: dict[type, Callable[[Any], None]] = {
            events.Founded: self._founded,
            events.Funded: self._funded,
            events.ClockSet: self._clock_set,
            events.HoursSet: self._hours_set,
            events.Priced: self._priced,
            events.SplitAnnounced: self.announced.append,
            events.Split: self._split,
            events.CashSet: self._cash_set,
            events.HoldingSet: self._holding_set,
            events.Entered: self._entered,
            events.Amended: self._amended,
            events.Worked: self._worked,
            events.Triggered: self._triggered,
            events.Released: self._released,
            events.Executed: self._executed,
            events.Closed: self._closed,
            events.Noted: self._noted,
        }

    def apply(self, event: events.Event) -> None:
        """Let an event have happened."""
        self._rules[type(event)](event)

    def live(self, account: str | None = None) -> list[VenueOrder]:
        """Return the orders that are not done, of one account or of all."""
        orders = (order for order in self.orders.values() if not order.status.done)
        return [order for order in orders if account in (None, order.ticket.account)]

    def split_ratio(self, symbol: str) -> Decimal:
        """Return how many units of today one unit of the beginning has become."""
        return self.split_ratios.get(symbol, ONE)

    # --- the venue -----------------------------------------------------------------------------------

    def _founded(self, event: events.Founded) -> None:
        self.seed = event.seed

    def _clock_set(self, event: events.ClockSet) -> None:
        self.clock_ahead = event.ahead

    def _hours_set(self, event: events.HoursSet) -> None:
        self.forced_open = event.forced_open

    def _noted(self, event: events.Noted) -> None:
        self.notes[event.key] = event.value

    def _priced(self, event: events.Priced) -> None:
        self.set_prices[event.symbol, event.session] = event.price

    def _split(self, event: events.Split) -> None:
        done = next(split for split in self.announced if (split.symbol, split.ratio) == (event.symbol, event.ratio))
        self.announced.remove(done)
        self.past_splits.append(done)
        self.split_ratios[event.symbol] = self.split_ratio(event.symbol) * event.ratio
        for (symbol, session), price in self.set_prices.items():
            if symbol == event.symbol:
                self.set_prices[symbol, session] = price / event.ratio
        instrument = self._listing.instruments[event.symbol]
        for account in self.accounts.values():
            _split_holding(account, instrument, event)
        for order in self.live():
            if order.ticket.symbol == event.symbol:
                self.orders[order.number] = _split_order(order, instrument, event.ratio)

    # --- accounts ------------------------------------------------------------------------------------

    def _funded(self, event: events.Funded) -> None:
        self.accounts[event.account] = Account(event.account, next(iter(event.cash)), dict(event.cash))

    def _cash_set(self, event: events.CashSet) -> None:
        self.accounts[event.account].cash[event.currency] = event.amount

    def _holding_set(self, event: events.HoldingSet) -> None:
        realized = self.accounts[event.account].holding(event.symbol).realized
        self.accounts[event.account].holdings[event.symbol] = Holding(event.quantity, event.average_cost, realized)

    # --- orders --------------------------------------------------------------------------------------

    def _entered(self, event: events.Entered) -> None:
        self.orders[event.order.number] = event.order

    def _amended(self, event: events.Amended) -> None:
        order = self.orders[event.number]
        self.orders[event.number] = replace(order, quantity=event.quantity, limit=event.limit)

    def _worked(self, event: events.Worked) -> None:
        self.orders[event.number] = replace(self.orders[event.number], status=OrderStatus.WORKING)

    def _triggered(self, event: events.Triggered) -> None:
        self.orders[event.number] = replace(self.orders[event.number], stop=None)

    def _released(self, event: events.Released) -> None:
        self.orders[event.number] = replace(self.orders[event.number], hold=None)

    def _closed(self, event: events.Closed) -> None:
        order = self.orders[event.number]
        self.orders[event.number] = replace(order, status=event.status, reason=event.reason, closed_at=event.at)

    def _executed(self, event: events.Executed) -> None:
        execution = event.execution
        self.executions.append(execution)
        order = self.orders[execution.number]
        whole = execution.cumulative == order.quantity
        self.orders[order.number] = replace(
            order,
            status=OrderStatus.FILLED if whole else OrderStatus.WORKING,
            fills=order.fills + 1,
            filled=execution.cumulative,
            value=order.value + execution.quantity * execution.price,
            commission=order.commission + execution.commission,
            last_price=execution.price,
            closed_at=execution.at if whole else None,
        )
        _book(self.accounts[execution.account], execution)


def _book(account: Account, execution: Execution) -> None:
    """Move cash and holding by an execution."""
    sign = 1 if execution.side is Side.BUY else -1
    worth = execution.quantity * execution.price
    cash = account.cash.get(execution.currency, ZERO)
    account.cash[execution.currency] = cash - sign * worth - execution.commission
    holding = account.holdings.setdefault(execution.symbol, Holding())
    if sign > 0:
        cost = holding.quantity * holding.average_cost + worth + execution.commission
        holding.average_cost = cost / (holding.quantity + execution.quantity)
    holding.quantity += sign * execution.quantity
    holding.realized += execution.realized or ZERO
    if not holding.quantity:
        holding.average_cost = ZERO


def _split_holding(account: Account, instrument: Instrument, event: events.Split) -> None:
    """Multiply the units; what is no whole lot is paid out."""
    holding = account.holding(event.symbol)
    if not holding.quantity:
        return
    exact = holding.quantity * event.ratio
    holding.quantity = instrument.in_lots(exact)
    holding.average_cost = holding.average_cost / event.ratio if holding.quantity else ZERO
    cash = account.cash.get(instrument.currency, ZERO)
    account.cash[instrument.currency] = cash + (exact - holding.quantity) * event.price


def _split_order(order: VenueOrder, instrument: Instrument, ratio: Decimal) -> VenueOrder:
    """Multiply what is still to fill; divide limit and stop."""

    def after(quantity: Decimal) -> Decimal:
        return order.filled + instrument.in_lots((quantity - order.filled) * ratio)

    return replace(
        order,
        quantity=after(order.quantity),
        limit=None if order.limit is None else instrument.on_tick(order.limit / ratio),
        stop=None if order.stop is None else instrument.on_tick(order.stop / ratio),
        hold=None if order.hold is None else replace(order.hold, up_to=after(order.hold.up_to)),
    )
