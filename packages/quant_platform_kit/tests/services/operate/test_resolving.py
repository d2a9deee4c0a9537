"""An UNKNOWN order is settled once, by one operator, and audited first; the run and its decision follow."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import InProgress, InvalidInput, Refused
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.strategy import TargetMode
from quant_platform_kit.services.operate.audit import Operator, audit_entries
from quant_platform_kit.services.operate.resolving import Resolution, ResolvedAs, resolve
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms, read_lease
from quant_platform_kit.services.record.ledger import DecisionLedger
from quant_platform_kit.services.record.recorded_run import recorded_run

from ...lossy_account import CANCELLED, FILLED, MON, NOT_SENT, TUE, WED, Killed, Scripted, Store, Tree, World, id_of


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


def test_a_run_stays_uncertain_until_its_last_unknown_order_is_settled(make_world: Callable[..., World]) -> None:
    world = make_world(lost=("AAA", "BBB"))
    lost = world.lose()
    done = world.resolve(lost, "AAA", FILLED, price=Decimal(102))
    assert (done.unknown_left, world.uncertain, world.executed) == ((id_of(lost, "BBB"),), (lost.run_id,), False)
    assert world.run(TUE, "later").outcome is Outcome.BLOCKED
    done = world.resolve(lost, "BBB", FILLED, price=Decimal(50))
    assert (done.unknown_left, world.uncertain, world.executed) == ((), (), True)


def test_a_contribution_that_was_filled_is_not_spent_again(
    make_world: Callable[..., World], scripted: Scripted
) -> None:
    # 3000 for AAA, 29 bought; 4000 for BBB, 80 planned and lost, of which 50 were filled at 50 after all.
    world = make_world(target_mode=TargetMode.VALUE)
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


def test_the_quantity_of_a_buy_that_was_cut_is_the_cut_one(
    make_world: Callable[..., World], scripted: Scripted
) -> None:
    world = make_world(lost=())
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
    world: World, tree: Tree, settlement: ResolvedAs, figures: dict[str, Decimal], words: str
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

    def settle(who: str, settlement: ResolvedAs) -> str:
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
    world: World, tree: Tree, tmp_path: Path, settlement: ResolvedAs, late: bool
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
