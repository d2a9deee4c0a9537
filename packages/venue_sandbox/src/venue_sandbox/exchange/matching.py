"""Which order trades at which price, in which parts, at what commission. Pure functions."""

from __future__ import annotations

import random
from decimal import Decimal

from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.exchange.market import Quote
from venue_sandbox.exchange.orders import Side, VenueOrder

__all__ = ["commission", "is_triggered", "next_slice", "trade_price"]

PER_UNIT = Decimal("0.005")
LEAST = Decimal(1)
MOST = Decimal("0.01")
COMMISSION_STEP = Decimal("0.0001")
WHOLE_BELOW = 100
MOST_SLICES = 4


def is_triggered(order: VenueOrder, quote: Quote) -> bool:
    """Whether the market trades at the stop of an order or beyond: below it for a sell, above it for a buy."""
    if order.stop is None:
        return False
    return quote.last >= order.stop if order.ticket.side is Side.BUY else quote.last <= order.stop


def trade_price(order: VenueOrder, quote: Quote) -> Decimal | None:
    """Return the price at which an order trades now; None if its limit is not met, or its stop was not."""
    if order.stop is not None:
        return None
    price = quote.ask if order.ticket.side is Side.BUY else quote.bid
    if order.limit is None:
        return price
    met = price <= order.limit if order.ticket.side is Side.BUY else price >= order.limit
    return price if met else None


def next_slice(order: VenueOrder, instrument: Instrument, seed: int) -> Decimal:
    """Return how many units of an order trade next; zero if it rests.

    Orders of less than 100 units trade at once, larger ones in up to four parts, cut where seed, number and what is
    filled say: the same after a restart.
    """
    end = order.quantity if order.hold is None else min(order.hold.up_to, order.quantity)
    left = max(end - order.filled, Decimal(0))
    if left < WHOLE_BELOW or order.fills + 1 >= MOST_SLICES:
        return left
    share = random.Random(f"{seed}/{order.number}/{order.fills}").choice(("0.25", "0.5", "1"))
    return max(instrument.in_lots(left * Decimal(share)), instrument.lot)


def commission(order: VenueOrder, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the commission of a further fill: 0.005 a unit, at least 1 and at most 1 % of value over the order."""
    due = min(max(PER_UNIT * (order.filled + quantity), LEAST), MOST * (order.value + quantity * price))
    return due.quantize(COMMISSION_STEP) - order.commission
