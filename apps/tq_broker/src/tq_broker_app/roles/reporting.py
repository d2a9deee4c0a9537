"""What is told of orders: events, and rows of ``order_history``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from tq_broker_app.messages import OrderRowUpdate, OrderUpdate, RequestAnswer
from tq_broker_app.roles.requests import Malformed
from tq_broker_app.trading.plans import Child, ParentPlan, Wanted, is_part
from tq_broker_app.trading.progress import ChildEnd, Progress, average_price, event_id
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

__all__ = ["child_row", "order_row", "order_update", "refusal", "unknown_rows"]


def order_update(plan: ParentPlan, progress: Progress, now: datetime) -> OrderUpdate:
    """Return the event of an order whose progress has one."""
    assert progress.event is not None, "there is something to tell"
    event = progress.event.value
    return OrderUpdate(
        timestamp=now,
        **_of_parent(plan, progress),
        event_type=event,
        event_id=event_id(plan.wanted.order_id, event, progress.filled),
    )


def order_row(plan: ParentPlan, progress: Progress, now: datetime) -> OrderRowUpdate:
    """Return where an order stands."""
    return OrderRowUpdate(timestamp=now, **_of_parent(plan, progress))


def _of_parent(plan: ParentPlan, progress: Progress) -> dict[str, Any]:
    wanted = plan.wanted
    left = wanted.volume - progress.filled
    return {
        **_of_wanted(wanted),
        "order_id": wanted.order_id,
        "offset": wanted.offset,
        "volume_orign": wanted.volume,
        "exchange_order_id": progress.exchange_order_id,
        "status": "FINISHED" if progress.finished else "ALIVE",
        "volume_left": left,
        "filled_quantity": progress.filled,
        "trade_price": _float(progress.average_price),
        "insert_date_time": progress.inserted_at,
        "trading_day": plan.trading_day,
        "reason": progress.reason,
    }


def child_row(
    plan: ParentPlan,
    child: Child,
    order: VenueOrder | None,
    trades: Sequence[VenueTrade],
    ends: Mapping[str, ChildEnd],
    now: datetime,
) -> OrderRowUpdate:
    """Return where one of several children stands."""
    end = ends.get(child.order_id)
    if order is None and end is not None:
        trades = [VenueTrade("", child.order_id, volume, price) for volume, price in end.fills]
    filled = sum(trade.volume for trade in trades)
    alive = end is None if order is None else order.alive or order.filled != filled
    return OrderRowUpdate(
        timestamp=now,
        **_of_wanted(plan.wanted),
        order_id=child.order_id,
        parent_order_id=plan.wanted.order_id,
        offset=child.offset,
        volume_orign=child.volume,
        exchange_order_id=order.exchange_order_id if order else "",
        status="ALIVE" if alive else "FINISHED",
        volume_left=child.volume - filled,
        filled_quantity=filled,
        trade_price=_float(average_price(trades)),
        insert_date_time=order.inserted_at if order else None,
        trading_day=plan.trading_day,
        reason=(end.reason if end else "") if order is None else order.last_message if order.refused else "",
    )


def unknown_rows(plan: ParentPlan, lost: Mapping[str, str], now: datetime) -> Iterator[OrderRowUpdate]:
    """Yield the rows of children whose fate nobody knows, and of the order itself: nobody knows its fate then.

    Parameters
    ----------
    lost
        Why, by the id of the child.
    """
    if not lost:
        return
    yield _unknown_row(
        plan, plan.wanted.order_id, plan.wanted.offset, plan.wanted.volume, "; ".join(lost.values()), now
    )
    for child in plan.children:
        if is_part(child.order_id) and child.order_id in lost:
            yield _unknown_row(plan, child.order_id, child.offset, child.volume, lost[child.order_id], now)


def _unknown_row(
    plan: ParentPlan, order_id: str, offset: str, volume: int, reason: str, now: datetime
) -> OrderRowUpdate:
    return OrderRowUpdate(
        timestamp=now,
        **_of_wanted(plan.wanted),
        order_id=order_id,
        parent_order_id=plan.wanted.order_id if is_part(order_id) else None,
        offset=offset,
        volume_orign=volume,
        exchange_order_id="",
        status="UNKNOWN",
        volume_left=volume,
        filled_quantity=0,
        trade_price=None,
        insert_date_time=None,
        trading_day=plan.trading_day,
        reason=reason,
    )


def refusal(
    request: Malformed, digest: str, now: datetime, status: Literal["REJECTED", "CANCEL_REJECTED"] = "REJECTED"
) -> RequestAnswer:
    """Return the answer to a submit that makes no order, or to a cancel that cannot be meant; one for each body."""
    return RequestAnswer(
        timestamp=now,
        portfolio_id=request.portfolio_id,
        order_id=request.order_id,
        status=status,
        reason=request.reason,
        event_id=f"{request.order_id}:{status}:{digest}",
    )


def _of_wanted(wanted: Wanted) -> dict[str, Any]:
    return {
        "portfolio_id": wanted.portfolio_id,
        "symbol": wanted.symbol,
        "direction": wanted.direction,
        "limit_price": _float(wanted.limit_price),
    }


def _float(price: Decimal | None) -> float | None:
    return None if price is None else float(price)
