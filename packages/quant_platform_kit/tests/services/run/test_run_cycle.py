"""One run on a paper account: what it does, what it refuses, and that no interruption changes where it ends.

Five sessions of two symbols. Monday's decision buys AAA and BBB in Tuesday's session; Tuesday's moves from AAA to BBB
in Wednesday's: a sale and a buy.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, InProgress, InvalidInput, QuantError, Refused, StoreError
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.planning import REALISTIC
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Action, BoundStrategy
from quant_platform_kit.paper.broker import PaperBroker, open_account, read_account
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle

pytestmark = pytest.mark.usefixtures("no_power_cuts")

NAN = float("nan")
MON, TUE, WED, THU, FRI = (date(2023, 11, 27 + n) if n < 4 else date(2023, 12, 1) for n in range(5))
CLOSE = {"AAA": [100.0, 102.0, 104.0, 103.0, 105.0], "BBB": [50.0, 50.0, 51.0, 51.5, 53.0]}
DECISIONS = {MON: {"AAA": 0.6, "BBB": 0.4}, TUE: {"AAA": 0.2, "BBB": 0.8}}
CASH = Decimal(10_000)
POLICY = ExecutionPolicy(rules=replace(REALISTIC, cash_buffer=Decimal(0)))

Market = Callable[..., PriceTable]
Scripted = Callable[..., BoundStrategy]


class Store(FileStore):
    """A file store whose time stands still until it is moved on."""

    time = datetime(2023, 11, 28, 20, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time that was set."""
        return self.time


@dataclass
class World:
    """An account in a folder, with its store, its reports, a market and a clock in the middle of a session."""

    folder: Path
    table: PriceTable
    calendar: ExchangeCalendar
    strategy: BoundStrategy
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(datetime(2023, 11, 28, 20, 0, tzinfo=UTC)))
    wrap: Callable[[Any], Any] = lambda port: port
    reached: Callable[[Boundary], None] = lambda boundary: None

    def __post_init__(self) -> None:
        self.account_id = open_account(self.folder / "book", CASH).book.account_id
        self.store = Store(self.folder / "store")
        self.market = FileMarketData(self.table, self.calendar, self.clock)
        self.broker = PaperBroker(self.folder / "book", self.market, self.clock, POLICY.rules)

    def key(self, session: date, slot: str = "cli") -> RunKey:
        """Return the key of a run in ``session``."""
        return RunKey(self.account_id, session, slot, Mode.PAPER)

    def run(self, session: date, slot: str = "cli", **request: Any) -> RunReport:
        """Run in ``session``, at 15:00 in New York unless the clock was set to that day already."""
        if self.clock.instant.date() != session:
            self.clock.instant = datetime(session.year, session.month, session.day, 20, 0, tzinfo=UTC)
        reports = Store(self.folder / "reports")
        ports = RunPorts(
            self.wrap(self.broker),
            self.wrap(self.market),
            self.wrap(self.store),
            ReportStore(self.wrap(reports)),
            self.clock,
            self.calendar,
            self.reached,
        )
        asked = RunRequest(**{"strategy": self.strategy, "key": self.key(session, slot), **request})
        return run_cycle(asked, ports, POLICY)

    def object(self, session: date, name: str) -> Any:
        """Return a recorded object of a run, None if there is none."""
        stored = self.store.get(f"accounts/{self.account_id}/runs/{self.key(session).run_id}/{name}")
        return None if stored is None else json.loads(stored.data)

    @property
    def journal(self) -> bytes:
        """Every order the broker answered, byte by byte."""
        return (self.folder / "book" / "book.jsonl").read_bytes()

    @property
    def held(self) -> dict[str, Decimal]:
        """Units by symbol."""
        return read_account(self.folder / "book").book.quantities

    @property
    def cash(self) -> Decimal:
        """What the account has left."""
        return read_account(self.folder / "book").book.cash


@pytest.fixture
def following(scripted: Scripted) -> Callable[..., BoundStrategy]:
    """Return a maker of strategies that rebalance to a table of weights and hold on every other session."""

    def make(**manifest: Any) -> BoundStrategy:
        return scripted(
            lambda manifest, ctx: (
                manifest.rebalance(ctx, DECISIONS[ctx.as_of], f"weights of {ctx.as_of}")
                if ctx.as_of in DECISIONS
                else manifest.hold(ctx, "nothing new")
            ),
            **manifest,
        )

    return make


@pytest.fixture
def world(tmp_path: Path, market: Market, calendar: ExchangeCalendar, following: Callable[..., BoundStrategy]) -> World:
    return World(tmp_path / "world", market(MON, CLOSE), calendar, following())


