"""Working orders are cancelled at the broker, and nothing is recorded of it but the audit."""

from __future__ import annotations

import json
from collections.abc import Collection
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator, OrderRejected, Refused
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.services.operate.cancelling import cancel_open, cancel_order
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.recorded_run import recorded_run

from ...lossy_account import World


class Desk:
    """A broker with working orders; some refuse to be cancelled, some break the line first."""

    account_id = "PAPER-DESK"

    def __init__(
        self,
        states: dict[str, OrderState],
        *,
        breaks: int = 0,
        rejects: Collection[str] = (),
        ambiguous: bool = False,
    ) -> None:
        self.states, self.breaks, self.rejects, self.ambiguous = states, breaks, set(rejects), ambiguous
        self.anonymous: set[str] = set()
        self.logins = 0
        self.cancelled: list[str] = []

    def connect(self) -> None:
        """Log in."""
        self.logins += 1

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Say where an order stands, and know from now on whose it is."""
        state = self.states.get(client_order_id)
        if state is None and self.ambiguous:
            raise NeedsOperator("may be any of these: 7, 8")
        self.anonymous.discard(client_order_id)
        return self._report(client_order_id, state) if state else None

    def _report(self, order_id: str, state: OrderState) -> ExecutionReport:
        return ExecutionReport(Order(order_id, "AAA", Side.BUY, Decimal(5)), state)

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return what works."""
        known = (name for name, state in self.states.items() if not state.terminal)
        return tuple(
            self._report(f"desk-{name}" if name in self.anonymous else name, self.states[name]) for name in known
        )

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel, or not."""
        if self.breaks:
            self.breaks -= 1
            raise BrokerError("the line broke")
        if client_order_id in self.rejects:
            self.states[client_order_id] = OrderState.FILLED
            raise OrderRejected("too late")
        self.cancelled.append(client_order_id)
        self.states[client_order_id] = OrderState.CANCELLED
        found = self.find(client_order_id)
        assert found is not None
        return found


def desk(**changes: Any) -> Any:
    states = {"q1": OrderState.ACKNOWLEDGED, "q2": OrderState.PARTIALLY_FILLED, "q3": OrderState.FILLED}
    return Desk(**{"states": states, **changes})


def test_every_working_order_is_cancelled_and_no_other(world: World) -> None:
    broker = desk()
    cancelled, failed = cancel_open(world.store, broker)
    assert ([report.state for report in cancelled], failed) == ([OrderState.CANCELLED, OrderState.CANCELLED], [])
    assert (broker.cancelled, broker.logins) == (["q1", "q2"], 1)
    assert cancel_open(world.store, broker) == ([], [])


def test_an_order_that_fills_before_its_cancel_is_reported_as_filled(world: World) -> None:
    cancelled, _ = cancel_open(world.store, desk(rejects=["q1"]))
    assert [report.state for report in cancelled] == [OrderState.FILLED, OrderState.CANCELLED]


def test_a_line_that_breaks_once_is_opened_again(world: World) -> None:
    broker = desk(breaks=1)
    assert len(cancel_open(world.store, broker)[0]) == 2
    assert broker.logins == 2


def test_an_order_that_cannot_be_cancelled_is_named_and_the_others_are_cancelled(world: World) -> None:
    broker = desk(breaks=2)
    cancelled, failed = cancel_open(world.store, broker)
    assert failed == ["q1 was not cancelled: the line broke"]
    assert [(report.order.client_order_id, report.state) for report in cancelled] == [("q2", OrderState.CANCELLED)]


def test_orders_that_the_open_run_sent_are_asked_for_by_name_first(world: World) -> None:
    """A broker that knows no client order id learns by that whose an order is."""
    world.die(Boundary.ORDER_SENT)
    state = read_lease(world.store, world.account_id)
    assert state is not None
    assert state.open_run is not None
    run = recorded_run(world.store, world.account_id, state.open_run)
    assert run is not None
    (sent,) = [name for name, record in run.records.items() if record.first_sent is not None]
    broker = desk(states={sent: OrderState.ACKNOWLEDGED})
    broker.account_id, broker.anonymous = world.account_id, {sent}
    cancelled, failed = cancel_open(world.store, broker)
    assert [(report.order.client_order_id, report.state) for report in cancelled] == [(sent, OrderState.CANCELLED)]
    assert failed == []


def test_an_order_of_the_open_run_that_a_person_has_to_find_is_named(world: World) -> None:
    world.die(Boundary.ORDER_SENT)
    broker = desk(ambiguous=True)
    broker.account_id = world.account_id
    cancelled, (problem,) = cancel_open(world.store, broker)
    assert problem.endswith(": may be any of these: 7, 8")
    assert len(cancelled) == 2


def test_one_working_order_is_cancelled_audited_and_nothing_else_is_recorded(world: World) -> None:
    broker = desk()
    assert cancel_order(world.operator, broker, "q2", "too large").state is OrderState.CANCELLED
    assert broker.cancelled == ["q2"]
    (key,) = world.store.keys("")
    stored = world.store.get(key)
    assert stored is not None
    entry = json.loads(stored.data)
    assert (entry["command"], entry["why"]) == ("cancel", "too large")
    assert entry["arguments"] == {"account": "PAPER-DESK", "order": "q2"}


def test_an_order_that_does_not_work_is_not_cancelled(world: World) -> None:
    broker = desk()
    for order, words in (("q3", "order q3 is FILLED"), ("q9", "order q9 is not known to the broker")):
        with pytest.raises(Refused, match=f"{words}.*: there is nothing to cancel"):
            cancel_order(world.operator, broker, order, "too large")
    assert (broker.cancelled, world.store.keys("")) == ([], [])
