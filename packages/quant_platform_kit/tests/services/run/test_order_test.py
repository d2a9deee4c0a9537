"""An order test sends five orders that cannot fill; however it is stopped, nothing is sent again or left working."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.errors import BrokerError, Refused
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.services.operate.assumptions import Verdict, verdicts
from quant_platform_kit.services.run.order_test import BELOW, ORDERS, Tried, order_test
from quant_platform_kit.services.run.request import RunPorts, RunRequest

from ...exactly_once import ACCOUNT, CALENDAR, Desk, Killed, Way, World, switch
from .test_carry import DEC1, market, monthly

CLIENT = Client("ibkr", "ib_async", "2.1.0")
WINDOW = timedelta(seconds=30)
TRAITS = BrokerTraits(visibility_window=WINDOW)
NOON = datetime(2023, 12, 1, 17, tzinfo=UTC)
SENDING = (Boundary.SENT_RECORDED, Boundary.ORDER_SENT)


class Resting(Desk):
    """A broker at which every order rests, and that takes a reference again if it is told to."""

    def _arrive(self, entry: Any) -> None:
        filled = entry.way is Way.HALF
        entry.report = ExecutionReport(entry.order, OrderState.ACKNOWLEDGED)
        if filled:
            self._fill(entry, entry.order.quantity, OrderState.FILLED)

    def send_again(self, order: Order) -> None:
        self.submit(order)

    def cancel_every(self, symbol: str) -> int:
        self._move_on()
        working = [e for e in self.entries if e.report and not e.report.state.terminal and e.order.symbol == symbol]
        for entry in working:
            assert entry.report is not None
            entry.report = replace(entry.report, state=OrderState.CANCELLED)
        return len(working)


@pytest.fixture
def world() -> World:
    made = World(market(), monthly())
    made.desk = Resting(made.clock, made.market, made.desk.book, made.policy.rules, TRAITS)
    made.clock.instant = NOON
    return made


def try_orders(world: World, mode: Mode = Mode.PAPER, symbol: str = "BBB") -> Tried:
    ports = RunPorts(
        world.desk, world.market, world.store, world.reports, world.clock, CALENDAR, lambda each: world.reached(each)
    )
    key = RunKey.of_order_test(ACCOUNT, DEC1, world.clock.now(), mode)
    return order_test(RunRequest(world.strategy, key, client=CLIENT), symbol, ports, world.policy, world.terms)


def working(world: World) -> list[Order]:
    return [report.order for report in world.desk.open_orders()]


def recover(world: World) -> RunReport:
    """Let the account's next run come, a quarter of an hour later; return the report of the test."""
    world.clock.sleep(900)
    sent = len(world.desk.received)
    run = world.run_now(DEC1, "next", Mode.DRY_RUN)
    assert run.outcome in (Outcome.NO_ACTION, Outcome.COMPLETED)
    assert len(world.desk.received) == sent, "recovery sends nothing"
    assert working(world) == []
    return next(report for report in world.reports.all() if report.key.is_order_test)


def test_five_orders_of_one_unit_far_below_the_market_are_sent_seen_and_cancelled(world: World) -> None:
    found = try_orders(world)
    assert (found.report.outcome, len(found.report.orders)) == (Outcome.NO_ACTION, ORDERS)
    assert {order.state for order in found.report.orders} == {OrderState.CANCELLED}
    assert {(o.symbol, o.side, o.quantity, o.limit_price) for o in world.desk.received} == {
        ("BBB", Side.BUY, Decimal(1), Decimal(50) * (1 - BELOW))
    }
    assert len(world.desk.received) == ORDERS + 1, "the last reference once more"
    assert (working(world), world.held) == ([], {})
    assert verdicts(world.store, ACCOUNT) == dict.fromkeys(
        ("cancel-ends", "found-after-login", "reference-once", "shown-in-window"), Verdict.HELD
    )
    assert found.settle_seconds == WINDOW.total_seconds(), "never below the default"
    assert world.lease().open_run is None


def test_the_run_that_follows_decides_as_if_there_had_been_no_test(world: World) -> None:
    try_orders(world)
    report = world.run(DEC1, mode=Mode.DRY_RUN)
    assert (report.outcome, report.findings, report.plan is None) == (Outcome.COMPLETED, (), False)


def test_three_times_the_longest_wait_is_proposed(world: World) -> None:
    world.desk.delay = timedelta(seconds=21)
    world.desk.traits = replace(TRAITS, timeout=timedelta(seconds=5))
    world.desk.ways = {"BBB": [Way.FILL, Way.DELAY]}
    found = try_orders(world)
    assert 21 <= max(found.shown_after) <= 23
    assert 63 <= (found.settle_seconds or 0) <= 69


def test_an_order_that_is_shown_after_the_window_refutes_it(world: World) -> None:
    world.desk.delay = timedelta(seconds=45)
    world.desk.ways = {"BBB": [Way.DELAY]}
    try_orders(world)
    assert verdicts(world.store, ACCOUNT)["shown-in-window"] is Verdict.REFUTED


def test_a_broker_that_takes_a_reference_twice_is_told_apart_and_both_are_cancelled(world: World) -> None:
    world.desk.dedupe = False
    try_orders(world)
    assert working(world) == []
    assert len(world.desk.entries) == ORDERS + 1
    assert verdicts(world.store, ACCOUNT)["reference-once"] is Verdict.REFUTED
    switch(world.store, ACCOUNT, allow=True)
    live = world.run_now(DEC1, "live", Mode.LIVE, client=CLIENT)
    assert live.outcome is Outcome.BLOCKED
    assert any("a test refuted reference-once" in reason for reason in live.reasons)


