"""Cancelling working orders at the broker; the run that sent one, or its recovery, records the answer."""

from __future__ import annotations

from quant_platform_kit.domain.errors import BrokerError, OrderRejected, Refused
from quant_platform_kit.domain.orders import ExecutionReport
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.services.audit import Operator

__all__ = ["cancel_open", "cancel_order"]


def cancel_open(broker: Broker) -> list[ExecutionReport]:
    """Cancel every working order of an account over a new connection; return where each stands.

    Nothing is recorded: the run that sent an order, or its recovery, asks the broker and records the answer.

    Raises
    ------
    BrokerError
        The broker did not answer, twice.
    """
    broker.connect()
    return [_cancel(broker, report.order.client_order_id) for report in broker.open_orders()]


def cancel_order(operator: Operator, broker: Broker, order_id: str, reason: str) -> ExecutionReport:
    """Cancel one working order over a new connection; return where it stands.

    Raises
    ------
    Refused
        The broker does not know the order, or it works no more.
    BrokerError
        The broker did not answer.
    """
    broker.connect()
    if order_id not in {report.order.client_order_id for report in broker.open_orders()}:
        found = broker.find(order_id)
        stands = f"is {found.state.value}" if found else "is not known to the broker"
        raise Refused(f"order {order_id} {stands}: there is nothing to cancel")
    operator.audit("cancel", reason, account=broker.account_id, order=order_id)
    return _cancel(broker, order_id)


def _cancel(broker: Broker, order_id: str) -> ExecutionReport:
    """Cancel, over a new connection if the first one breaks; a cancel may be repeated."""
    try:
        return broker.cancel(order_id)
    except OrderRejected:
        found = broker.find(order_id)
        if found is None:
            raise
        return found
    except BrokerError:
        broker.connect()
        return broker.cancel(order_id)