# --- how a run ends -------------------------------------------------------------------------------


def test_a_rebalance_is_executed_and_completed(world: World) -> None:
    # 6000 / 102 = 58.8, 4000 / 50 = 80. Whole shares cost 58 x 102.0204 = 5917.1832 and 80 x 50.01 = 4000.80, and
    # 1 bp of it: 9917.9832 + 0.99179832.
    report = world.run(TUE)
    assert (report.outcome, report.action, report.as_of) == (Outcome.COMPLETED, Action.REBALANCE, MON)
    assert report.reasons == ("weights of 2023-11-27",)
    assert [(o.side, o.symbol, o.quantity, o.filled, o.average_price, o.state) for o in report.orders] == [
        (Side.BUY, "AAA", 58, 58, Decimal("102.0204"), OrderState.FILLED),
        (Side.BUY, "BBB", 80, 80, Decimal("50.01"), OrderState.FILLED),
    ]
    assert world.held == {"AAA": 58, "BBB": 80}
    assert world.cash == CASH - Decimal("9917.9832") - Decimal("0.99179832")
    assert report.account == world.broker.account()
    assert report.base == CASH


def test_sales_come_first_and_pay_for_the_buys(world: World) -> None:
    # Base 58 x 104 + 80 x 51 + 81.025 = 10193.02: AAA 2038.6 / 104 = 19.6, BBB 8154.4 / 51 = 159.9.
    world.run(TUE)
    report = world.run(WED)
    assert report.outcome is Outcome.COMPLETED
    assert [(o.side, o.symbol, o.filled) for o in report.orders] == [(Side.SELL, "AAA", 39), (Side.BUY, "BBB", 79)]
    assert world.held == {"AAA": 19, "BBB": 159}
    assert world.cash >= 0


def test_a_hold_is_no_action(world: World) -> None:
    world.run(TUE)
    world.run(WED)
    journal = world.journal
    report = world.run(THU)
    assert (report.outcome, report.action, report.reasons) == (Outcome.NO_ACTION, Action.HOLD, ("nothing new",))
    assert (report.orders, report.plan) == ((), None)
    assert world.journal == journal


def test_a_target_without_a_price_blocks_the_whole_run(
    tmp_path: Path, market: Market, calendar: ExchangeCalendar, following: Callable[..., BoundStrategy]
) -> None:
    holes = {**CLOSE, "BBB": [50.0, NAN, 51.0, 51.5, 53.0]}
    world = World(tmp_path / "world", market(MON, holes), calendar, following())
    report = world.run(TUE)
    assert report.outcome is Outcome.BLOCKED
    assert report.reasons == ("weights of 2023-11-27", "no price for BBB, which has to be traded")
    assert (report.orders, world.held, world.cash) == ((), {}, CASH)
    assert world.object(TUE, "plan") is None


def test_a_holding_without_a_price_blocks_the_decision(
    tmp_path: Path, market: Market, calendar: ExchangeCalendar, following: Callable[..., BoundStrategy]
) -> None:
    holes = {**CLOSE, "AAA": [100.0, 102.0, NAN, 103.0, 105.0]}
    world = World(tmp_path / "world", market(MON, holes), calendar, following())
    world.run(TUE)
    journal = world.journal
    report = world.run(WED)
    assert (report.outcome, report.action) == (Outcome.BLOCKED, Action.BLOCKED)
    assert report.reasons == ("no price for the holding of AAA; the account cannot be valued",)
    assert world.journal == journal


def test_a_strategy_that_blocks_blocks_the_run(world: World, scripted: Scripted) -> None:
    world.strategy = scripted(lambda manifest, ctx: manifest.blocked(ctx, "no idea"))
    report = world.run(TUE)
    assert (report.outcome, report.action, report.reasons) == (Outcome.BLOCKED, Action.BLOCKED, ("no idea",))


@pytest.mark.parametrize("hour", [14, 22])
def test_nothing_is_decided_or_traded_while_the_market_is_closed(world: World, hour: int) -> None:
    world.clock.instant = datetime(2023, 11, 28, hour, 0, tzinfo=UTC)
    report = world.run(TUE)
    assert report.outcome is Outcome.SKIPPED
    assert report.reasons == (f"XNYS is closed at 2023-11-28 {hour}:00 UTC; it trades 2023-11-28 14:30 to 21:00 UTC",)
    assert world.object(TUE, "plan") is None
    assert world.cash == CASH


