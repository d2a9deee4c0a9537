"""`tq-broker resolve`: what a person saw goes to the ledger, and by way of the handler to ``order_history``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.orders import ExecutionReport, OrderState
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.services.operate.audit import audit_entries
from quant_platform_kit.services.operate.owners import require_ownership
from tq_broker_app.bus.ports import Queue
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.database.engine import open_engine
from tq_broker_app.database.reading import rows_of
from tq_broker_app.messages import OrderRowUpdate
from tq_broker_app.record.order_book import OrderBook
from tq_broker_app.roles.reporting import child_row, unknown_rows
from tq_broker_app.trading.plans import Child, ParentPlan, Wanted
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

from .conftest import Deploy, Deployment

AT = datetime(2026, 11, 30, 2, tzinfo=UTC)
DAY = "20261130"
ACCOUNT = "DUSBX000001"
NOTE = "it is not shown, and it may be one of SERVER.7.1.2, SERVER.8.1.2"
SAW = ("--reason", "the company's own program")


@dataclass
class Desk:
    """A deployment with its handler at work, and orders in its ledger."""

    deployment: Deployment

    def __post_init__(self) -> None:
        self.store = open_store(self.deployment.settings.database.ledger_url)
        require_ownership(self.store, ACCOUNT, "tq-broker")
        self.book = OrderBook(self.store, ACCOUNT)

    def plan(self, order_id: str, *children: Child, volume: int = 3, offset: str = "OPEN") -> ParentPlan:
        wanted = Wanted(order_id, self.deployment.portfolio, "SHFE.rb2510", "BUY", offset, volume, Decimal("3500"))
        return self.book.record(ParentPlan(wanted, ACCOUNT, DAY, children or (Child(order_id, offset, volume),), AT))

    def steps(self, plan: ParentPlan, child: Child, *states: OrderState) -> None:
        record = OrderRecord(plan.order(child))
        for state in states:
            note = NOTE if state is OrderState.UNKNOWN else ""
            answer = ExecutionReport(record.order, state) if state is OrderState.ACKNOWLEDGED else None
            record = self.book.steps(DAY).record(record, Transition(state, 1, AT, answer, note))

    def unknown(self, order_id: str, volume: int = 3) -> ParentPlan:
        """Return an order of one child whose end nobody knows; ``order_history`` says so."""
        plan = self.plan(order_id, volume=volume)
        self.steps(plan, plan.children[0], OrderState.SENT, OrderState.UNKNOWN)
        self.tell(next(unknown_rows(plan, {plan.children[0].order_id: NOTE}, AT)))
        self.row(order_id, status="UNKNOWN")
        return plan

    def tell(self, *messages: OrderRowUpdate) -> None:
        async def publish(bus: RabbitBus) -> None:
            for message in messages:
                await bus.publish(Queue.ORDERS, message.model_dump_json().encode())

        asyncio.run(self.deployment.with_bus(publish))

    def row(self, order_id: str, **wanted: Any) -> Mapping[str, Any]:
        """Return a row of ``order_history`` once it is as it should be."""
        engine, deadline = open_engine(self.deployment.settings.database.url), time.monotonic() + 20
        try:
            while True:
                row = rows_of(engine, [order_id]).get(order_id, {})
                if row and all(row[name] == value for name, value in wanted.items()):
                    return row
                assert time.monotonic() < deadline, (row, wanted)
                time.sleep(0.02)
        finally:
            engine.dispose()

    def events(self, order_id: str) -> Sequence[str]:
        engine = open_engine(self.deployment.settings.database.url)
        try:
            with engine.connect() as connection:
                words = f"SELECT status FROM order_event WHERE order_id = '{order_id}' ORDER BY id"
                return [row[0] for row in connection.exec_driver_sql(words)]
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def deployed(deploy: Deploy) -> Deployment:
    return deploy()


@pytest.fixture
def desk(deployed: Deployment) -> Desk:
    if not deployed.site.servers:
        deployed.site.start(["order-handler"])
    return Desk(deployed)


def name(desk: Desk, text: str) -> str:
    """Return an order id that no other test has used."""
    return f"{text}-{uuid4().hex[:8]}"


def listed(desk: Desk, *order_ids: str) -> list[dict[str, Any]]:
    """Return what `tq-broker resolve` lists of some orders."""
    return [each for each in desk.deployment.told("resolve") if each["order_id"] in order_ids]


def test_the_list_names_what_waits_and_what_it_may_be(desk: Desk) -> None:
    first, second, third = name(desk, "a"), name(desk, "b"), name(desk, "c")
    desk.unknown(first)
    sent = desk.plan(second)
    desk.steps(sent, sent.children[0], OrderState.SENT)
    done = desk.plan(third)
    desk.steps(done, done.children[0], OrderState.SENT, OrderState.ACKNOWLEDGED)
    found = listed(desk, first, second, third)
    assert [(each["order_id"], each["state"]) for each in found] == [(first, "UNKNOWN"), (second, "SENT")]
    assert found[0]["candidates"] == ["SERVER.7.1.2", "SERVER.8.1.2"]
    assert found[0]["note"] == NOTE
    shown = desk.deployment.run("resolve").stdout
    assert first in shown
    assert "BUY OPEN 3 SHFE.rb2510 at 3500" in shown


def test_nobody_waits(deploy: Deploy) -> None:
    deployment = deploy()
    assert deployment.told("resolve") == []
    assert "nobody waits" in deployment.run("resolve").stdout


def test_an_order_that_has_filled(desk: Desk) -> None:
    order = name(desk, "filled")
    desk.unknown(order)
    told = desk.deployment.told("resolve", order, "--filled", "3", "--price", "3499.5", "--who", "Li", *SAW)
    assert (told["changed"], told["final"]) == (True, True)
    row = desk.row(order, status="FINISHED")
    assert (row["filled_quantity"], row["volume_left"], row["trade_price"]) == (3, 0, Decimal("3499.5"))
    assert "resolved by Li: the company's own program" in row["reason"]
    assert desk.events(order) == ["UNKNOWN", "COMPLETE_FILL"]
    assert listed(desk, order) == []
    (entry,) = [each for each in audit_entries(desk.store) if each.arguments.get("order") == order]
    assert (entry.who, entry.command, entry.why) == ("Li", "resolve", "the company's own program")
    (record,) = desk.book.children(desk.book.plan(order) or pytest.fail("no plan")).values()
    assert (record.state, record.filled) == (OrderState.FILLED, 3)


@pytest.mark.parametrize(("filled", "left"), [(0, 3), (1, 2)])
def test_an_order_that_has_not_filled_is_cancelled(desk: Desk, filled: int, left: int) -> None:
    order = name(desk, "cancelled")
    desk.unknown(order)
    price = ("--price", "3500") if filled else ()
    desk.deployment.told("resolve", order, "--filled", str(filled), *price, *SAW)
    row = desk.row(order, status="FINISHED")
    assert (row["filled_quantity"], row["volume_left"]) == (filled, left)
    assert desk.events(order) == ["UNKNOWN", "CANCELLED"]


def test_the_same_again_tells_it_again_and_another_thing_is_refused(desk: Desk) -> None:
    order = name(desk, "again")
    desk.unknown(order)
    words = ("resolve", order, "--filled", "3", "--price", "3499", *SAW)
    desk.deployment.told(*words)
    desk.row(order, status="FINISHED")
    assert desk.deployment.told(*words)["changed"] is False
    ended = desk.deployment.run("resolve", order, "--filled", "0", *SAW)
    assert ended.returncode == 1
    assert desk.events(order) == ["UNKNOWN", "COMPLETE_FILL"]


def test_parts_are_settled_one_by_one(desk: Desk) -> None:
    order = name(desk, "parts")
    today, history = Child(f"{order}_closetoday", "CLOSETODAY", 1), Child(f"{order}_close", "CLOSE", 2)
    plan = desk.plan(order, today, history, offset="CLOSE")
    desk.steps(plan, today, OrderState.SENT, OrderState.UNKNOWN)
    desk.steps(plan, history, OrderState.SENT, OrderState.ACKNOWLEDGED)
    ended = desk.deployment.run("resolve", order, "--filled", "1", "--price", "3490", *SAW)
    assert ended.returncode == 1
    assert today.order_id in ended.stderr
    words = ("resolve", today.order_id, "--filled", "1", "--price", "3490", *SAW)
    assert desk.deployment.told(*words)["final"] is False
    assert desk.row(today.order_id, status="FINISHED")["filled_quantity"] == 1
    shown = VenueOrder(history.order_id, "X1", "SHFE.rb2510", "BUY", "CLOSE", 2, 0, None, False, False, "", 0)
    trades = [VenueTrade("t", history.order_id, 2, Decimal("3496"))]
    desk.tell(child_row(plan, history, shown, trades, {}, AT))
    desk.row(history.order_id, status="FINISHED")
    again = desk.deployment.told(*words)
    assert (again["changed"], again["final"]) == (False, True)
    row = desk.row(order, status="FINISHED")
    assert (row["filled_quantity"], row["trade_price"]) == (3, Decimal("3494"))
    assert desk.events(order) == ["COMPLETE_FILL"]


def test_what_is_not_unknown_is_refused(desk: Desk) -> None:
    order = name(desk, "alive")
    plan = desk.plan(order)
    desk.steps(plan, plan.children[0], OrderState.SENT, OrderState.ACKNOWLEDGED)
    ended = desk.deployment.run("resolve", order, "--filled", "0", *SAW)
    assert ended.returncode == 1
    assert "is ACKNOWLEDGED, not UNKNOWN" in ended.stderr
    ended = desk.deployment.run("resolve", name(desk, "nobody"), "--filled", "0", *SAW)
    assert ended.returncode == 1
    assert "has no such order" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_an_order_that_a_later_login_does_not_show_is_settled_too(desk: Desk) -> None:
    """The exchange had it on an earlier trading day; only ``order_history`` says that its end is not known."""
    order = name(desk, "lost")
    plan = desk.plan(order)
    desk.steps(plan, plan.children[0], OrderState.SENT, OrderState.ACKNOWLEDGED)
    desk.tell(next(unknown_rows(plan, {plan.children[0].order_id: "the login does not show it"}, AT)))
    desk.row(order, status="UNKNOWN")
    (found,) = listed(desk, order)
    assert (found["order_id"], found["state"], found["ledger"]) == (order, "UNKNOWN", "ACKNOWLEDGED")
    desk.deployment.told("resolve", order, "--filled", "2", "--price", "3500", *SAW)
    assert desk.row(order, status="FINISHED")["filled_quantity"] == 2
    assert listed(desk, order) == []


def test_figures_that_do_not_fit_change_nothing(desk: Desk) -> None:
    order = name(desk, "figures")
    desk.unknown(order)
    ended = desk.deployment.run("resolve", order, "--filled", "4", "--price", "3500", *SAW)
    assert ended.returncode == 1
    assert "was for 3 lots" in ended.stderr
    assert listed(desk, order)[0]["state"] == "UNKNOWN"
