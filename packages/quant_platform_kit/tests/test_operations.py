"""What an operator does by hand: it is audited first, done once, and refused where the records forbid it.

Monday's decision buys AAA and BBB in Tuesday's session: 58 and 80 of them. Later sessions hold, so that what was not
bought stays due.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import (
    BrokerError,
    InProgress,
    InvalidInput,
    OrderRejected,
    Refused,
    StoreError,
)
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.domain.planning import REALISTIC
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.domain.strategy import BoundStrategy, TargetMode
from quant_platform_kit.services.audit import Operator, audit_entries
from quant_platform_kit.services.cancelling import cancel_open, cancel_order
from quant_platform_kit.services.flags import halts
from quant_platform_kit.services.halting import in_flight, services_of, set_halt
from quant_platform_kit.services.leases import AccountLease, LeaseTerms, read_lease
from quant_platform_kit.services.ledger import DecisionLedger
from quant_platform_kit.services.owners import accounts_in
from quant_platform_kit.services.recorded_run import recorded_run
from quant_platform_kit.services.reports import ReportStore
from quant_platform_kit.services.rerunning import rerun
from quant_platform_kit.services.resolving import Resolution, Resolved, Settlement, resolve
from quant_platform_kit.services.run_cycle import run_cycle
from quant_platform_kit.services.run_request import RunPorts, RunRequest
from quant_platform_kit.testing.clock import FrozenClock
from quant_platform_kit.testing.paper import PaperBroker, open_account, read_account

MON, TUE, WED, THU = (date(2023, 11, 27 + n) for n in range(4))
CLOSE = {"AAA": [100.0, 102.0, 104.0, 103.0, 105.0], "BBB": [50.0, 50.0, 51.0, 51.5, 53.0]}
CASH = Decimal(10_000)
POLICY = ExecutionPolicy(rules=replace(REALISTIC, cash_buffer=Decimal(0)))
FILLED, NOT_SENT, CANCELLED = Settlement.FILLED, Settlement.NOT_SENT, Settlement.CANCELLED

Market = Callable[..., PriceTable]
Scripted = Callable[..., BoundStrategy]
Tree = Callable[[Path], dict[str, bytes | None]]


class Killed(BaseException):
    """The process died here."""


class Store(FileStore):
    """A file store that lives in the world's time."""

    def __init__(self, root: Path, clock: FrozenClock) -> None:
        super().__init__(root)
        self.clock = clock

    def now(self) -> datetime:
        """Return the world's time."""
        return self.clock.now()


class LossyBroker(PaperBroker):
    """Loses or rejects every order of some symbols, and may not be sent an order twice."""

    def __init__(self, folder: Path, market: Any, clock: FrozenClock, lost: Collection[str]) -> None:
        super().__init__(folder, market, clock, POLICY.rules)
        self.lost = set(lost)
        self.rejected: Collection[str] = ()

    @property
    def traits(self) -> BrokerTraits:
        """As of a broker that does not know client order ids."""
        return BrokerTraits(AfterSilence.BLOCK, timedelta(0))

    def submit(self, order: Order) -> ExecutionReport:
        """Lose the order, reject it, or fill it."""
        if order.symbol in self.lost:
            raise BrokerError("no answer")
        if order.symbol in self.rejected:
            raise OrderRejected("not today")
        return super().submit(order)


