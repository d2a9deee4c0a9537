"""Orders and executions as they are shown and pushed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.orders import Execution, OrderStatus, OrderType, TimeInForce, VenueOrder
from venue_sandbox.venues.longbridge.context import order_id, seconds, text
from venue_sandbox.venues.longbridge.symbols import named

__all__ = ["execution_document", "order_detail", "order_document", "order_event", "status_of"]

STATUSES = {
    OrderStatus.ACCEPTED: "WaitToNew",
    OrderStatus.WORKING: "NewStatus",
    OrderStatus.FILLED: "FilledStatus",
    OrderStatus.CANCELLED: "CanceledStatus",
    OrderStatus.REJECTED: "RejectedStatus",
    OrderStatus.EXPIRED: "ExpiredStatus",
}
WAITING = "NotReported"
PARTIAL = "PartialFilledStatus"
PARTIAL_CANCELLED = "PartialWithdrawal"
TIMES_IN_FORCE = {TimeInForce.DAY: "Day", TimeInForce.GTC: "GTC"}
TAGS = {TimeInForce.DAY: "Normal", TimeInForce.GTC: "GTC"}
NO_CONDITION = {
    "trigger_price": "",
    "trigger_at": "0",
    "trigger_status": "NOT_USED",
    "trailing_amount": "",
    "trailing_percent": "",
    "limit_offset": "",
}


def status_of(exchange: Exchange, order: VenueOrder) -> str:
    """Return the status of an order; one that waits for the open is not reported yet."""
    if order.status is OrderStatus.ACCEPTED and not exchange.is_open():
        return WAITING
    if order.filled and order.status is OrderStatus.WORKING:
        return PARTIAL
    if order.filled and order.status is OrderStatus.CANCELLED:
        return PARTIAL_CANCELLED
    return STATUSES[order.status]


def order_document(exchange: Exchange, order: VenueOrder) -> dict[str, Any]:
    """Return an order as the lists show it."""
    ticket = order.ticket
    return {
        **_common(exchange, order),
        **NO_CONDITION,
        "quantity": text(order.quantity),
        "price": "" if order.limit is None else text(order.limit),
        "last_done": text(order.last_price) if order.filled else "",
        "time_in_force": TIMES_IN_FORCE[ticket.time_in_force],
        "expire_date": "",
        "outside_rth": "RTH_ONLY",
        "limit_depth_level": 0,
        "trigger_count": 0,
        "monitor_price": "",
    }


def order_detail(exchange: Exchange, order: VenueOrder) -> dict[str, Any]:
    """Return an order with its fills and what it cost."""
    fills = [fill for fill in exchange.book.executions if fill.number == order.number]
    currency = exchange.listing.instruments[order.ticket.symbol].currency
    fee = {"code": "COMMISSION", "name": "Commission", "amount": text(order.commission), "currency": currency}
    return {
        **order_document(exchange, order),
        **{"free_status": "None", "free_amount": "", "free_currency": ""},
        **{"deductions_status": "NONE", "deductions_amount": "", "deductions_currency": ""},
        "platform_deducted_status": "NONE",
        **{"platform_deducted_amount": "", "platform_deducted_currency": ""},
        "history": [
            {
                "price": text(fill.price),
                "quantity": text(fill.quantity),
                "status": "FilledStatus" if fill.cumulative == order.quantity else PARTIAL,
                "msg": "",
                "time": seconds(fill.at),
            }
            for fill in fills
        ],
        "charge_detail": {
            "total_amount": text(order.commission),
            "currency": currency,
            "items": [{"code": "BROKER_FEES", "name": "Broker fees", "fees": [fee]}],
        },
    }


def order_event(exchange: Exchange, order: VenueOrder, execution: Execution | None) -> dict[str, Any]:
    """Return an order as it is pushed, with the fill that changed it if one did."""
    return {
        **_common(exchange, order),
        **NO_CONDITION,
        "submitted_quantity": text(order.quantity),
        "submitted_price": "0" if order.limit is None else text(order.limit),
        "account_no": order.ticket.account,
        "last_share": "" if execution is None else text(execution.quantity),
        "last_price": "" if execution is None else text(execution.price),
    }


def execution_document(exchange: Exchange, execution: Execution) -> dict[str, Any]:
    """Return a fill."""
    return {
        "order_id": order_id(exchange, execution.number),
        "trade_id": execution.id,
        "symbol": named(execution.symbol),
        "trade_done_at": seconds(execution.at),
        "quantity": text(execution.quantity),
        "price": text(execution.price),
    }


def _common(exchange: Exchange, order: VenueOrder) -> dict[str, Any]:
    ticket = order.ticket
    return {
        "order_id": order_id(exchange, order.number),
        "status": status_of(exchange, order),
        "stock_name": ticket.symbol,
        "executed_quantity": text(order.filled),
        "executed_price": text(round(order.average_price, 6)),
        "submitted_at": seconds(order.entered_at),
        "updated_at": seconds(_updated(exchange, order)),
        "side": "Buy" if ticket.side.name == "BUY" else "Sell",
        "symbol": named(ticket.symbol),
        "order_type": "LO" if ticket.order_type is OrderType.LIMIT else "MO",
        "msg": order.reason,
        "tag": TAGS[ticket.time_in_force],
        "currency": exchange.listing.instruments[ticket.symbol].currency,
        "remark": ticket.reference,
    }


def _updated(exchange: Exchange, order: VenueOrder) -> datetime:
    """Return when the last thing happened to an order."""
    fills = [fill.at for fill in exchange.book.executions if fill.number == order.number]
    return order.closed_at or max([order.entered_at, *fills])
