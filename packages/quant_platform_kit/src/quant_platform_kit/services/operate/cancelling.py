"""Cancelling working orders at the broker; the run that sent one, or its recovery, records the answer."""

from __future__ import annotations

from quant_platform_kit.domain.errors import BrokerError, OrderRejected, QuantError, Refused
from quant_platform_kit.domain.orders import ExecutionReport
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.recorded_run import recorded_run

__all__ = ["cancel_open", "cancel_order"]


def cancel_open(store: VersionedStore, broker: Broker) -> tuple[list[ExecutionReport], list[str]]:
    """Cancel every working order of an account over a new connection.

    Nothing is recorded: the run that sent an order, or its recovery, asks the broker and records the answer.

    Returns
    -------
    tuple
        Where each order stands, and what could not be cancelled and why: the others are cancelled all the same.

    Raises
    ------
    BrokerError
        The broker did not answer which orders work.
    """
    broker.connect()
    failed = _recognise(store, broker)
    cancelled: list[ExecutionReport] = []
    for working in broker.open_orders():
        order_id = working.order.client_order_id
        try:
            cancelled.append(_cancel(broker, order_id))
        except QuantError as error:
            failed.append(f"{order_id} was not cancelled: {error}")
    return cancelled, failed


def _recognise(store: VersionedStore, broker: Broker) -> list[str]:
    """Look for the orders of the open run by name; return what is wrong with them.

    A broker that knows no client order id learns by this whose an order is, if nobody has asked since it was sent.
    """
    failed: list[str] = []
    state = read_lease(store, broker.account_id)
    run = recorded_run(store, broker.account_id, state.open_run) if state and state.open_run else None
    for record in run.records.values() if run else ():
        if record.first_sent is None or record.state.terminal:
            continue
        try:
            broker.find(record.order.client_order_id)
        except QuantError as error:
            failed.append(f"{record.order.client_order_id}: {error}")
    return failed


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
    found = broker.find(order_id)
    if found is None or found.state.terminal:
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
