"""Sending and cancelling, in the thread that owns the TqApi."""

from __future__ import annotations

from collections.abc import Callable

from tq_broker_app.tq.reading import View
from tq_broker_app.trading.plans import Child, ParentPlan
from tq_broker_app.trading.venue_orders import VenueOrder

__all__ = ["answer_to", "cancel", "insert"]


def insert(view: View, plan: ParentPlan, child: Child, may_send: Callable[[], bool]) -> bool | None:
    """Send an order, unless the exchange knows its id; the last look is taken here, right before it leaves.

    Returns
    -------
    bool or None
        True if it left, False if the exchange knows it already, None if it may not be sent.
    """
    if view.knows(child.order_id):
        return False
    if not may_send() or plan.trading_day != view.present_day():
        return None
    wanted = plan.wanted
    view.api.insert_order(
        wanted.symbol,
        wanted.direction,
        child.offset,
        child.volume,
        None if wanted.limit_price is None else float(wanted.limit_price),
        order_id=child.order_id,
    )
    return True


def answer_to(view: View, order_id: str) -> VenueOrder | None:
    """Return an order that was sent, None until the exchange has taken or refused it."""
    return view.order(order_id) if view.answered(order_id) else None


def cancel(view: View, order_id: str) -> None:
    """Ask for the cancel of an order that is shown."""
    view.api.cancel_order(order_id)
