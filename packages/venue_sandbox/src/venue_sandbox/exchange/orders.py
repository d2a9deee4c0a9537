"""Orders as the venue keeps them, and their executions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from quant_platform_kit.domain.orders import Side

__all__ = ["Execution", "Hold", "OrderStatus", "OrderType", "Side", "Ticket", "TimeInForce", "VenueOrder"]

ZERO = Decimal(0)


class OrderType(Enum):
    """What price an order accepts."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    """Waits until the market trades at its stop or beyond, and is a market order then."""


class TimeInForce(Enum):
    """How long an order lives."""

    DAY = "day"
    GTC = "good till cancelled"


class OrderStatus(Enum):
    """Where an order stands. ACCEPTED is with the broker, WORKING at the exchange, partly filled or not."""

    ACCEPTED = "accepted"
    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def done(self) -> bool:
        """Whether nothing more happens to the order."""
        return self not in (OrderStatus.ACCEPTED, OrderStatus.WORKING)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client asks for.

    Attributes
    ----------
    limit
        Price per unit of a limit order; None for any other.
    stop
        Price of a stop order at which it becomes a market order; None for any other.
    client, client_order
        Who sent it, and the id that the front's protocol gives it; the pair is the front's own affair.
    reference
        The client's remark on the order, such as its own id.
    details
        What else the front wants to remember with it.
    """

    account: str
    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit: Decimal | None = None
    stop: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    client: str = ""
    client_order: str = ""
    reference: str = ""
    details: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Hold:
    """An order that fills up to a quantity only, and then rests, or is cancelled."""

    up_to: Decimal
    then_cancel: bool = False


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order and where it stands.

    Attributes
    ----------
    number
        The venue's own number, from 1 on.
    good_for
        The session at whose close it expires; None for one that is good till cancelled.
    stop
        What the market has to trade at before the order does; None where it need not, or has.
    value
        Sum of quantity x price over its executions.
    reason
        Why it was rejected or closed; empty otherwise.
    """

    number: int
    ticket: Ticket
    entered_at: datetime
    good_for: date | None
    quantity: Decimal
    limit: Decimal | None
    stop: Decimal | None = None
    status: OrderStatus = OrderStatus.ACCEPTED
    hold: Hold | None = None
    fills: int = 0
    filled: Decimal = ZERO
    value: Decimal = ZERO
    commission: Decimal = ZERO
    last_price: Decimal = ZERO
    closed_at: datetime | None = None
    reason: str = ""

    @property
    def remaining(self) -> Decimal:
        """Units still to fill."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal:
        """What a unit cost so far; zero before the first fill."""
        return self.value / self.filled if self.filled else ZERO


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill.

    Attributes
    ----------
    number
        The order's number.
    realized
        What a sale realized, None for a buy.
    cumulative, average_price
        The order's filled quantity and average price with this fill.
    """

    id: str
    number: int
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    currency: str
    realized: Decimal | None
    at: datetime
    cumulative: Decimal
    average_price: Decimal
