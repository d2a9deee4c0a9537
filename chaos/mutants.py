"""Deliberate defects: a campaign that does not catch each of them proves nothing."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from alpaca_app import broker as alpaca
from ibkr_app import connection, order_ids
from longbridge_app import worker
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import BrokerError, OrderRejected
from quant_platform_kit.domain.orders import ExecutionReport, OrderState
from quant_platform_kit.domain.runs import RunPlan
from quant_platform_kit.services.record import leases, ledger, sent_orders
from quant_platform_kit.services.run import execution, gateway
from schwab_app import intents

__all__ = ["MUTANTS"]


def send_before_record() -> None:
    """Send first and write down afterwards, in the kit and in the adapters: a crash in between forgets the order.

    At LongBridge its request id is forgotten too, by which the broker itself would know it.
    """
    late: list[Callable[[], object]] = []
    written = sent_orders.SentOrders.record

    def record(self: Any, client_order_id: str, value: Any, name: str | None = None) -> bool:
        if self._store.get(f"{self._root}/{name or client_order_id}") is not None:
            return False
        self._known[client_order_id] = value
        late.append(lambda: written(self, client_order_id, value, name))
        return True

    def write_down() -> None:
        while late:
            late.pop()()

    def send(self: Any, record: Any) -> Any:
        try:
            answer = self.broker.submit(record.order)
        except OrderRejected as error:
            answer = ExecutionReport(record.order, OrderState.REJECTED, (), str(error))
        except BrokerError:
            write_down()
            raise
        self.reached(Boundary.ORDER_SENT)
        write_down()
        record = self.ledger.record(record, self.step(OrderState.SENT))
        self.reached(Boundary.SENT_RECORDED)
        return self.answer(record, answer)

    gateway.Gateway.send = send
    sent_orders.SentOrders.record = record
    new_request_id()


def resend_unknown() -> None:
    """After silence send again without asking, neither in the kit nor in an adapter that knows what it sent."""

    def lost(self: Any, record: Any, quotes: Any) -> bool:
        return True

    def reserve(self: Any, account_id: str, order: Any, least: int) -> Any:
        return order_ids.Reserved(self._take(least), account_id, order)

    def record(self: Any, intent: Any) -> bool:
        remember(self, intent)
        return True

    remember = intents.Intents.record
    execution.Execution._lost = lost
    order_ids.OrderIds.known = lambda self, client_order_id: None
    order_ids.OrderIds.reserve = reserve
    intents.Intents.of_today = lambda self, order, now: (None, [])
    intents.Intents.record = record


def no_lease() -> None:
    """Let every worker take the account at once and believe that it has it."""
    setattr(leases, "_check_free", lambda known, remaining: None)  # noqa: B010  a defect, on purpose
    leases.AccountLease.require = lambda self, needed: None
    leases.AccountLease._hold = lambda self: None


def replan_on_resume() -> None:
    """Forget the recorded plan when a run is resumed, and make a new one with orders of its own."""
    find = ledger.RunLedger.plan
    ledger.RunLedger.plan = lambda self: None

    def commit_plan(self: Any, plan: Any) -> Any:
        if find(self) is None:
            return self._once("plan", plan, RunPlan)
        stamp = f"{plan.committed_at.timestamp():.6f}"[-8:]
        lines = tuple(
            replace(line, order=replace(line.order, client_order_id=f"{line.order.client_order_id}-{stamp}"))
            if line.order
            else line
            for line in plan.plan.lines
        )
        return replace(plan, plan=replace(plan.plan, lines=lines))

    ledger.RunLedger.commit_plan = commit_plan


def new_client_id() -> None:
    """Log in at Interactive Brokers under another client id every time: the same order id is then another order."""
    original = connection.Connection.connect

    def connect(self: Any) -> None:
        self.address = replace(self.address, client_id=100 + int.from_bytes(os.urandom(2), "big") % 900)
        original(self)

    connection.Connection.connect = connect


NEW_REQUEST_ID = """
import uuid
from functools import cached_property
from longbridge_app.session import Session

class Trade:
    def __init__(self, made):
        self.made = made
    def submit_order(self, **order):
        return self.made.submit_order(**{**order, "client_request_id": uuid.uuid4().hex})
    def __getattr__(self, name):
        return getattr(self.made, name)

made = Session._trade.func
Session._trade = cached_property(lambda self: Trade(made(self)))
Session._trade.__set_name__(Session, "_trade")
"""


def new_request_id() -> None:
    """Send every order to LongBridge under another request id: one that is sent again is then another order."""
    worker.CODE = NEW_REQUEST_ID + worker.CODE


def taken_id_refused() -> None:
    """Take Alpaca's answer that an order has the id for a refusal of the order."""
    setattr(alpaca, "_is_taken", lambda refusal: False)  # noqa: B010  a defect, on purpose


MUTANTS: dict[str, Callable[[], None]] = {
    "send-before-record": send_before_record,
    "resend-unknown": resend_unknown,
    "no-lease": no_lease,
    "replan-on-resume": replan_on_resume,
    "new-client-id": new_client_id,
    "new-request-id": new_request_id,
    "taken-id-refused": taken_id_refused,
}
