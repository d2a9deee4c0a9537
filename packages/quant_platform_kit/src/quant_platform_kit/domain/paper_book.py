"""The book of a simulated account: cash, units, and the rules an exchange would hold it to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, Side
from quant_platform_kit.domain.planning import ExecutionRules
from quant_platform_kit.domain.portfolio import AccountState, Balance

__all__ = ["PaperBook", "expected_fill", "marketable", "refuse_twice_sold"]

ZERO = Decimal(0)
_CENT = Decimal("0.01")


def marketable(order: Order, price: Decimal) -> bool:
    """Whether ``order`` may trade at the quote ``price``; a market order always may."""
    if order.stop_price is not None:
        return price >= order.stop_price if order.side is Side.BUY else price <= order.stop_price
    if order.limit_price is None:
        return True
    return price <= order.limit_price if order.side is Side.BUY else price >= order.limit_price


def refuse_twice_sold(order: Order, working: Iterable[ExecutionReport], held: Decimal) -> None:
    """Raise `OrderRejected` for a sale of units that resting stops are to sell.

    Parameters
    ----------
    working
        The working orders of the account.
    held
        Units of the symbol that the account holds.
    """
    stops = (each for each in working if each.order.stop_price is not None and each.order.symbol == order.symbol)
    waiting = sum((each.order.quantity - each.filled_quantity for each in stops if each.order.side is Side.SELL), ZERO)
    if order.side is Side.SELL and waiting and order.quantity > held - waiting:
        raise OrderRejected(f"sell {order.quantity} {order.symbol} with {held} held and {waiting} waiting for a stop")


@dataclass(slots=True)
class PaperBook:
    """A cash account that fills orders at the quote, plus slippage and commission.

    Attributes
    ----------
    currency, cash
        What is traded with.
    other_cash
        Cash in other currencies: reported, never spent, never converted.
    marks
        What each symbol was last traded at here; the book values by it, and nothing at what it never traded.
    """

    account_id: str
    currency: str
    cash: Decimal
    quantities: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    other_cash: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    marks: dict[str, Decimal] = field(default_factory=dict[str, Decimal])

    def state(self) -> AccountState:
        """Return the account as a broker would report it."""
        cash = {self.currency: self.cash, **self.other_cash}
        worth = sum((units * self.marks.get(symbol, ZERO) for symbol, units in self.quantities.items()), ZERO)
        balance = Balance(self.currency, self.cash, worth, self.cash + worth, {self.currency: self.cash})
        return AccountState(self.account_id, cash, dict(self.quantities), self.cash, balance)

    def match(self, order: Order, price: Decimal, rules: ExecutionRules, at: datetime) -> Fill:
        """Return the fill ``order`` would get at the quote ``price``; the book is not changed.

        The fill is never beyond a limit: of an order that is not `marketable` yet it is the fill at the limit, which
        tells whether the account may place it.

        Raises
        ------
        OrderRejected
            Not a positive multiple of the tradable step, a short sale, or more than the cash pays for (a cent of
            rounding is allowed).
        """
        if order.quantity <= 0 or rules.whole(order.quantity) != order.quantity:
            raise OrderRejected(
                f"quantity {order.quantity} of {order.symbol}: it is a positive multiple of {rules.quantity_step}"
            )
        held = self.quantities.get(order.symbol, ZERO)
        if order.side is Side.SELL and order.quantity > held:
            raise OrderRejected(f"sell {order.quantity} {order.symbol} with {held} held: short sales are not allowed")
        fill = expected_fill(order, price, rules, at)
        left = self.cash + _cash_effect(fill)
        if order.side is Side.BUY and left < -_CENT:
            raise OrderRejected(f"buy {order.quantity} {order.symbol} leaves {left:.2f} {self.currency} in cash")
        return fill

    def apply(self, fill: Fill) -> None:
        """Book a fill."""
        self.cash += _cash_effect(fill)
        self.marks[fill.symbol] = fill.price
        signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
        units = self.quantities.get(fill.symbol, ZERO) + signed
        if units:
            self.quantities[fill.symbol] = units
        else:
            self.quantities.pop(fill.symbol, None)

    def equity(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Return cash + units x prices; KeyError for a holding without a price."""
        return sum((units * prices[symbol] for symbol, units in self.quantities.items()), self.cash)


def expected_fill(order: Order, price: Decimal, rules: ExecutionRules, at: datetime) -> Fill:
    """Return the fill that the rules expect of an order at the quote ``price``, whoever could pay for it."""
    fill_price = _within_limit(order, rules.fill_price(order.side, price))
    commission = rules.commission(order.quantity, fill_price)
    return Fill(order.client_order_id, order.symbol, order.side, order.quantity, fill_price, commission, at)


def _within_limit(order: Order, price: Decimal) -> Decimal:
    if order.limit_price is None:
        return price
    return min(price, order.limit_price) if order.side is Side.BUY else max(price, order.limit_price)


def _cash_effect(fill: Fill) -> Decimal:
    notional = fill.quantity * fill.price
    return -notional - fill.commission if fill.side is Side.BUY else notional - fill.commission