def test_a_day_that_is_no_session_trades_nothing(world: World) -> None:
    report = world.run(date(2023, 11, 25))
    assert report.outcome is Outcome.SKIPPED
    assert report.reasons == ("2023-11-25 is not a session of XNYS; the next is 2023-11-27",)
    assert world.cash == CASH


def test_a_rejected_order_leaves_the_run_incomplete_and_says_why(world: World) -> None:
    class Picky(PaperBroker):
        def _match(self, book: Any, order: Order) -> Any:
            report = super()._match(book, order)
            return (
                replace(report, state=OrderState.REJECTED, fills=(), text="not today")
                if order.symbol == "BBB"
                else report
            )

    world.broker = Picky(world.folder / "book", world.market, world.clock, POLICY.rules)
    report = world.run(TUE)
    assert report.outcome is Outcome.INCOMPLETE
    assert [(o.symbol, o.state) for o in report.orders] == [("AAA", OrderState.FILLED), ("BBB", OrderState.REJECTED)]
    assert "not today" in report.reasons[-1]
    assert world.held == {"AAA": 58}


# --- asked again ----------------------------------------------------------------------------------


def test_the_same_key_gets_the_same_report_and_orders_nothing_new(world: World) -> None:
    first = world.run(TUE)
    journal = world.journal
    assert world.run(TUE) == first
    world.clock.instant += timedelta(minutes=30)
    assert world.run(TUE) == first
    assert world.journal == journal


def test_the_same_key_gets_the_same_report_whatever_prices_do(world: World, market: Market) -> None:
    first = world.run(TUE)
    moved = World(
        world.folder, market(MON, {"AAA": [1.0] * 5, "BBB": [2.0] * 5}), world.calendar, world.strategy, world.clock
    )
    assert moved.run(TUE) == first


def test_another_slot_of_the_session_does_not_order_again(world: World) -> None:
    world.run(TUE)
    journal = world.journal
    report = world.run(TUE, "2023-11-28T20:15:00Z")
    assert (report.outcome, report.orders) == (Outcome.NO_ACTION, ())
    assert world.journal == journal


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_key_of_another_profile_or_configuration_is_refused(
    world: World, following: Callable[..., BoundStrategy], interrupted: bool
) -> None:
    if interrupted:
        world.reached = stop_at(Boundary.PLAN_COMMITTED)
        with pytest.raises(Killed):
            world.run(TUE)
        world.reached = lambda boundary: None
    else:
        world.run(TUE)
    journal = world.journal
    with pytest.raises(Refused, match=r"was started for scripted .* asked was other .*: use another account or slot"):
        world.run(TUE, strategy=following(profile="other"))
    configured = BoundStrategy(world.strategy.strategy, world.strategy.config, {"share": "0.5"})
    with pytest.raises(Refused, match=r"asked was scripted .*share"):
        world.run(TUE, strategy=configured)
    if not interrupted:
        assert world.journal == journal


def test_a_run_for_another_account_is_refused_before_anything_is_written(world: World) -> None:
    stranger = RunKey("PAPER-OTHER", TUE, "cli", Mode.PAPER)
    with pytest.raises(InvalidInput, match=f"the broker reports {world.account_id}; the run is for PAPER-OTHER"):
        world.run(TUE, key=stranger)
    assert not (world.folder / "store").exists()
    assert world.cash == CASH


# --- recorded before it is sent -------------------------------------------------------------------


def test_the_whole_plan_is_recorded_before_the_first_order_is_sent_and_each_order_before_its_own(
    world: World,
) -> None:
    world.run(TUE)
    sent: list[str] = []

    class Spy(PaperBroker):
        def submit(self, order: Order) -> Any:
            plan = world.object(WED, "plan")
            planned = [line["order"] for line in plan["plan"]["lines"] if line["order"]]
            assert {o["symbol"]: o["quantity"] for o in planned} == {"AAA": "39", "BBB": "79"}
            assert order.client_order_id in {o["client_order_id"] for o in planned}
            (step,) = world.store.keys(
                f"accounts/{world.account_id}/runs/{world.key(WED).run_id}/orders/{order.client_order_id}."
            )
            stored = world.store.get(step)
            assert stored is not None
            assert json.loads(stored.data)["state"] == "SENT"
            sent.append(order.symbol)
            return super().submit(order)

    world.broker = Spy(world.folder / "book", world.market, world.clock, POLICY.rules)
    assert world.run(WED).outcome is Outcome.COMPLETED
    assert sent == ["AAA", "BBB"]


