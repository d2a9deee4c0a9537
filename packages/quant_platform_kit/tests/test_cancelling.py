"""Working orders are cancelled at the broker, and nothing is recorded of it but the audit."""

from __future__ import annotations

import json
from collections.abc import Collection
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.domain.errors import BrokerError, OrderRejected, Refused
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.services.cancelling import cancel_open, cancel_order

from .lossy_account import World


class Desk:
    """A broker with working orders; some refuse to be cancelled, some break the line first."""

    account_id = "PAPER-DESK"

    def __init__(self, states: dict[str, OrderState], *, breaks: int = 0, rejects: Collection[str] = ()) -> None:
        self.states, self.breaks, self.rejects = states, breaks, set(rejects)
        self.logins = 0
        self.cancelled: list[str] = []

    def connect(self) -> None:
        """Log in."""
        self.logins += 1

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Say where an order stands."""
        state = self.states.get(client_order_id)
        return ExecutionReport(Order(client_order_id, "AAA", Side.BUY, Decimal(5)), state) if state else None

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return what works."""
        found = (self.find(name) for name, state in self.states.items() if not state.terminal)
        return tuple(report for report in found if report)

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
    return Desk(states, **changes)


def test_every_working_order_is_cancelled_and_no_other(world: World) -> None:
    broker = desk()
    assert [report.state for report in cancel_open(broker)] == [OrderState.CANCELLED, OrderState.CANCELLED]
    assert (broker.cancelled, broker.logins) == (["q1", "q2"], 1)
    assert cancel_open(broker) == []


def test_an_order_that_fills_before_its_cancel_is_reported_as_filled() -> None:
    assert [report.state for report in cancel_open(desk(rejects=["q1"]))] == [OrderState.FILLED, OrderState.CANCELLED]


def test_a_line_that_breaks_once_is_opened_again_and_twice_is_an_error() -> None:
    broker = desk(breaks=1)
    assert len(cancel_open(broker)) == 2
    assert broker.logins == 2
    with pytest.raises(BrokerError, match="the line broke"):
        cancel_open(desk(breaks=2))


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