@dataclass
class World:
    """An account whose broker loses orders, in the middle of Tuesday's session."""

    folder: Path
    table: PriceTable
    calendar: ExchangeCalendar
    strategy: BoundStrategy
    lost: Collection[str] = ("BBB",)
    reached: Callable[[Boundary], None] = lambda boundary: None
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(datetime(2023, 11, 28, 20, 0, tzinfo=UTC)))

    def __post_init__(self) -> None:
        self.account_id = open_account(self.folder, CASH).book.account_id
        self.store = Store(self.folder / "store", self.clock)
        self.reports = ReportStore(Store(self.folder / "reports", self.clock))
        self.market = FileMarketData(self.table, self.calendar, self.clock)
        self.broker = LossyBroker(self.folder, self.market, self.clock, self.lost)

    @property
    def operator(self) -> Operator:
        """Someone at work, a moment later."""
        self.clock.instant += timedelta(milliseconds=1)
        return Operator(self.store, self.clock, "mira")

    def run(self, session: date, slot: str = "cli", mode: Mode = Mode.PAPER, **request: Any) -> RunReport:
        """Run in ``session``, at 15:00 in New York."""
        self.clock.instant = max(self.clock.instant, datetime(session.year, session.month, session.day, 20, tzinfo=UTC))
        ports = RunPorts(
            self.broker, self.market, self.store, self.reports, self.clock, self.calendar, reached=self.reached
        )
        key = RunKey(self.account_id, session, slot, mode)
        return run_cycle(RunRequest(self.strategy, key, **request), ports, POLICY)

    def die(self, boundary: Boundary, session: date = TUE, **request: Any) -> None:
        """Run until ``boundary``, and no further."""

        def reached(passed: Boundary) -> None:
            if passed is boundary:
                raise Killed

        self.reached = reached
        with pytest.raises(Killed):
            self.run(session, **request)
        self.reached = lambda boundary: None

    def lose(self, session: date = TUE) -> RunReport:
        """Run a session in which orders get lost, then mend the line."""
        report = self.run(session)
        assert report.outcome is Outcome.BLOCKED
        self.broker.lost.clear()
        return report

    def resolve(self, report: RunReport, symbol: str, settlement: Settlement, **figures: Any) -> Resolved:
        """Settle the order of a symbol."""
        asked = Resolution(report.run_id, id_of(report, symbol), settlement, "statement of 28 Nov", **figures)
        return resolve(self.operator, self.account_id, asked)

    @property
    def decisions(self) -> DecisionLedger:
        """What was decided for the account."""
        return DecisionLedger(self.store, self.account_id, "scripted", Mode.PAPER)

    @property
    def executed(self) -> bool:
        """Whether Monday's decision is executed."""
        return self.decisions.history()[0].executed

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Runs that the account waits for."""
        state = read_lease(self.store, self.account_id)
        assert state is not None
        return state.uncertain_runs

    @property
    def held(self) -> dict[str, Decimal]:
        """Units by symbol."""
        return read_account(self.folder).book.quantities

    @property
    def commands(self) -> list[str]:
        """What was audited, oldest first."""
        return [entry.command for entry in audit_entries(self.store)]


def id_of(report: RunReport, symbol: str) -> str:
    return next(order.client_order_id for order in report.orders if order.symbol == symbol)


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: processes die here, machines do not."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def make(tmp_path: Path, market: Market, calendar: ExchangeCalendar, scripted: Scripted) -> Callable[..., World]:
    """Return a maker of worlds."""

    def world(lost: Collection[str] = ("BBB",), **manifest: Any) -> World:
        def decide(manifest: Any, ctx: Any) -> Any:
            return manifest.rebalance(ctx, {"AAA": 0.6, "BBB": 0.4}) if ctx.as_of == MON else manifest.hold(ctx, "-")

        return World(tmp_path / "book", market(MON, CLOSE), calendar, scripted(decide, **manifest), lost)

    return world


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


def test_a_run_whose_worker_died_after_its_report_is_closed_when_it_is_asked_for_again(world: World) -> None:
    world.die(Boundary.REPORT_PUBLISHED)
    world.broker.lost.clear()
    report = world.reports.find(RunKey(world.account_id, TUE, "cli", Mode.PAPER).run_id)
    assert report is not None
    with pytest.raises(Refused, match="still open: run it again first"):
        world.resolve(report, "BBB", NOT_SENT)
    assert world.run(TUE) == report
    assert world.resolve(report, "BBB", NOT_SENT).changed
    assert world.run(WED).outcome is Outcome.COMPLETED


def test_a_report_is_given_while_its_worker_still_holds_the_account(world: World) -> None:
    world.die(Boundary.REPORT_PUBLISHED)
    terms = LeaseTerms(timedelta(minutes=1), timedelta(0))
    holder = AccountLease.acquire(world.store, world.account_id, "another worker", terms, world.clock)
    report = world.run(TUE)
    assert report.outcome is Outcome.BLOCKED
    holder.require(timedelta(0))
    assert holder.state.open_run == report.run_id, "whoever has the account may still close it"


# --- settling -------------------------------------------------------------------------------------


def test_an_order_that_was_never_sent_is_bought_by_the_next_run(world: World) -> None:
    lost = world.lose()
    blocked = world.run(TUE, "later")
    assert f"run {lost.run_id} has UNKNOWN orders" in blocked.reasons[-1]
    done = world.resolve(lost, "BBB", NOT_SENT)
    assert (done.order.state, done.changed, done.executes, done.executed) == (OrderState.CANCELLED, True, MON, False)
    assert done.order.outcome.text == "not-sent by mira: statement of 28 Nov"
    assert (world.uncertain, world.executed) == ((), False)
    carried = world.run(WED)
    assert (carried.outcome, carried.executes) == (Outcome.COMPLETED, MON)
    assert [(order.side, order.symbol) for order in carried.orders][-1] == (Side.BUY, "BBB")


def test_an_order_that_was_filled_executes_the_decision_and_is_never_planned_again(world: World) -> None:
    lost = world.lose()
    done = world.resolve(lost, "BBB", FILLED, price=Decimal("50.01"))
    assert (done.order.state, done.order.filled, done.executed) == (OrderState.FILLED, 80, True)
    assert done.order.outcome.average_price == Decimal("50.01")
    assert (world.uncertain, world.executed) == ((), True)
    again = world.run(WED)
    assert (again.outcome, again.orders) == (Outcome.NO_ACTION, ())
    assert world.held == {"AAA": 58}


def test_an_order_that_was_filled_in_part_leaves_the_rest_to_be_carried(world: World) -> None:
    done = world.resolve(world.lose(), "BBB", FILLED, quantity=Decimal(30), price=Decimal(50))
    assert (done.order.state, done.order.filled, done.executed) == (OrderState.CANCELLED, 30, False)
    assert (world.uncertain, world.executed) == ((), False)


def test_a_run_stays_uncertain_until_its_last_unknown_order_is_settled(make: Callable[..., World]) -> None:
    world = make(lost=("AAA", "BBB"))
    lost = world.lose()
    done = world.resolve(lost, "AAA", FILLED, price=Decimal(102))
    assert (done.unknown_left, world.uncertain, world.executed) == ((id_of(lost, "BBB"),), (lost.run_id,), False)
    assert world.run(TUE, "later").outcome is Outcome.BLOCKED
    done = world.resolve(lost, "BBB", FILLED, price=Decimal(50))
    assert (done.unknown_left, world.uncertain, world.executed) == ((), (), True)


def test_a_contribution_that_was_filled_is_not_spent_again(make: Callable[..., World], scripted: Scripted) -> None:
    # 3000 for AAA, 29 bought; 4000 for BBB, 80 planned and lost, of which 50 were filled at 50 after all.
    world = make(target_mode=TargetMode.VALUE)
    world.strategy = scripted(
        lambda manifest, ctx: (
            manifest.rebalance(ctx, {"AAA": 3000, "BBB": 4000}, buy_only=True)
            if ctx.as_of == MON
            else manifest.hold(ctx, "-")
        ),
        target_mode=TargetMode.VALUE,
    )
    lost = world.lose()
    world.resolve(lost, "BBB", FILLED, quantity=Decimal(50), price=Decimal(50))
    spent = world.decisions.spent(MON)
    assert spent == {"AAA": 29 * Decimal("102.0204"), "BBB": Decimal(2500)}
    (bought,) = world.run(WED).orders
    assert (bought.symbol, bought.quantity) == ("BBB", 29)  # 1500 / 51


def test_the_quantity_of_a_buy_that_was_cut_is_the_cut_one(make: Callable[..., World], scripted: Scripted) -> None:
    world = make(lost=())
    weights = {MON: {"AAA": 1.0, "BBB": 0.0}, TUE: {"AAA": 0.0, "BBB": 1.0}}
    world.strategy = scripted(lambda manifest, ctx: manifest.rebalance(ctx, weights[ctx.as_of]))
    world.run(TUE)
    world.broker.lost.add("BBB")

    def withdraw(boundary: Boundary) -> None:
        if boundary is Boundary.SELLS_DONE:
            state = world.broker.account()
            halved = replace(state, cash_by_currency={"USD": state.cash_by_currency["USD"] / 2})
            world.broker.account = lambda: halved  # type: ignore[method-assign]

    world.reached = withdraw
    report = world.run(WED)
    cut = next(order for order in report.orders if order.symbol == "BBB").quantity
    run = recorded_run(world.store, world.account_id, report.run_id)
    assert run is not None
    assert cut < next(line.order.quantity for line in run.plan.plan.lines if line.symbol == "BBB" and line.order)
    done = world.resolve(report, "BBB", FILLED, price=Decimal(51))
    assert (done.order.filled, done.order.state, done.executed) == (cut, OrderState.FILLED, True)


def test_only_an_unknown_order_can_be_settled(world: World, tree: Tree) -> None:
    lost = world.lose()
    before = tree(world.folder)
    with pytest.raises(Refused, match=rf"order {id_of(lost, 'AAA')} is FILLED, not UNKNOWN"):
        world.resolve(lost, "AAA", CANCELLED)
    with pytest.raises(Refused, match=rf"no order qother; UNKNOWN there: {id_of(lost, 'BBB')}"):
        resolve(world.operator, world.account_id, Resolution(lost.run_id, "qother", NOT_SENT, "x"))
    with pytest.raises(Refused, match=r"run 2023-11-28.other of account .* has no recorded orders"):
        resolve(world.operator, world.account_id, Resolution("2023-11-28.other", "qother", NOT_SENT, "x"))
    assert tree(world.folder) == before
    world.resolve(lost, "BBB", CANCELLED)
    before = tree(world.folder)
    for settlement, figures in ((CANCELLED, {}), (FILLED, {"price": Decimal(50)})):
        with pytest.raises(Refused, match="is CANCELLED, not UNKNOWN: there is nothing to settle"):
            world.resolve(lost, "BBB", settlement, **figures)
    assert tree(world.folder) == before


@pytest.mark.parametrize(
    ("settlement", "figures", "words"),
    [
        (FILLED, {}, "give --price"),
        (FILLED, {"price": Decimal(0)}, "--price is 0; it is a positive number"),
        (FILLED, {"price": Decimal(-5)}, "--price is -5; it is a positive number"),
        (FILLED, {"price": Decimal(50), "quantity": Decimal(0)}, "--quantity is 0; it is a positive number"),
        (FILLED, {"price": Decimal(50), "quantity": Decimal(-1)}, "--quantity is -1; it is a positive number"),
        (FILLED, {"price": Decimal(50), "quantity": Decimal(81)}, r"--quantity is 81; order .* was for 80"),
        (FILLED, {"price": Decimal("NaN")}, "--price is NaN"),
        (NOT_SENT, {"price": Decimal(50)}, "--price is 50, but an order that is not-sent has none"),
        (CANCELLED, {"quantity": Decimal(5)}, "--quantity is 5, but an order that is cancelled has none"),
    ],
)
def test_figures_that_do_not_fit_change_nothing(
    world: World, tree: Tree, settlement: Settlement, figures: dict[str, Decimal], words: str
) -> None:
    lost = world.lose()
    before = tree(world.folder)
    with pytest.raises(InvalidInput, match=words):
        world.resolve(lost, "BBB", settlement, **figures)
    assert tree(world.folder) == before


def test_an_order_of_a_run_that_is_open_is_not_settled_by_hand(world: World, tree: Tree) -> None:
    world.die(Boundary.BUYS_DONE)
    state = read_lease(world.store, world.account_id)
    assert state is not None
    assert state.open_run is not None
    run = recorded_run(world.store, world.account_id, state.open_run)
    assert run is not None
    (unknown,) = run.unknown
    before = tree(world.folder)
    asked = Resolution(state.open_run, unknown.order.client_order_id, NOT_SENT, "x")
    with pytest.raises(Refused, match="is still open: run it again first"):
        resolve(world.operator, world.account_id, asked)
    assert tree(world.folder) == before


def test_while_a_worker_is_on_the_account_nothing_is_settled(world: World, tree: Tree) -> None:
    lost = world.lose()
    AccountLease.acquire(world.store, world.account_id, "worker 7", LeaseTerms(), world.clock)
    before = tree(world.folder)
    with pytest.raises(InProgress, match="worker 7 works on the account; ask again in 90 s"):
        world.resolve(lost, "BBB", NOT_SENT)
    assert tree(world.folder) == before


@pytest.mark.parametrize("turn", range(10))
def test_of_two_operators_who_settle_at_once_one_does_and_the_other_is_told(world: World, turn: int) -> None:
    lost = world.lose()
    order_id = id_of(lost, "BBB")
    start = Barrier(2)

    def settle(who: str, settlement: Settlement) -> str:
        price = Decimal(50) if settlement is FILLED else None
        start.wait()
        try:
            asked = Resolution(lost.run_id, order_id, settlement, "seen", price=price)
            return resolve(Operator(world.store, world.clock, who), world.account_id, asked).order.state.value
        except (InProgress, Refused) as error:
            return type(error).__name__

    with ThreadPoolExecutor(2) as pool:
        said = set(pool.map(settle, ("mira", "otto"), (FILLED, NOT_SENT)))
    run = recorded_run(world.store, world.account_id, lost.run_id)
    assert run is not None
    states = [step.state for step in run.records[order_id].transitions]
    assert states[:-1] == [OrderState.SENT, OrderState.UNKNOWN]
    assert said & {"FILLED", "CANCELLED"} == {states[-1].value}
    assert said & {"InProgress", "Refused"}
    assert (world.uncertain, world.executed) == ((), states[-1] is OrderState.FILLED)


class FragileStore(Store):
    """A store at whose n-th write the process dies: before it took effect, or after."""

    def __init__(self, root: Path, clock: FrozenClock, at: int, *, late: bool) -> None:
        super().__init__(root, clock)
        self.at, self.late, self.writes = at, late, 0

    def _strike(self, late: bool) -> None:
        if self.writes == self.at and self.late is late:
            raise Killed

    def create(self, key: str, data: bytes) -> int:
        """Create, or die."""
        if self.writes >= self.at:
            raise Killed
        self.writes += 1
        self._strike(late=False)
        made = super().create(key, data)
        self._strike(late=True)
        return made

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Replace, or die."""
        if self.writes >= self.at:
            raise Killed
        self.writes += 1
        self._strike(late=False)
        made = super().replace(key, data, generation)
        self._strike(late=True)
        return made


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("settlement", [FILLED, NOT_SENT])
def test_a_settlement_interrupted_at_any_write_is_finished_by_asking_again(
    world: World, tree: Tree, tmp_path: Path, settlement: Settlement, late: bool
) -> None:
    lost = world.lose()
    figures = {"price": Decimal(50)} if settlement is FILLED else {}
    asked = Resolution(lost.run_id, id_of(lost, "BBB"), settlement, "seen", **figures)
    expected = None
    for at in count(1):
        copy = tmp_path / f"copy-{at}"
        shutil.copytree(world.folder / "store", copy)
        clock = FrozenClock(world.clock.instant)
        died = False
        try:
            resolve(Operator(FragileStore(copy, clock, at, late=late), clock, "mira"), world.account_id, asked)
        except Killed:
            died = True
            clock.instant += timedelta(minutes=5)
            with suppress(Refused):
                resolve(Operator(Store(copy, clock), clock, "mira"), world.account_id, asked)
        state = read_lease(Store(copy, clock), world.account_id)
        assert state is not None
        assert state.uncertain_runs == ()
        run = recorded_run(Store(copy, clock), world.account_id, lost.run_id)
        assert run is not None
        found = (
            [t.state for t in run.records[asked.order_id].transitions],
            DecisionLedger(Store(copy, clock), world.account_id, "scripted", Mode.PAPER).history(),
            DecisionLedger(Store(copy, clock), world.account_id, "scripted", Mode.PAPER).spent(MON),
        )
        expected = expected or found
        assert found == expected, f"interrupted at write {at}"
        if not died:
            break
    assert at > 4


