"""Orders and what brokers answer about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum

from quant_platform_kit.domain.errors import NeedsOperator, OrderRejected

__all__ = [
    "TRANSITIONS",
    "ExecutionReport",
    "Fill",
    "Order",
    "OrderState",
    "Side",
    "check_prices",
    "check_whole_units",
    "raise_if_rejected",
    "refuse_contradiction",
    "refuse_used_id",
    "with_plausible_prices",
]


class Side(Enum):
    """Buy or sell."""

    BUY = "BUY"
    SELL = "SELL"


@dataclass(frozen=True, slots=True)
class Order:
    """An order for the day, recorded before it is sent.

    Attributes
    ----------
    client_order_id
        FIX ClOrdID; see `quant_platform_kit.domain.identity.client_order_id`.
    quantity
        Units, positive.
    limit_price
        The worst price to trade at, in the instrument's currency; None for a market order, the only kind that plans
        make.
    stop_price
        The price at which the order becomes one for the market, in the instrument's currency: a sale rests until the
        price is there or below, a buy until it is there or above. None for an order that does not wait. Only brokers
        with `BrokerTraits.stop_orders` take it, and none together with a limit.
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class OrderState(Enum):
    """Where an order stands."""

    RECORDED = "RECORDED"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"

    @property
    def terminal(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self in _TERMINAL


_TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})
_ANSWERS = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED, *_TERMINAL})

TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.RECORDED: frozenset({OrderState.SENT, OrderState.CANCELLED, OrderState.UNKNOWN}),
    OrderState.SENT: _ANSWERS | {OrderState.SENT, OrderState.UNKNOWN},
    OrderState.UNKNOWN: _ANSWERS | {OrderState.SENT},
    OrderState.ACKNOWLEDGED: _ANSWERS | {OrderState.UNKNOWN},
    OrderState.PARTIALLY_FILLED: _ANSWERS - {OrderState.ACKNOWLEDGED} | {OrderState.UNKNOWN},
    **{state: frozenset[OrderState]() for state in OrderState if state.terminal},
}
"""What may follow each state; the ledger records nothing else. SENT after SENT is the same order sent again.

An order becomes UNKNOWN when the broker does not answer, or does not show any more what it acknowledged; and from
RECORDED when the broker knows it, though nothing says that it was sent.
"""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order.

    Attributes
    ----------
    price, commission
        In the instrument's currency; price per unit, commission for the whole fill.
    price_known
        False where what the broker said is no price for what was traded: the quantity counts, ``price`` is the one it
        was planned at.
    executed_at
        Aware UTC.
    execution_id
        The broker's own id of the fill (FIX ExecID): the same fill reported twice has the same one.
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    executed_at: datetime
    execution_id: str = ""
    price_known: bool = True


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """A broker's answer about one order.

    Attributes
    ----------
    text
        The broker's own words, such as why it rejected; empty if it said nothing.
    """

    order: Order
    state: OrderState
    fills: tuple[Fill, ...] = ()
    text: str = ""

    @property
    def filled_quantity(self) -> Decimal:
        """Units filled so far."""
        return sum((fill.quantity for fill in self.fills), Decimal(0))


def check_whole_units(order: Order, *, stop_orders: bool = False) -> None:
    """Refuse an order that is not for a positive whole number of units, or whose prices are none.

    Brokers that trade whole shares only do not refuse these clearly, so their adapters ask here before they ask them.

    Parameters
    ----------
    stop_orders
        Whether the broker takes stop orders.

    Raises
    ------
    OrderRejected
        Naming the quantity or the price; nothing was sent.
    """
    quantity = order.quantity
    if not quantity.is_finite() or quantity <= 0 or quantity != quantity.to_integral_value():
        raise OrderRejected(f"quantity {quantity} of {order.symbol}: it is a positive whole number")
    check_prices(order, stop_orders=stop_orders)


def check_prices(order: Order, *, stop_orders: bool) -> None:
    """Refuse an order whose limit or stop is no price, or that is a stop where the broker takes none.

    Raises
    ------
    OrderRejected
        Naming the price; nothing was sent.
    """
    for kind, price in (("limit", order.limit_price), ("stop", order.stop_price)):
        if price is not None and not (price.is_finite() and price > 0):
            raise OrderRejected(f"{kind} {price} for {order.symbol}: a {kind} is positive and finite")
    if order.stop_price is None:
        return
    if not stop_orders:
        raise OrderRejected(f"stop {order.stop_price} for {order.symbol}: this broker takes no stop orders from here")
    if order.limit_price is not None:
        raise OrderRejected(
            f"stop {order.stop_price} and limit {order.limit_price} for {order.symbol}: an order has one of them"
        )


def raise_if_rejected(report: ExecutionReport) -> ExecutionReport:
    """Return an answer; one that is a rejection is raised as `OrderRejected`, in the broker's words."""
    if report.state is OrderState.REJECTED:
        raise OrderRejected(report.text or "rejected without a reason")
    return report


def refuse_used_id(used_for: Order, order: Order) -> None:
    """Raise `OrderRejected` if an order's id was used for another one: ids are used once."""
    if used_for != order:
        raise OrderRejected(f"client order id {order.client_order_id} was used for {used_for}; ids are used once")


def with_plausible_prices(report: ExecutionReport, price: Decimal | None, limit: Decimal) -> ExecutionReport:
    """Return an answer in which a fill whose price cannot be one counts, at the price it was planned at.

    Parameters
    ----------
    price
        What the order was planned at; None if that is not known.
    limit
        How far a fill may be from it, as a share.
    """
    if price is None:
        return report
    fills = tuple(
        fill
        if fill.price > 0 and abs(fill.price / price - 1) <= limit
        else replace(fill, price=price, price_known=False)
        for fill in report.fills
    )
    return replace(report, fills=fills)


def refuse_contradiction(report: ExecutionReport, filled: Decimal | None) -> ExecutionReport:
    """Return an answer that does not contradict itself.

    Parameters
    ----------
    filled
        What the broker says apart from the single fills: the units filled; None if it does not say.

    Raises
    ------
    NeedsOperator
        Its fills add up to more than was ordered or than the broker says was filled, it says that more was filled
        than was ordered, or it came to its end with fewer fills than the broker says.
    """
    order, total = report.order, report.filled_quantity
    if filled is not None and filled > order.quantity:
        raise NeedsOperator(
            f"order {order.client_order_id}: {filled} {order.symbol} were filled, as the broker says, and "
            f"{order.quantity} were ordered"
        )
    if filled is not None and filled > total and report.state.terminal:
        raise NeedsOperator(
            f"order {order.client_order_id} is {report.state.value}, its fills add up to {total} {order.symbol}, and "
            f"{filled} were filled, as the broker says"
        )
    for most, of_what in ((order.quantity, "ordered"), (filled, "filled, as the broker says")):
        if most is not None and total > most:
            raise NeedsOperator(
                f"order {order.client_order_id}: its fills add up to {total} {order.symbol}, and {most} were {of_what}"
            )
    return report