def test_buys_are_cut_to_the_cash_that_the_sales_really_brought(world: World) -> None:
    world.run(TUE)

    def fall(boundary: Boundary) -> None:
        if boundary is Boundary.PLAN_COMMITTED:
            world.market.quotes = lambda symbols: {s: fallen[s] for s in symbols}  # type: ignore[method-assign]
        if boundary is Boundary.SELLS_DONE:
            world.market.quotes = quotes  # type: ignore[method-assign]

    world.clock.instant = datetime(2023, 11, 29, 20, 0, tzinfo=UTC)
    quotes = world.market.quotes
    now = quotes(["AAA", "BBB"])
    fallen = {s: replace(quote, price=quote.price * Decimal("0.9")) for s, quote in now.items()}
    world.reached = fall
    report = world.run(WED)
    # 39 AAA at 93.6 less 2 bp and 1 bp bring 3649.31 to the 81.02 in cash; 3730.33 pay for 73 BBB at 51.0153.
    assert {o.symbol: (o.quantity, o.filled) for o in report.orders} == {"AAA": (39, 39), "BBB": (73, 73)}
    assert 0 <= world.cash < 52


def test_a_lost_answer_is_looked_up_and_the_order_is_not_sent_again(world: World) -> None:
    received: Counter[str] = Counter()

    class Deaf(PaperBroker):
        def submit(self, order: Order) -> Any:
            received[order.symbol] += 1
            super().submit(order)
            raise BrokerError("no answer within 20 s")

    world.broker = Deaf(world.folder / "book", world.market, world.clock, POLICY.rules)
    assert world.run(TUE).outcome is Outcome.COMPLETED
    assert received == {"AAA": 1, "BBB": 1}
    assert world.held == {"AAA": 58, "BBB": 80}


# --- interrupted anywhere -------------------------------------------------------------------------


class Killed(BaseException):
    """The process died here."""


def stop_at(boundary: Boundary) -> Callable[[Boundary], None]:
    def stop(reached: Boundary) -> None:
        if reached is boundary:
            raise Killed(boundary)

    return stop


@dataclass
class Fault:
    """Lets one call among all calls to broker, store and market go wrong: the one numbered ``at``.

    ``dead`` kills the process: nothing it does afterwards, such as cleaning up, has any effect. Otherwise the call
    fails with the error that its port names. ``late`` lets the call take effect first, and only its answer be lost.
    """

    at: int
    dead: bool
    late: bool
    calls: int = 0
    fired: str = ""
    submitted: Counter[str] = field(default_factory=Counter)

    def wrap(self, port: Any) -> Any:
        """Return a port whose calls are counted, and one of which goes wrong."""
        return _Faulty(port, self)

    def call(self, port: Any, name: str, arguments: Any, keywords: Any) -> Any:
        """Pass a call on to the port, unless it is its turn to go wrong."""
        if self.fired and self.dead:
            raise Killed(self.fired)
        self.calls += 1
        strikes = self.calls == self.at
        if strikes:
            self.fired = f"{type(port).__name__}.{name}"
        if strikes and not self.late:
            raise self.error(port)
        if name == "submit":
            self.submitted[arguments[0].client_order_id] += 1
        result = getattr(port, name)(*arguments, **keywords)
        if strikes:
            raise self.error(port)
        return result

    def error(self, port: Any) -> BaseException:
        """Return what is raised."""
        if self.dead:
            return Killed(self.fired)
        return StoreError("the store is down") if isinstance(port, FileStore) else BrokerError("the broker is down")


class _Faulty:
    def __init__(self, port: Any, fault: Fault) -> None:
        self._port, self._fault = port, fault

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *arguments, **keywords: self._fault.call(self._port, name, arguments, keywords)


@pytest.fixture
def uninterrupted(world: World, tmp_path: Path) -> tuple[RunReport, bytes]:
    """Return report and journal of Wednesday's run; ``world`` stays before it."""
    world.run(TUE)
    shutil.copytree(world.folder, tmp_path / "other")
    other = World(tmp_path / "other", world.table, world.calendar, world.strategy)
    report = other.run(WED)
    assert len(report.orders) == 2
    return report, other.journal


def copies(world: World, tmp_path: Path) -> Iterator[World]:
    """Yield one fresh copy of ``world`` after another."""
    for number in count():
        folder = tmp_path / f"copy-{number}"
        shutil.copytree(world.folder, folder)
        yield World(folder, world.table, world.calendar, world.strategy)


