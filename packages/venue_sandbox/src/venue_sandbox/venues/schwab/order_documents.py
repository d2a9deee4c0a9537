"""Orders and their fills as the API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.orders import Execution, OrderStatus, OrderType, TimeInForce, VenueOrder
from venue_sandbox.venues.schwab.context import number, order_id
from venue_sandbox.venues.schwab.instruments import instrument_document

__all__ = ["REPLACED", "order_document", "status_of"]

REPLACED = "Replaced"
"""The reason of an order that ended because another took its place."""
STATUSES = {
    OrderStatus.ACCEPTED: "ACCEPTED",
    OrderStatus.WORKING: "WORKING",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.REJECTED: "REJECTED",
    OrderStatus.EXPIRED: "EXPIRED",
}
WAITING = "PENDING_ACTIVATION"
DURATIONS = {TimeInForce.DAY: "DAY", TimeInForce.GTC: "GOOD_TILL_CANCEL"}


def status_of(exchange: Exchange, order: VenueOrder) -> str:
    """Return the status of an order; one that waits for the open is pending."""
    if order.status is OrderStatus.ACCEPTED and not exchange.is_open():
        return WAITING
    if order.status is OrderStatus.CANCELLED and order.reason == REPLACED:
        return "REPLACED"
    return STATUSES[order.status]


def order_document(exchange: Exchange, order: VenueOrder, *, twice: bool) -> dict[str, Any]:
    """Return an order with its fills; each of them two times if ``twice``."""
    ticket, instrument = order.ticket, exchange.listing.instruments[order.ticket.symbol]
    document: dict[str, Any] = {
        "session": "NORMAL",
        "duration": DURATIONS[ticket.time_in_force],
        "orderType": "LIMIT" if ticket.order_type is OrderType.LIMIT else "MARKET",
        "complexOrderStrategyType": "NONE",
        "quantity": number(order.quantity),
        "filledQuantity": number(order.filled),
        "remainingQuantity": 0.0 if order.status.done else number(order.remaining),
        "requestedDestination": "AUTO",
        "destinationLinkName": "AutoRoute",
        "orderLegCollection": [
            {
                "orderLegType": "EQUITY",
                "legId": 1,
                "instrument": instrument_document(instrument),
                "instruction": ticket.side.name,
                "positionEffect": "OPENING" if ticket.side.name == "BUY" else "CLOSING",
                "quantity": number(order.quantity),
            }
        ],
        "orderStrategyType": "SINGLE",
        "orderId": order_id(exchange, order.number),
        "cancelable": not order.status.done,
        "editable": not order.status.done,
        "status": status_of(exchange, order),
        "enteredTime": _instant(order.entered_at),
        "tag": "API_TOS:sandbox",
        "accountNumber": ticket.account,
    }
    if order.limit is not None:
        document["price"] = number(order.limit)
    if order.closed_at is not None:
        document["closeTime"] = _instant(order.closed_at)
    if order.reason:
        document["statusDescription"] = order.reason
    fills = [fill for fill in exchange.book.executions if fill.number == order.number]
    if fills:
        activities = [_activity(order, fill, instrument.contract_id) for fill in fills]
        document["orderActivityCollection"] = activities * 2 if twice else activities
    return document


def _activity(order: VenueOrder, fill: Execution, instrument_id: int) -> dict[str, Any]:
    """Return a fill; its id is the same each time it is told."""
    return {
        "activityType": "EXECUTION",
        "activityId": int(fill.id.replace(".", ""), 16) % 10**12,
        "executionType": "FILL",
        "quantity": number(fill.quantity),
        "orderRemainingQuantity": number(order.quantity - fill.cumulative),
        "executionLegs": [
            {
                "legId": 1,
                "quantity": number(fill.quantity),
                "mismarkedQuantity": 0.0,
                "price": number(fill.price),
                "time": _instant(fill.at),
                "instrumentId": instrument_id,
            }
        ],
    }


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+0000"
