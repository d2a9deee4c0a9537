"""Orders and trades as a login at the exchange shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tq_broker_app.trading.plans import Child, ParentPlan, Wanted, is_part

__all__ = ["VenueOrder", "VenueTrade", "children_shown", "look_alikes", "same_order"]

NANOSECONDS = 1_000_000_000
GATEWAY_PREFIX = "SERVER."
"""What the gateway calls an order whose own id it does not know any more."""


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order.

    Attributes
    ----------
    exchange_order_id
        Empty until the exchange has given one.
    alive
        Whether it may still be filled.
    is_error
        Whether it was refused.
    inserted_at
        Nanoseconds since 1970; 0 where not told.
    """

    order_id: str
    exchange_order_id: str
    symbol: str
    direction: str
    offset: str
    volume: int
    volume_left: int
    limit_price: Decimal | None
    alive: bool
    is_error: bool
    last_message: str
    inserted_at: int

    @property
    def answered(self) -> bool:
        """Whether the exchange has taken or refused it."""
        return bool(self.exchange_order_id) or not self.alive

    @property
    def refused(self) -> bool:
        """Whether it came to its end without ever being an order at the exchange."""
        return not self.alive and (self.is_error or not self.exchange_order_id)

    @property
    def filled(self) -> int:
        """Lots filled, as the order itself says."""
        return self.volume - self.volume_left


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """A fill: lots at a price in CNY."""

    trade_id: str
    order_id: str
    volume: int
    price: Decimal


def same_order(wanted: Wanted, child: Child, order: VenueOrder) -> bool:
    """Whether what the exchange shows under a child's id is that child, and not another use of the id.

    It may show a price for an order that had none, and call the part that is closed by another name.
    """
    return (
        (order.symbol, order.direction, order.volume) == (wanted.symbol, wanted.direction, child.volume)
        and (order.offset == "OPEN") == (wanted.offset == "OPEN")
        and (None in (order.limit_price, wanted.limit_price) or order.limit_price == wanted.limit_price)
    )


def children_shown(wanted: Wanted, orders: Sequence[VenueOrder]) -> tuple[Child, ...]:
    """Return the children of an order as the exchange shows them; none where what it shows is another order.

    Parameters
    ----------
    orders
        All that it shows under ids of the order.
    """
    children = tuple(Child(order.order_id, order.offset, order.volume) for order in orders)
    lots = sum(child.volume for child in children)
    whole = lots == wanted.volume or (lots < wanted.volume and all(is_part(child.order_id) for child in children))
    same = all(same_order(wanted, child, order) for child, order in zip(children, orders, strict=True))
    return children if whole and same else ()


def look_alikes(
    plan: ParentPlan, child: Child, orders: Mapping[str, VenueOrder], sent_at: float, tolerance: float
) -> Sequence[str]:
    """Return the orders that may be a child under another id.

    A gateway that lost its memory shows an order it cannot name as ``SERVER.<ref>.<session>.<front>``. Whoever looks
    for a child under its own id does not find it there.

    Parameters
    ----------
    sent_at
        When the child was sent, in seconds since 1970.
    tolerance
        How far the exchange's clock may be behind, in seconds.
    """
    wanted = plan.wanted
    return [
        order.order_id
        for order in orders.values()
        if order.order_id.startswith(GATEWAY_PREFIX)
        and (order.symbol, order.direction, order.offset) == (wanted.symbol, wanted.direction, child.offset)
        and (order.volume, order.limit_price) == (child.volume, wanted.limit_price)
        and (not order.inserted_at or order.inserted_at / NANOSECONDS >= sent_at - tolerance)
    ]
