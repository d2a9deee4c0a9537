"""The one door to a broker: nothing gets past it, and every gate in it holds.

Tuesday 2023-11-28: Monday's decision puts 60 % into AAA at 100 and 40 % into BBB at 50, of 10,000 USD.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import LeaseLost, StoreError
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.paper_book import PaperBook
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.services.record.leases import LeaseTerms

from ...exactly_once import (
    ACCOUNT,
    AT_ONCE,
    CALENDAR,
    PLAIN,
    Bench,
    Desk,
    MemoryStore,
    Way,
    World,
    following,
    moment,
    prices,
    switch,
)

CHECKOUT = Path(__file__).resolve().parents[5]
MON, TUE, WED = date(2023, 11, 27), date(2023, 11, 28), date(2023, 11, 29)
TABLE = prices(MON, AAA=[100.0] * 5, BBB=[50.0] * 5)
CANCELLED, FILLED, SENT = OrderState.CANCELLED, OrderState.FILLED, OrderState.SENT


# --- the door is the only one -----------------------------------------------------------------------

DOOR = "packages/quant_platform_kit/src/quant_platform_kit/services/run/gateway.py"
DESK = "packages/trading_playbook/src/trading_playbook/live/desk.py"
"""The door of live sessions, whose orders are no plan of a run; its own tests are those of the playbook (ADR 0056)."""
NO_ORDERS = {
    "packages/quant_platform_kit/src/quant_platform_kit/testing/broker_contract.py": (
        "the cases every adapter is tested with, and the threads of one of them"
    ),
    "packages/quant_platform_kit/src/quant_platform_kit/testing/store_contract.py": "threads that write to a store",
    "packages/trading_playbook/src/trading_playbook/testing/live/world.py": "a broker that hands on to an exchange",
}
"""Modules that may name ``submit``, and why no order of a run goes through them; nothing deployed imports them."""
WORDS = {
    "apps/longbridge/src/longbridge_app/broker.py": "what the worker process is asked to do, in submit",
    "apps/tq_broker/src/tq_broker_app/bus/ports.py": "the name of a queue",
    "packages/quant_platform_kit/src/quant_platform_kit/paper/client.py": "the request on the wire, in submit",
    "packages/quant_platform_kit/src/quant_platform_kit/paper/venue.py": "the venue's own table of requests",
    "release/src/quant_release/images/builders.py": "gcloud's word for a build",
}
"""Modules that may hold the string "submit"."""


@dataclass(frozen=True)
class Mention:
    """A place that reaches for something called submit."""

    path: str
    scope: str
    kind: str


def mentions(source: str, path: str) -> Iterator[Mention]:
    """Yield every attribute ``submit`` that is read, called or not, and every string that says it."""

    def walk(node: ast.AST, scope: tuple[str, ...]) -> Iterator[Mention]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            scope = (*scope, node.name)
        if isinstance(node, ast.Attribute) and node.attr == "submit":
            yield Mention(path, ".".join(scope), "attribute")
        if isinstance(node, ast.Constant) and node.value == "submit":
            yield Mention(path, ".".join(scope), "string")
        for child in ast.iter_child_nodes(node):
            yield from walk(child, scope)

    return walk(ast.parse(source), ())


def deployed() -> dict[str, str]:
    """Return the source of every module that is deployed by its path in the checkout; the sandbox never is."""
    packages = [root for root in CHECKOUT.glob("packages/*/src") if root.parent.name != "venue_sandbox"]
    roots = [*packages, *CHECKOUT.glob("apps/*/src"), CHECKOUT / "release"]
    files = [file for root in roots for file in sorted(root.rglob("*.py"))]
    return {file.relative_to(CHECKOUT).as_posix(): file.read_text("utf-8") for file in files}


def test_no_module_reaches_a_brokers_submit_except_the_gateway() -> None:
    sources = deployed()
    assert len(sources) > 60
    assert DOOR in sources
    found = [mention for path, source in sources.items() for mention in mentions(source, path)]
    attributes = [m for m in found if m.kind == "attribute" and m.path not in NO_ORDERS]
    assert {*attributes} == {Mention(DOOR, "Gateway.send", "attribute"), Mention(DESK, "Desk._send", "attribute")}
    strings = {m.path for m in found if m.kind == "string"}
    assert strings <= set(WORDS)


def test_modules_excused_from_that_rule_still_need_the_excuse() -> None:
    sources = deployed()
    for kind, paths in (("attribute", NO_ORDERS), ("string", WORDS)):
        for path in paths:
            assert any(m.kind == kind for m in mentions(sources[path], path)), f"{path} needs no excuse any more"


def test_no_deployed_module_imports_one_that_is_excused() -> None:
    """Contracts that send on purpose share what they send: that is no way for an app."""
    excused = {path.partition("/src/")[2].removesuffix(".py").replace("/", ".") for path in NO_ORDERS}
    for path, source in deployed().items():
        if "testing" in Path(path).parts:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module not in excused, f"{path} imports {node.module}"


def test_only_the_execution_of_a_plan_and_an_order_test_send_through_the_gateway() -> None:
    """``gateway.send`` and ``Gateway(...)`` stand in three modules of the services and nowhere else."""
    senders, makers = set[str](), set[str]()
    for path, source in deployed().items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and node.attr == "send" and "gateway" in ast.unparse(node.value):
                senders.add(Path(path).name)
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Gateway":
                makers.add(Path(path).name)
    assert (senders, makers) == ({"execution.py", "order_test.py"}, {"order_test.py", "run_cycle.py"})


@pytest.mark.parametrize(
    "smuggled",
    [
        "def f(broker, order):\n    broker.submit(order)",
        "def f(self, order):\n    return self.ports.broker.submit(order)",
        "def f(broker, order):\n    send = broker.submit\n    send(order)",
        "def f(broker, order):\n    getattr(broker, 'submit')(order)",
        "f = lambda broker, order: [b.submit(o) for b, o in zip(broker, order)]",
    ],
)
def test_the_search_finds_every_way_to_smuggle_an_order_out(smuggled: str) -> None:
    assert len(list(mentions(smuggled, "x.py"))) == 1


# --- every gate -------------------------------------------------------------------------------------


def make_bench(at: str = "2023-11-28 15:00", limits: RiskLimits | None = None, **bench: Any) -> Bench:
    """Return a bench with a broker that fills everything at once."""
    clock = FrozenClock(moment(at))
    market = FileMarketData(TABLE, CALENDAR, clock)
    desk = Desk(clock, market, PaperBook(ACCOUNT, "USD", Decimal(10_000)), PLAIN, AT_ONCE)
    policy = ExecutionPolicy(rules=PLAIN, limits=limits or RiskLimits())
    return Bench(clock, market, desk, MemoryStore(clock), policy, **bench)


def aged(bench: Bench, seconds: float) -> None:
    """Let every quote be so old."""
    quotes = bench.market.quotes
    age = timedelta(seconds=seconds)
    bench.market.quotes = lambda symbols: {s: replace(q, as_of=q.as_of - age) for s, q in quotes(symbols).items()}


Case = Callable[[], Bench]


def halted(*scopes: str, **bench: Any) -> Case:
    def make() -> Bench:
        made = make_bench(**bench)
        for scope in scopes:
            switch(made.store, scope)
        return made

    return make


def live(*listed: str) -> Case:
    def make() -> Bench:
        made = make_bench(mode=Mode.LIVE)
        for account in listed:
            switch(made.store, account, allow=True)
        return made

    return make


def struck_off() -> Bench:
    made = live(ACCOUNT)()
    switch(made.store, ACCOUNT, on=False, allow=True)
    return made


def lifted() -> Bench:
    scopes = ("all", f"account-{ACCOUNT}", "service-cli", "release-cli")
    made = halted(*scopes)()
    for scope in scopes:
        switch(made.store, scope, on=False)
    return made


def with_age(seconds: float) -> Case:
    def make() -> Bench:
        made = make_bench()
        aged(made, seconds)
        return made

    return make


def without_price() -> Bench:
    made = make_bench()
    made.market.quotes = lambda symbols: {}
    return made


PASSES = {
    "an open door": make_bench,
    "halts of others": halted("service-other", "account-DUSBX002", "account-DUSBX0011", "release-other"),
    "halts that were lifted": lifted,
    "a live account on the allow-list": live(ACCOUNT),
    "the opening instant": lambda: make_bench("2023-11-28 14:30"),
    "the closing instant": lambda: make_bench("2023-11-28 21:00"),
    "a price of 60 s": with_age(60),
    "an order of exactly the limit": lambda: make_bench(limits=RiskLimits(max_order_notional=Decimal(700))),
}
FORBIDS = {
    "halt of all": (halted("all"), "halted: all; lift it with `quant resume`"),
    "halt of the service": (halted("service-cli"), "halted: service-cli; lift it with `quant resume`"),
    "halt of another service": (halted("service-dca", service="dca"), "halted: service-dca; lift it"),
    "halt of the account": (halted(f"account-{ACCOUNT}"), f"halted: account-{ACCOUNT}; lift it"),
    "hold of a release": (
        halted("release-cli"),
        "held by a release: release-cli; `release open` lifts it",
    ),
    "live and not on the list": (live(), f"account {ACCOUNT} is not on the allow-list for live trading"),
    "live and others on the list": (live("DUSBX002"), f"account {ACCOUNT} is not on the allow-list"),
    "live and struck off the list": (struck_off, f"account {ACCOUNT} is not on the allow-list"),
    "before the session": (lambda: make_bench("2023-11-28 14:29"), "XNYS is closed at 2023-11-28 14:29 UTC"),
    "after the session": (lambda: make_bench("2023-11-28 21:01"), "XNYS is closed at 2023-11-28 21:01 UTC"),
    "the hours of another day": (
        lambda: make_bench("2023-11-28 15:00", session=WED),
        "XNYS is closed at 2023-11-28 15:00 UTC; it trades 2023-11-29 14:30 to 21:00",
    ),
    "an old price": (with_age(61), "price of AAA is 61 s old; the limit is 60 s"),
    "no price": (without_price, "no price for AAA"),
    "a large order": (
        lambda: make_bench(limits=RiskLimits(max_order_notional=Decimal("699.99"))),
        "BUY AAA is 700.00; the order limit is 699.99",
    ),
    "a dry run": (lambda: make_bench(mode=Mode.DRY_RUN), "mode dry_run sends nothing"),
    "a probe": (lambda: make_bench(mode=Mode.PROBE), "mode probe sends nothing"),
}


@pytest.mark.parametrize("case", PASSES)
def test_an_order_passes_where_no_gate_forbids(case: str) -> None:
    bench = PASSES[case]()
    (record,) = bench.run(bench.order("AAA", Side.BUY, 7))
    assert record.state is FILLED
    assert bench.desk.sent == {"AAA": 1}


@pytest.mark.parametrize("case", FORBIDS)
def test_each_gate_alone_keeps_an_order_from_the_broker_and_says_why(case: str) -> None:
    make, reason = FORBIDS[case]
    bench = make()
    (record,) = bench.run(bench.order("AAA", Side.BUY, 7))
    assert bench.desk.received == []
    assert [t.state for t in record.transitions] == [CANCELLED]
    assert record.outcome.text.startswith(f"not sent: {reason}")


@pytest.mark.parametrize("case", FORBIDS)
def test_each_gate_alone_keeps_an_order_that_was_lost_from_being_sent_again(case: str) -> None:
    make, reason = FORBIDS[case]
    bench = make()
    order = bench.order("AAA", Side.BUY, 7)
    execution = bench.execution(order)
    execution.gateway.ledger.record(execution.records[order.client_order_id], execution.gateway.step(SENT))
    (record,) = bench.run(order)
    assert bench.desk.received == []
    assert [t.state for t in record.transitions] == [SENT, CANCELLED]
    assert record.outcome.text.startswith(f"not sent again: {reason}")


def test_all_gates_that_forbid_are_named() -> None:
    bench = halted(
        "all", f"account-{ACCOUNT}", at="2023-11-28 22:00", limits=RiskLimits(max_order_notional=Decimal(1))
    )()
    (record,) = bench.run(bench.order("AAA", Side.BUY, 7))
    for words in ("halted: all", f"halted: account-{ACCOUNT}", "XNYS is closed", "the order limit is 1"):
        assert words in record.outcome.text


# --- read immediately before each send ----------------------------------------------------------------


@pytest.fixture
def world() -> World:
    return World(TABLE, following({MON: {"AAA": 0.6, "BBB": 0.4}}))


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("all", "halted: all"),
        ("service-cli", "halted: service-cli"),
        (f"account-{ACCOUNT}", f"halted: account-{ACCOUNT}"),
        ("release-cli", "held by a release: release-cli"),
    ],
)
def test_a_halt_set_between_two_orders_stops_the_second(world: World, scope: str, words: str) -> None:
    world.desk.on_submit = lambda order: switch(world.store, scope)
    report = world.run(TUE)
    assert [order.symbol for order in world.desk.received] == ["AAA"]
    assert [(o.symbol, o.state) for o in report.orders] == [("AAA", FILLED), ("BBB", CANCELLED)]
    assert report.outcome is Outcome.INCOMPLETE
    assert f"not sent: {words}" in report.reasons[-1]


def test_a_halt_set_while_an_order_is_on_its_way_stops_neither_its_look_up_nor_its_cancel(world: World) -> None:
    world.desk.ways = {"AAA": [Way.WORK], "BBB": [Way.FILL]}
    world.desk.on_submit = lambda order: switch(world.store, "all")
    report = world.run(TUE)
    assert [(o.symbol, o.state) for o in report.orders] == [("AAA", CANCELLED), ("BBB", CANCELLED)]
    assert world.desk.open_orders() == ()


def test_a_halted_account_blocks_the_run_before_it_decides(world: World) -> None:
    switch(world.store, f"account-{ACCOUNT}")
    report = world.run(TUE)
    assert (report.outcome, report.action) == (Outcome.BLOCKED, None)
    assert report.reasons == (f"halted: account-{ACCOUNT}; lift it with `quant resume`",)
    assert world.decisions().history() == []
    assert world.desk.received == []


def test_a_dry_run_plans_and_sends_nothing(world: World) -> None:
    report = world.run(TUE, mode=Mode.DRY_RUN)
    assert report.plan is not None
    assert [(o.symbol, o.quantity) for o in report.plan.orders] == [("AAA", 60), ("BBB", 80)]
    assert report.reasons[-1] == "mode dry_run: nothing was sent"
    assert (world.desk.received, report.orders) == ([], ())


@pytest.mark.parametrize("boundary", [Boundary.PLAN_COMMITTED, Boundary.SENT_RECORDED])
def test_a_dry_run_sends_nothing_of_a_run_that_it_finds_open(world: World, boundary: Boundary) -> None:
    """The switch that is in force now counts, not the one the run was started under."""
    world.die_at(boundary, TUE)
    world.clock.sleep(600)
    world.run_now(TUE, "later", Mode.DRY_RUN)
    assert world.desk.received == []


def test_a_probe_sends_nothing_of_a_run_that_it_finds_open(world: World) -> None:
    world.die_at(Boundary.PLAN_COMMITTED, TUE)
    world.clock.sleep(600)
    written = list(world.store.writes)
    report = world.run_now(TUE, "later", Mode.PROBE)
    assert world.desk.received == []
    assert (report.outcome, world.store.writes) == (Outcome.SKIPPED, written)


def test_a_live_run_that_lost_its_place_on_the_allow_list_sends_nothing_more(world: World) -> None:
    switch(world.store, ACCOUNT, allow=True)
    world.desk.on_submit = lambda order: switch(world.store, ACCOUNT, on=False, allow=True)
    report = world.run(TUE, mode=Mode.LIVE)
    assert [(o.symbol, o.state) for o in report.orders] == [("AAA", FILLED), ("BBB", CANCELLED)]
    assert world.desk.sent == {"AAA": 1}


# --- the store --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("readable", "already_sent"), [(0, []), (1, []), (2, []), (3, []), (4, ["AAA"])])
def test_halts_that_cannot_be_read_send_nothing_and_leave_the_run_open(
    world: World, readable: int, already_sent: list[str]
) -> None:
    """The run reads them twice before it decides, once before a phase, then once before each order."""
    reads: list[str] = []

    def fault(operation: str, key: str, done: bool) -> None:
        if operation == "keys" and key.startswith("halts"):
            reads.append(key)
            if len(reads) > readable:
                raise StoreError("the store is down")

    world.store.fault = fault
    with pytest.raises(StoreError):
        world.run(TUE)
    assert [order.symbol for order in world.desk.received] == already_sent
    assert world.lease().open_run == world.key(TUE).run_id
    assert world.reports.find(world.key(TUE).run_id) is None
    world.store.fault = lambda operation, key, done: None
    report = world.run_now(TUE)
    assert report.outcome is Outcome.COMPLETED
    assert world.desk.sent == {"AAA": 1, "BBB": 1}
    assert world.held == {"AAA": 60, "BBB": 80}


def test_that_an_order_is_about_to_be_sent_is_in_the_store_before_the_broker_hears_of_it(world: World) -> None:
    seen: list[tuple[str, OrderState, int]] = []

    def look(order: Order) -> None:
        ledger = world.store.keys(f"accounts/{ACCOUNT}/runs/{world.key(TUE).run_id}/orders/{order.client_order_id}.")
        assert len(ledger) == 1, "one step: SENT"
        assert world.store.writes[-1] == ledger[0], "and nothing was written in between"
        stored = world.store.get(ledger[0])
        assert stored is not None
        step = json.loads(stored.data)
        seen.append((order.symbol, OrderState(step["state"]), step["epoch"]))

    world.desk.on_submit = look
    assert world.run(TUE).outcome is Outcome.COMPLETED
    assert seen == [("AAA", SENT, 1), ("BBB", SENT, 1)]


@pytest.mark.parametrize("ambiguous", [False, True], ids=["not written", "written"])
def test_an_intent_that_could_not_be_recorded_for_certain_is_not_sent(world: World, ambiguous: bool) -> None:
    """A store that fails leaves the run open; the next worker finds out, and sends at most once."""

    def fault(operation: str, key: str, done: bool) -> None:
        if operation == "create" and "/orders/" in key and done is ambiguous:
            raise StoreError("no answer")

    world.store.fault = fault
    with pytest.raises(StoreError):
        world.run(TUE)
    assert world.desk.received == []
    world.store.fault = lambda operation, key, done: None
    world.clock.sleep(300)
    assert world.run_now(TUE).outcome is Outcome.COMPLETED
    assert world.desk.sent == {"AAA": 1, "BBB": 1}


# --- the lease ----------------------------------------------------------------------------------------


def test_a_lease_that_ran_out_sends_nothing_and_records_nothing() -> None:
    bench = make_bench()
    order = bench.order("AAA", Side.BUY, 7)
    execution = bench.execution(order)
    bench.clock.sleep(60)
    written = list(bench.store.writes)
    with pytest.raises(LeaseLost, match="the lease of worker ran out: nothing more is sent"):
        execution.run()
    assert (bench.desk.received, bench.store.writes) == ([], written)


def test_a_lease_about_to_run_out_that_cannot_be_renewed_sends_nothing() -> None:
    """25 s are left and one step may take 40."""
    bench = make_bench()
    order = bench.order("AAA", Side.BUY, 7)
    bench.clock.sleep(35)

    def fault(operation: str, key: str, done: bool) -> None:
        if operation == "replace":
            raise StoreError("the store is down")

    bench.store.fault = fault
    with pytest.raises(StoreError):
        bench.run(order)
    assert bench.desk.received == []
    assert bench.ledger.orders([order])[order.client_order_id].state is OrderState.RECORDED


@pytest.mark.parametrize("stopped", [41, 60, 3600])
def test_a_worker_stopped_between_the_record_and_the_send_does_not_send(stopped: float) -> None:
    """After 41 s less than one timeout is left, and renewing shows that a successor is at work."""
    bench = make_bench()
    order = bench.order("AAA", Side.BUY, 7)

    def stop(boundary: Boundary) -> None:
        if boundary is Boundary.SENT_RECORDED:
            bench.clock.sleep(stopped)
            key, data = f"accounts/{ACCOUNT}/lease", bench.store.objects[f"accounts/{ACCOUNT}/lease"]
            bench.store.replace(key, data.data, data.generation)

    bench.reached = stop
    with pytest.raises(LeaseLost):
        bench.run(order)
    assert bench.desk.received == []
    assert bench.ledger.orders([order])[order.client_order_id].state is SENT


def test_a_lease_is_renewed_in_time_for_a_send() -> None:
    bench = make_bench()
    bench.clock.sleep(35)
    (record,) = bench.run(bench.order("AAA", Side.BUY, 7))
    assert record.state is FILLED
    assert bench.lease.left == timedelta(seconds=60)


def test_a_lease_too_short_for_one_step_sends_nothing_and_says_what_to_do() -> None:
    """Two timeouts of 20 s do not fit into 39 s."""
    bench = make_bench(terms=LeaseTerms(timedelta(seconds=39)))
    with pytest.raises(LeaseLost, match=r"the lease lasts 0:00:39; one step needs 0:00:40: lengthen the lease"):
        bench.run(bench.order("AAA", Side.BUY, 7))
    assert bench.desk.received == []


# --- a broker that takes its time ---------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "asked"), [(5, 1), (10, 2), (35, 4)])
def test_prices_are_asked_for_again_while_a_slow_broker_takes_one_order_after_another(seconds: int, asked: int) -> None:
    symbols = ("AAA", "BBB", "CCC", "DDD")
    table = prices(MON, **{symbol: [50.0] * 5 for symbol in symbols})
    world = World(table, following({MON: dict.fromkeys(symbols, 0.25)}, managed=symbols))
    quotes, questions = world.market.quotes, list[list[str]]()

    def passes(order: Order) -> None:
        world.clock.instant += timedelta(seconds=seconds)

    def counted(wanted: Any) -> Any:
        questions.append(list(wanted))
        return quotes(wanted)

    world.desk.on_submit, world.market.quotes = passes, counted
    report = world.run(TUE)
    assert [order.state for order in report.orders] == [FILLED] * 4, [order.text for order in report.orders]
    for_the_plan, for_fills = 1, len(symbols)
    assert len(questions) == for_the_plan + asked + for_fills