def test_an_interrupted_settlement_is_not_finished_as_something_else(world: World, tree: Tree) -> None:
    lost = world.lose()
    fragile = FragileStore(world.folder / "store", world.clock, 4, late=False)
    asked = Resolution(lost.run_id, id_of(lost, "BBB"), FILLED, "seen", price=Decimal(50))
    with pytest.raises(Killed):
        resolve(Operator(fragile, world.clock, "mira"), world.account_id, asked)
    world.clock.instant += timedelta(minutes=5)
    assert world.uncertain == (lost.run_id,)
    before = tree(world.folder)
    with pytest.raises(Refused, match="is FILLED, not UNKNOWN"):
        world.resolve(lost, "BBB", NOT_SENT)
    assert tree(world.folder) == before
    done = resolve(world.operator, world.account_id, asked)
    assert (done.changed, done.executed, world.uncertain) == (False, True, ())


def test_a_settlement_is_audited_with_what_was_said(world: World) -> None:
    lost = world.lose()
    world.resolve(lost, "BBB", FILLED, quantity=Decimal(30), price=Decimal("50.50"))
    (entry,) = audit_entries(world.store)
    assert (entry.who, entry.command, entry.why) == ("mira", "resolve", "statement of 28 Nov")
    assert entry.arguments == {
        "account": world.account_id,
        "run": lost.run_id,
        "order": id_of(lost, "BBB"),
        "settlement": "filled",
        "quantity": "30",
        "price": "50.5",
    }


