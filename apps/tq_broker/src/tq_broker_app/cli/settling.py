"""What is told of an order that a person has settled: the messages that make ``order_history`` final."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from quant_platform_kit.domain.runs import OrderRecord

from tq_broker_app.messages import OrderRowUpdate, OrderUpdate
from tq_broker_app.record.resolving import Known, Waiting, progress_after
from tq_broker_app.roles.reporting import child_row, order_update
from tq_broker_app.trading.plans import is_part
from tq_broker_app.trading.progress import ChildEnd

__all__ = ["known_of", "messages_of", "price_text"]


def known_of(row: Mapping[str, Any] | None) -> Known | None:
    """Return what a row of ``order_history`` says of fills."""
    if row is None:
        return None
    return Known(row["status"], row["filled_quantity"] or 0, row["trade_price"], row["exchange_order_id"] or "")


def messages_of(
    settled: Waiting, records: Mapping[str, OrderRecord], rows: Mapping[str, Mapping[str, Any]], now: datetime
) -> list[OrderRowUpdate | OrderUpdate]:
    """Return the row of a part, and the last event of the order, if the ends of all its parts are known."""
    told: list[OrderRowUpdate | OrderUpdate] = []
    plan, child, record = settled.plan, settled.child, settled.record
    if is_part(child.order_id):
        fills = record.execution.fills if record.execution else ()
        end = ChildEnd(record.state, settled.note, tuple((int(fill.quantity), fill.price) for fill in fills))
        told.append(child_row(plan, child, None, (), {child.order_id: end}, now))
    known = {name: found for name, row in rows.items() if (found := known_of(row)) is not None}
    if (progress := progress_after(settled, records, known)) is not None:
        told.append(order_update(plan, progress, now))
    return told


def price_text(price: Decimal | None) -> str:
    """Return a price without zeros at its end."""
    return "-" if price is None else f"{price.normalize():f}"
