"""What the words of the OpenAPI mean in the kit's terms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import cast

from quant_platform_kit.adapters.documents import fill_price, number, optional_number, text, unknown_name
from quant_platform_kit.adapters.longbridge_inputs import plain_symbol
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, refuse_contradiction

from longbridge_app.beliefs import ORDER_STATES, SIDES
from longbridge_app.rows import FillRow, OrderRow

__all__ = ["checked", "checked_fill", "described", "order_of", "order_state", "report"]


def order_state(row: OrderRow) -> OrderState:
    """Return the state that a status stands for; an order of a status that is not known lives."""
    state = ORDER_STATES.get(str(row.status), OrderState.ACKNOWLEDGED)
    if str(row.status) not in ORDER_STATES:
        unknown_name("LongBridge's order status", row.status)
    if state is OrderState.ACKNOWLEDGED and row.executed_quantity:
        return OrderState.PARTIALLY_FILLED
    return OrderState.CANCELLED if state is OrderState.REJECTED and row.executed_quantity else state


def order_of(row: OrderRow) -> Order:
    """Return the order that a row describes, under its remark; one made by hand has LongBridge's id."""
    limit = None if row.order_type == "MO" else row.price
    reference = row.remark or f"longbridge-{row.order_id}"
    side = SIDES.get(str(row.side))
    if side is None:
        raise BrokerError(f"LongBridge's side of order {reference} is {row.side!r}, not Buy or Sell")
    return Order(reference, plain_symbol(text(row.symbol, "a symbol")), side, row.quantity, limit)


def report(row: OrderRow, fills: Sequence[FillRow], cost: Decimal) -> ExecutionReport:
    """Return where an order stands.

    Parameters
    ----------
    cost
        Commission and fees of the whole order so far, which LongBridge does not tell by execution: they stand with the
        first one.

    Raises
    ------
    NeedsOperator
        The executions contradict the row, of an order that is not made by hand.
    """
    try:
        return _report(row, fills, cost)
    except NeedsOperator:
        raise
    except BrokerError as error:
        if not row.remark:
            raise
        raise NeedsOperator(f"order {row.remark}: {error}") from error


def _report(row: OrderRow, fills: Sequence[FillRow], cost: Decimal) -> ExecutionReport:
    row, cost = checked(row), number(cost, "LongBridge's cost of an order")
    fills = [checked_fill(fill) for fill in fills]
    order, state = order_of(row), order_state(row)
    known = sorted(
        {fill.trade_id: fill for fill in fills if fill.quantity}.values(),
        key=lambda fill: (fill.trade_done_at, fill.trade_id),
    )
    filled = sum((fill.quantity for fill in known), Decimal(0))
    if state is OrderState.FILLED and filled < order.quantity:
        state = OrderState.PARTIALLY_FILLED if filled else OrderState.ACKNOWLEDGED
    if state is OrderState.PARTIALLY_FILLED and not filled:
        state = OrderState.ACKNOWLEDGED
    costs = [cost, *[Decimal(0)] * len(known)]
    identity, symbol, side = order.client_order_id, order.symbol, order.side
    made = tuple(
        Fill(identity, symbol, side, each.quantity, each.price, paid, each.trade_done_at, each.trade_id)
        for each, paid in zip(known, costs, strict=False)
    )
    rejected = state is OrderState.REJECTED
    answer = ExecutionReport(order, state, made, (row.msg or "rejected without a reason") if rejected else "")
    return refuse_contradiction(answer, row.executed_quantity) if row.remark else answer


def checked(row: OrderRow) -> OrderRow:
    """Return a row with its numbers as such; `BrokerError` for one that is none."""
    limit = None if row.order_type == "MO" else optional_number(row.price, "LongBridge's limit")
    return row._replace(
        quantity=number(row.quantity, "LongBridge's quantity"),
        executed_quantity=number(row.executed_quantity, "LongBridge's executed_quantity"),
        price=limit,
    )


def checked_fill(fill: FillRow) -> FillRow:
    """Return an execution with its numbers as such; `BrokerError` for one that cannot be counted."""
    units = number(fill.quantity, "the quantity of an execution")
    if units < 0:
        raise BrokerError(f"the quantity of an execution is {units}, not a number above zero")
    identity, at = text(fill.trade_id, "the id of an execution"), cast("object", fill.trade_done_at)
    if not isinstance(at, datetime):
        raise BrokerError(f"the time of execution {identity} is {at!r}, not an instant")
    return fill._replace(quantity=units, price=fill_price(fill.price), trade_id=identity)


def described(row: OrderRow) -> str:
    """Return an order in words, for an operator."""
    order = order_of(row)
    kind = "market" if order.limit_price is None else f"limit {order.limit_price}"
    return (
        f"{row.order_id} ({order.side.value} {row.quantity} {order.symbol} {kind}, {row.status}, "
        f"entered {row.submitted_at:%H:%M:%S} UTC)"
    )