# --- running again --------------------------------------------------------------------------------


def test_a_rerun_gives_leave_for_one_more_run_which_does_not_repeat_an_executed_decision(
    make: Callable[..., World],
) -> None:
    world = make(lost=())
    first = world.run(TUE)
    attempt = rerun(world.operator, world.account_id, first.run_id, "in doubt")
    assert (attempt.key.slot, attempt.key.session, attempt.opened) == ("cli+1", TUE, True)
    assert world.store.keys("reruns/") == [f"reruns/{first.run_id}/1"]
    held = world.held
    again = world.run(TUE, attempt.key.slot)
    assert (again.run_id, again.outcome, again.orders) == (attempt.key.run_id, Outcome.NO_ACTION, ())
    assert world.held == held
    assert world.commands == ["rerun"]


def test_an_attempt_that_nobody_used_is_not_opened_a_second_time(make: Callable[..., World], tree: Tree) -> None:
    world = make(lost=())
    first = world.run(TUE)
    opened = rerun(world.operator, world.account_id, first.run_id, "in doubt")
    before = tree(world.folder)
    again = rerun(replace(world.operator, who="otto"), world.account_id, first.run_id, "me too")
    assert (again.key, again.opened, again.who, again.why) == (opened.key, False, "mira", "in doubt")
    assert tree(world.folder) == before
    world.run(TUE, opened.key.slot)
    assert rerun(world.operator, world.account_id, first.run_id, "once more").key.slot == "cli+2"


