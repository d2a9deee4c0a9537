"""Orders as documents show them."""

from __future__ import annotations

from typing import Any

from venue_sandbox.exchange.orders import OrderStatus, OrderType, TimeInForce, VenueOrder
from venue_sandbox.venues.alpaca.assets import SHARE
from venue_sandbox.venues.alpaca.context import AlpacaVenue, instant, text

__all__ = ["STATUSES", "order_document", "status_of"]

STATUSES = {
    OrderStatus.ACCEPTED: "pending_new",
    OrderStatus.WORKING: "new",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELLED: "canceled",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.EXPIRED: "expired",
}
WAITING, PARTIAL = "accepted", "partially_filled"
ENDED = {
    OrderStatus.FILLED: "filled_at",
    OrderStatus.CANCELLED: "canceled_at",
    OrderStatus.REJECTED: "failed_at",
    OrderStatus.EXPIRED: "expired_at",
}


def status_of(venue: AlpacaVenue, order: VenueOrder) -> str:
    """Return the status of an order; one that waits for the open is accepted."""
    if (shown := venue.shown.get(order.ticket.reference)) is not None:
        return shown
    if order.status is OrderStatus.ACCEPTED and not venue.exchange.is_open():
        return WAITING
    if order.status is OrderStatus.WORKING and order.filled:
        return PARTIAL
    return STATUSES[order.status]


def order_document(venue: AlpacaVenue, order: VenueOrder) -> dict[str, Any]:
    """Return an order."""
    ticket, entered = order.ticket, instant(order.entered_at)
    closed = None if order.closed_at is None else instant(order.closed_at)
    times = {name: closed if ENDED.get(order.status) == name else None for name in ENDED.values()}
    # the stop that was asked for, also once it was reached
    stop = None if ticket.stop is None else order.stop or ticket.stop
    return {
        "id": venue.order_id(order),
        "client_order_id": ticket.reference,
        "created_at": entered,
        "updated_at": closed or entered,
        "submitted_at": entered,
        **times,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": venue.id_of("asset", ticket.symbol),
        "symbol": ticket.symbol,
        "asset_class": SHARE,
        "notional": None,
        "qty": text(order.quantity),
        "filled_qty": text(order.filled),
        "filled_avg_price": text(round(order.average_price, 6)) if order.filled else None,
        "order_class": "",
        "order_type": ticket.order_type.value,
        "type": ticket.order_type.value,
        "side": ticket.side.value.lower(),
        "position_intent": f"{ticket.side.value.lower()}_to_{'open' if ticket.side.name == 'BUY' else 'close'}",
        "time_in_force": "day" if ticket.time_in_force is TimeInForce.DAY else "gtc",
        "limit_price": text(order.limit) if ticket.order_type is OrderType.LIMIT and order.limit else None,
        "stop_price": None if stop is None else text(stop),
        "status": status_of(venue, order),
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
        "expires_at": None,
        "ratio_qty": None,
    }
