"""Working orders: ours, of a run that has ended, and foreign ones."""

from __future__ import annotations

from collections.abc import Iterator

from quant_platform_kit.domain.orders import ExecutionReport
from quant_platform_kit.domain.reconciliation import is_own_id
from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["order_lines"]


def order_lines(reading: Reading) -> Iterator[Line]:
    """Yield one line for each working order, or that there is none."""
    orders = reading.told.orders
    if orders is None:
        why = reading.failed.get("orders", "the broker does not tell them")
        yield Line("orders", State.BLOCKS, why, "try again; if it stays so, compare with the broker's own pages")
        return
    if not orders:
        yield Line("orders", State.GOOD, "none is working")
    for report in orders:
        yield _order(report)


def _order(report: ExecutionReport) -> Line:
    order = report.order
    what = f"{order.side.value} {order.quantity.normalize():f} {order.symbol} works at the broker"
    subject = f"order {order.client_order_id}"
    if is_own_id(order.client_order_id):
        return Line(subject, State.CAUTION, f"{what}; it is ours, and no run is open", "the next run settles it")
    return Line(subject, State.BLOCKS, f"{what} and is not ours: a run would block", "cancel it, or let it end")
