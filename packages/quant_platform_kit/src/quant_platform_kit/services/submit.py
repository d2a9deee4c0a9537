"""Sending recorded orders: the only place from which an order reaches a broker."""

from __future__ import annotations

from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.services.ledger import RunLedger

__all__ = ["submit"]


def submit(order: Order, broker: Broker, ledger: RunLedger) -> ExecutionReport:
    """Send one recorded order, or learn what became of it when it was sent before.

    The intent to send is durable before the broker hears of the order; an order that may have been sent is looked up
    first, and sent again, under the same id, only when the broker does not know it.
    """
    known = ledger.execution(order.client_order_id)
    if known is not None and known.state.terminal:
        return known
    first = ledger.mark_sent(order.client_order_id)
    execution = None if first else broker.find(order.client_order_id)
    if execution is None:
        execution = _send(order, broker)
    ledger.record(execution)
    return execution


def _send(order: Order, broker: Broker) -> ExecutionReport:
    try:
        return broker.submit(order)
    except OrderRejected as error:
        return ExecutionReport(order, OrderState.REJECTED, (), str(error))