def test_a_broker_that_is_never_sent_anything_again_is_not_by_a_test_either(world: World) -> None:
    world.desk.traits = replace(TRAITS, after_silence=AfterSilence.BLOCK)
    try_orders(world)
    assert len(world.desk.received) == ORDERS
    assert "reference-once" not in verdicts(world.store, ACCOUNT)


def test_a_fill_is_a_holding_that_no_strategy_owns(world: World) -> None:
    world.desk.ways = {"BBB": [Way.HALF]}
    found = try_orders(world)
    assert found.report.bought_by == {}
    assert "1 BBB were filled: a holding that no strategy owns" in found.report.reasons[-1]
    assert world.held == {"BBB": Decimal(1)}


@pytest.mark.parametrize("way", [Way.LOST, Way.DROP, Way.DELAY])
@pytest.mark.parametrize("place", range(ORDERS))
def test_an_order_without_an_answer_is_looked_up_and_cancelled(world: World, way: Way, place: int) -> None:
    world.desk.ways = {"BBB": [*[Way.FILL] * place, way]}
    found = try_orders(world)
    assert working(world) == []
    assert found.report.outcome in (Outcome.NO_ACTION, Outcome.INCOMPLETE)
    assert max(world.desk.sent.values()) <= ORDERS + 1


@pytest.mark.parametrize("dedupe", [True, False])
@pytest.mark.parametrize(
    ("boundary", "occurrence"),
    [
        *((boundary, 1) for boundary in (Boundary.CONNECTED, Boundary.CLAIMED, Boundary.PLAN_COMMITTED)),
        *((boundary, n) for boundary in SENDING for n in (1, 3, ORDERS, ORDERS + 1)),
        (Boundary.ANSWER_RECORDED, 1),
        (Boundary.ANSWER_RECORDED, 2 * ORDERS),
        (Boundary.REPORT_PUBLISHED, 1),
    ],
)
def test_a_test_that_is_killed_leaves_nothing_working(
    world: World, boundary: Boundary, occurrence: int, dedupe: bool
) -> None:
    world.desk.dedupe = dedupe
    with world.dying(boundary, occurrence):
        try_orders(world)
    if boundary is Boundary.CONNECTED:
        world.clock.sleep(900)
        world.run_now(DEC1, "next", Mode.DRY_RUN)
        assert world.desk.received == []
        return
    report = recover(world)
    assert all(order.state is OrderState.CANCELLED for order in report.orders)
    assert world.lease().open_run is None


def test_an_order_that_arrives_after_its_sender_died_is_cancelled_too(world: World) -> None:
    """It is accepted ten seconds after the login of the run that recovers the test: within the window."""
    world.desk.ways = {"BBB": [Way.DELAY]}
    world.desk.delay = TRAITS.timeout + timedelta(seconds=910)
    world.desk.on_submit = lambda order: setattr(world.desk, "connect", die)

    def die() -> None:
        world.store.down = world.report_store.down = True
        raise Killed

    with pytest.raises(Killed):
        try_orders(world)
    world.store.down = world.report_store.down = False
    del world.desk.connect  # the one of the class
    assert [order.state for order in recover(world).orders] == [OrderState.CANCELLED]
    assert [entry.report.state for entry in world.desk.entries if entry.report] == [OrderState.CANCELLED]


# --- refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("dry run", "mode dry_run sends nothing"),
        ("halted", "halted: all"),
        ("not allowed", "is not on the allow-list"),
        ("never met", "was never met"),
        ("open run", "is open: run the service once more"),
        ("closed", "XNYS is closed"),
        ("no price", "there is no price of ZZZ"),
        ("poor", "one unit needs 42.50"),
        ("works already", "an order of BBB works on the account"),
    ],
)
def test_what_forbids_a_test_is_said_and_nothing_is_sent(world: World, case: str, words: str) -> None:
    mode = {"dry run": Mode.DRY_RUN, "not allowed": Mode.LIVE, "never met": Mode.LIVE}.get(case, Mode.PAPER)
    if case == "halted":
        switch(world.store, "all")
    elif case == "never met":
        switch(world.store, ACCOUNT, allow=True)
    elif case == "open run":
        with world.dying(Boundary.CLAIMED):
            world.run_now(DEC1)
        world.clock.sleep(600)
    elif case == "closed":
        world.clock.instant = NOON.replace(hour=23)
    elif case == "poor":
        world.desk.book.cash = Decimal(10)
    elif case == "works already":
        order = Order("by hand", "BBB", Side.BUY, Decimal(1), Decimal(1))
        world.desk.foreign.append(ExecutionReport(order, OrderState.ACKNOWLEDGED))
    with pytest.raises(Refused, match=words):
        try_orders(world, mode, "ZZZ" if case == "no price" else "BBB")
    assert world.desk.received == []
    if case != "open run":
        state = world.store.get(f"accounts/{ACCOUNT}/lease")
        assert state is None or world.lease().open_run is None


def test_an_unknown_order_forbids_a_test(world: World) -> None:
    world.desk.traits = replace(TRAITS, after_silence=AfterSilence.BLOCK)
    world.desk.ways = {"BBB": [Way.DROP]}
    assert try_orders(world).report.outcome is Outcome.BLOCKED
    with pytest.raises(Refused, match="has UNKNOWN orders"):
        try_orders(world)


def test_a_broker_that_answers_nothing_leaves_the_test_open(world: World) -> None:
    def down(identity: str) -> ExecutionReport:
        raise BrokerError(f"no answer about {identity}")

    cancel = world.desk.cancel
    world.desk.cancel = down
    with pytest.raises(BrokerError):
        try_orders(world)
    world.desk.cancel = cancel
    assert recover(world).outcome is Outcome.INCOMPLETE