def finish(world: World, faults: Iterator[Fault]) -> tuple[RunReport, list[Fault]]:
    """Run Wednesday's session again and again, each time with the next fault, until a run ends."""
    suffered: list[Fault] = []
    for fault in faults:
        world.wrap = fault.wrap
        suffered.append(fault)
        try:
            return world.run(WED), suffered
        except (Killed, StoreError, BrokerError, InProgress):
            world.store.time += timedelta(minutes=5)
            assert len(suffered) < 200
    raise AssertionError("no run ended")


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("dead", [True, False], ids=["killed", "failing"])
def test_a_run_interrupted_at_any_call_ends_as_if_it_had_not_been(
    world: World, uninterrupted: tuple[RunReport, bytes], tmp_path: Path, dead: bool, late: bool
) -> None:
    steps: list[str] = []
    for at, copy in enumerate(copies(world, tmp_path), start=1):
        fault = Fault(at, dead, late)
        report, suffered = finish(copy, (fault if n == 0 else Fault(0, dead, late) for n in count()))
        copy.wrap = lambda port: port
        submitted = sum((one.submitted for one in suffered), Counter[str]())
        assert max(submitted.values()) == 1, f"{fault.fired}, call {at}: an order reached the broker twice"
        assert copy.run(WED) == report, f"{fault.fired}, call {at}: asked again, it tells something else"
        if any("halted: the store cannot be read" in reason for reason in report.reasons):
            copy.run(WED, "next slot")
            assert copy.held == {"AAA": 19, "BBB": 159}, (
                f"{fault.fired}, call {at}: the next slot did not make up for it"
            )
        else:
            assert (report, copy.journal) == uninterrupted, f"{fault.fired}, call {at}"
        shutil.rmtree(copy.folder)
        if not fault.fired:
            break
        steps.append(fault.fired)
    assert steps.count("PaperBroker.submit") == 2
    assert len(steps) > 20


def test_a_run_interrupted_again_and_again_a_call_later_each_time_ends_as_if_it_had_not_been(
    world: World, uninterrupted: tuple[RunReport, bytes]
) -> None:
    report, suffered = finish(world, (Fault(at, dead=True, late=at % 2 == 0) for at in count(1)))
    assert (report, world.journal) == uninterrupted
    assert len(suffered) > 20
    assert set(sum((one.submitted for one in suffered), Counter[str]()).values()) == {1}


@pytest.mark.parametrize("boundary", Boundary)
def test_a_worker_stopped_at_a_boundary_is_taken_over_from_where_it_was(
    world: World, uninterrupted: tuple[RunReport, bytes], boundary: Boundary
) -> None:
    world.reached = stop_at(boundary)
    with pytest.raises(Killed):
        world.run(WED)
    world.reached = lambda boundary: None
    world.store.time += timedelta(minutes=5)
    assert (world.run(WED), world.journal) == uninterrupted


def test_a_worker_that_died_is_taken_over_only_after_its_lease(
    world: World, uninterrupted: tuple[RunReport, bytes]
) -> None:
    fault = Fault(0, dead=True, late=False)
    world.wrap = fault.wrap
    world.reached = lambda boundary: setattr(fault, "fired", str(boundary)) if boundary is Boundary.ORDER_SENT else None
    with pytest.raises(Killed):
        world.run(WED)
    world.wrap, world.reached = (lambda port: port), (lambda boundary: None)
    journal = world.journal
    with pytest.raises(InProgress, match="cli works on the account; ask again in 60 s"):
        world.run(WED)
    assert world.journal == journal
    world.store.time += timedelta(seconds=60)
    assert (world.run(WED), world.journal) == uninterrupted


def test_an_interrupted_run_is_finished_before_a_later_session_decides(
    world: World, uninterrupted: tuple[RunReport, bytes]
) -> None:
    world.reached = stop_at(Boundary.SELLS_DONE)
    with pytest.raises(Killed):
        world.run(WED)
    world.reached = lambda boundary: None
    later = world.run(THU)
    left = ReportStore(Store(world.folder / "reports")).find(world.key(WED).run_id)
    assert left is not None
    assert [(o.symbol, o.state) for o in left.orders] == [("AAA", OrderState.FILLED), ("BBB", OrderState.CANCELLED)]
    assert left.outcome is Outcome.INCOMPLETE
    # The decision of Tuesday is still due on Wednesday's close: Thursday's session buys what was not bought.
    assert (later.executes, later.outcome) == (TUE, Outcome.COMPLETED)
    assert {o.symbol for o in later.orders if o.side is Side.BUY} == {"BBB"}
    assert world.cash >= 0


def test_an_error_of_the_product_is_one_line(world: World, following: Callable[..., BoundStrategy]) -> None:
    world.run(TUE)
    with pytest.raises(QuantError) as refused:
        world.run(TUE, strategy=following(profile="other"))
    assert "\n" not in str(refused.value)
