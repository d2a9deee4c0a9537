"""What clients are told of orders: 5 open order, 3 order status, 101 completed order."""

from __future__ import annotations

from decimal import Decimal

from venue_sandbox.exchange.matching import commission
from venue_sandbox.exchange.orders import OrderStatus, OrderType, Side, TimeInForce, VenueOrder
from venue_sandbox.venues.tws.codec import Value
from venue_sandbox.venues.tws.contracts import contract_values
from venue_sandbox.venues.tws.ids import client_of, order_id_of, permanent_id
from venue_sandbox.venues.tws.layouts import COMPLETED_ORDER, OPEN_ORDER
from venue_sandbox.venues.tws.session import Session
from venue_sandbox.venues.tws.valuation import amount, standing

__all__ = ["STATUSES", "tell_completed", "tell_open", "tell_status", "tell_what_if"]

STATUSES = {
    OrderStatus.ACCEPTED: "PreSubmitted",
    OrderStatus.WORKING: "Submitted",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELLED: "Cancelled",
    OrderStatus.REJECTED: "Inactive",
    OrderStatus.EXPIRED: "Cancelled",
}
TYPES = {OrderType.MARKET: "MKT", OrderType.LIMIT: "LMT"}
TIMES_IN_FORCE = {TimeInForce.DAY: "DAY", TimeInForce.GTC: "GTC"}


def tell_open(session: Session, order: VenueOrder) -> None:
    """Write message 5: what an order is."""
    values = {**_values(session, order), **_identity(order), "status": STATUSES[order.status]}
    session.send(*OPEN_ORDER.fill(session.version, values))


def tell_status(session: Session, order: VenueOrder) -> None:
    """Write message 3: where an order stands."""
    session.send(
        *(3, order_id_of(order), STATUSES[order.status], order.filled, order.remaining, order.average_price),
        *(permanent_id(session.exchange, order), 0, order.last_price, client_of(order), "", 0),
    )


def tell_what_if(session: Session, order: VenueOrder, price: Decimal) -> None:
    """Write message 5 with what an order would cost at a price, and what the account would stand at after it."""
    instrument = session.exchange.listing.instruments[order.ticket.symbol]
    account = session.exchange.book.accounts[order.ticket.account]
    fee = commission(order, order.quantity, price)
    worth = account.in_base(order.quantity * price, instrument.currency)
    now, sign = standing(session.exchange, account), 1 if order.ticket.side is Side.BUY else -1
    values = {
        **_values(session, order),
        **_identity(order),
        **_changes("initMargin", now.initial, sign * worth),
        **_changes("maintMargin", now.stocks, sign * worth),
        **_changes("equity", now.equity, -account.in_base(fee, instrument.currency)),
        "status": STATUSES[order.status],
        "whatIf": True,
        "commission": fee,
        "commissionCurrency": instrument.currency,
    }
    session.send(*OPEN_ORDER.fill(session.version, values))


def _changes(name: str, before: Decimal, change: Decimal) -> dict[str, Value]:
    return {f"{name}Before": amount(before), f"{name}Change": amount(change), f"{name}After": amount(before + change)}


def tell_completed(session: Session, order: VenueOrder) -> None:
    """Write message 101, which names neither the order id nor the client."""
    closed = (order.closed_at or order.entered_at).astimezone(session.venue.zone)
    values = {
        **_values(session, order),
        "status": STATUSES[order.status],
        "filled": order.filled,
        "completedTime": f"{closed:%Y%m%d %H:%M:%S} {session.venue.zone.key}",
        "completedStatus": order.reason or f"Filled Size: {order.filled}",
    }
    session.send(*COMPLETED_ORDER.fill(session.version, values))


def _identity(order: VenueOrder) -> dict[str, Value]:
    return {"orderId": order_id_of(order), "clientId": client_of(order)}


def _values(session: Session, order: VenueOrder) -> dict[str, Value]:
    ticket = order.ticket
    instrument = session.exchange.listing.instruments[ticket.symbol]
    return {
        **contract_values(instrument, ticket.details["exchange"]),
        "action": ticket.side.value,
        "quantity": order.quantity,
        "orderType": TYPES[ticket.order_type],
        "limit": "0.0" if order.limit is None else order.limit,
        "tif": TIMES_IN_FORCE[ticket.time_in_force],
        "account": ticket.account,
        "orderRef": ticket.reference,
        "permId": permanent_id(session.exchange, order),
    }