def test_two_operators_who_ask_for_a_rerun_at_once_get_the_same_attempt(make: Callable[..., World]) -> None:
    world = make(lost=())
    first = world.run(TUE)
    start = Barrier(2)

    def ask(who: str) -> tuple[str, bool]:
        start.wait()
        attempt = rerun(Operator(world.store, world.clock, who), world.account_id, first.run_id, "in doubt")
        return attempt.key.slot, attempt.opened

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, ("mira", "otto"))) == [("cli+1", False), ("cli+1", True)]


def test_no_rerun_while_an_order_is_unknown_a_run_is_open_or_for_a_run_that_never_was(world: World, tree: Tree) -> None:
    lost = world.lose()
    before = tree(world.folder)
    with pytest.raises(Refused, match=f"run {lost.run_id} has UNKNOWN orders: settle them"):
        rerun(world.operator, world.account_id, lost.run_id, "in doubt")
    with pytest.raises(Refused, match=r"has no run 2023-11-28\.never"):
        rerun(world.operator, world.account_id, "2023-11-28.never", "in doubt")
    assert tree(world.folder) == before
    world.resolve(lost, "BBB", NOT_SENT)
    world.die(Boundary.PLAN_COMMITTED, WED)
    before = tree(world.folder)
    with pytest.raises(Refused, match=r"run 2023-11-29.* is open"):
        rerun(world.operator, world.account_id, lost.run_id, "in doubt")
    assert tree(world.folder) == before


# --- halting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["all", "service-cli", "account"])
def test_a_halted_account_trades_nothing_until_it_is_resumed(make: Callable[..., World], scope: str) -> None:
    world = make(lost=())
    scope = f"account-{world.account_id}" if scope == "account" else scope
    assert set_halt(world.operator, scope, "storm", on=True).changed
    halted = world.run(TUE)
    assert (halted.outcome, halted.orders) == (Outcome.BLOCKED, ())
    assert f"halted: {scope}" in halted.reasons[0]
    assert set_halt(world.operator, scope, "calm", on=False).changed
    assert world.run(TUE, "later").outcome is Outcome.COMPLETED
    assert world.commands == ["halt", "resume"]


def test_halting_and_resuming_twice_change_nothing_the_second_time(world: World, tree: Tree) -> None:
    never = set_halt(world.operator, "all", "calm", on=False)
    assert (never.changed, never.entry) == (False, None)
    first = set_halt(world.operator, "all", "storm", on=True)
    before = tree(world.folder)
    second = set_halt(replace(world.operator, who="otto"), "all", "hail", on=True)
    assert (second.changed, second.entry) == (False, first.entry)
    assert tree(world.folder) == before
    assert first.entry is not None
    assert (first.entry.who, first.entry.why) == ("mira", "storm")


def test_the_call_that_a_halt_came_too_late_for_is_found(world: World) -> None:
    assert in_flight(world.store, world.account_id) is None
    world.die(Boundary.SENT_RECORDED)
    flight = in_flight(world.store, world.account_id)
    assert flight is not None
    assert flight.order is not None
    assert (flight.order.order.symbol, flight.order.state, flight.service) == ("AAA", OrderState.SENT, "cli")
    assert services_of(world.store, world.account_id) == {"cli"}
    assert accounts_in(world.store) == (world.account_id,)


def test_an_open_run_that_has_sent_nothing_is_named_without_an_order(world: World) -> None:
    world.die(Boundary.LEASE_TAKEN)
    flight = in_flight(world.store, world.account_id)
    assert flight is not None
    assert (flight.order, flight.service) == (None, None)


def test_a_switch_is_set_even_if_the_store_answers_late(world: World) -> None:
    class Slow(Store):
        def create(self, key: str, data: bytes) -> int:
            made = super().create(key, data)
            if key.startswith("halts/"):
                raise StoreError("no answer")
            return made

    with pytest.raises(StoreError):
        set_halt(Operator(Slow(world.folder / "store", world.clock), world.clock, "mira"), "all", "storm", on=True)
    assert halts(world.store).on() == {"all"}
    assert not set_halt(world.operator, "all", "storm", on=True).changed


# --- cancelling -----------------------------------------------------------------------------------


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


# --- the audit ------------------------------------------------------------------------------------


def test_the_audit_is_listed_oldest_first_and_from_a_date_on(world: World) -> None:
    for scope in ("all", "service-a"):
        set_halt(world.operator, scope, f"why {scope}", on=True)
        world.clock.instant += timedelta(days=1)
    world.clock.instant += timedelta(days=1)
    set_halt(world.operator, "all", "calm", on=False)
    assert world.commands == ["halt", "halt", "resume"]
    assert [entry.why for entry in audit_entries(world.store, WED)] == ["why service-a", "calm"]
    assert audit_entries(world.store, date(2023, 12, 24)) == []


def test_two_entries_of_one_moment_are_both_kept(world: World) -> None:
    for number in range(20):
        world.operator.audit("test", "", number=number, absent=None)
    found = audit_entries(world.store)
    assert sorted(int(entry.arguments["number"]) for entry in found) == list(range(20))
    assert all(entry.arguments.keys() == {"number"} for entry in found)
    assert len(world.store.keys("audit/")) == 20
