"""What the tests of the exactly-once core share: a store and a broker in memory, and the world a run lives in.

Time stands still until somebody sleeps on the clock or moves it. Prices are in USD, quantities are whole, trading costs
nothing: what a test expects can be worked out by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from threading import RLock
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, Conflict, OrderRejected, StoreError
from quant_platform_kit.domain.identity import Mode, RunKey, client_order_id
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side
from quant_platform_kit.domain.paper_book import PaperBook
from quant_platform_kit.domain.planning import ExecutionRules, OrderPlan, PlanLine, Residual
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.runs import OrderRecord, RunPlan, RunReport
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.domain.strategy import (
    Action,
    BoundStrategy,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.believing import believe
from quant_platform_kit.services.operate.switches import FlagEntry, allowed, halts
from quant_platform_kit.services.record.leases import AccountLease, LeaseState, LeaseTerms, read_lease
from quant_platform_kit.services.record.ledger import DecisionLedger, RunLedger
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.record.seen import Seen
from quant_platform_kit.services.run.execution import Execution, ExecutionTimes
from quant_platform_kit.services.run.gateway import Gateway
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms
from quant_platform_kit.services.run.run_cycle import run_cycle
from quant_platform_kit.testing.feature_shelf import FeatureShelf

ACCOUNT = "DUSBX001"
CALENDAR = load_calendar("XNYS")
NAN = float("nan")
PLAIN = ExecutionRules(Decimal(1), Decimal(0), Decimal(0), Decimal(0), Decimal(0), Decimal(0))
"""Whole shares, no costs, no buffer, no thresholds."""
AT_ONCE = BrokerTraits(visibility_window=timedelta(0))
"""Of a broker at which everything is settled when a call returns."""


class Killed(BaseException):
    """The process died here."""


def moment(text: str) -> datetime:
    """Return an instant, given as ``2023-11-28 20:00`` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def prices(first: date, **closes: Sequence[float]) -> PriceTable:
    """Return a market: one list per symbol, one close per session from ``first`` on."""
    rows = len(next(iter(closes.values())))
    sessions = CALENDAR.sessions[CALENDAR.sessions.index(first) :][:rows]
    return PriceTable(
        np.array(sessions, dtype="datetime64[D]"), tuple(closes), {"close": np.column_stack(list(closes.values()))}
    )


# --- strategies ------------------------------------------------------------------------------------


class NoConfig(BaseModel):
    """No settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Rule:
    Config = NoConfig

    def __init__(self, manifest: StrategyManifest, decide: Callable[..., StrategyDecision]) -> None:
        self.manifest, self.decide = manifest, decide

    def evaluate(self, ctx: StrategyContext, config: NoConfig) -> StrategyDecision:
        """Decide as the test says."""
        return self.decide(self.manifest, ctx)


def rule(decide: Callable[[StrategyManifest, StrategyContext], StrategyDecision], **manifest: Any) -> BoundStrategy:
    """Return a strategy whose rule is a function; keywords overwrite its manifest."""
    declared: dict[str, Any] = {
        "profile": "scripted",
        "display_name": "Scripted",
        "target_mode": TargetMode.WEIGHT,
        "required_inputs": frozenset({InputName.MARKET_HISTORY, InputName.PORTFOLIO_SNAPSHOT}),
        "managed": ("AAA", "BBB"),
        "history_sessions": 2,
        "sources": ("the test",),
    }
    return bind(_Rule(StrategyManifest(**{**declared, **manifest}), decide))


def following(
    decisions: Mapping[date, Mapping[str, float]], *, buy_only: bool = False, **manifest: Any
) -> BoundStrategy:
    """Return a strategy that rebalances to these targets on these sessions, and holds on every other."""

    def decide(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
        targets = decisions.get(ctx.as_of)
        if targets is None:
            return manifest.hold(ctx, "nothing new")
        return manifest.rebalance(ctx, targets, f"targets of {ctx.as_of}", buy_only=buy_only)

    return rule(decide, **manifest)


# --- the store -------------------------------------------------------------------------------------


class MemoryStore:
    """A `VersionedStore` in memory, with the clock of its own that it is given.

    Attributes
    ----------
    down
        While set, nothing can be read or written.
    writes
        Every key written, oldest first.
    fault
        Called with the operation, the key and whether it was done, before and after each; may raise.
    """

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.objects: dict[str, Stored] = {}
        self.down = False
        self.writes: list[str] = []
        self.fault: Callable[[str, str, bool], None] = lambda operation, key, done: None
        self._lock = RLock()

    def _begin(self, operation: str, key: str) -> None:
        if self.down:
            raise StoreError("the store is down")
        self.fault(operation, key, False)

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist."""
        self._begin("create", key)
        with self._lock:
            if key in self.objects:
                raise Conflict(f"{key} exists already")
            self.objects[key] = Stored(data, 1)
            self.writes.append(key)
        self.fault("create", key, True)
        return 1

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object of a known generation."""
        self._begin("replace", key)
        with self._lock:
            known = self.objects.get(key)
            if known is None or known.generation != generation:
                raise Conflict(f"{key} has another generation than {generation}")
            self.objects[key] = Stored(data, generation + 1)
            self.writes.append(key)
        self.fault("replace", key, True)
        return generation + 1

    def get(self, key: str) -> Stored | None:
        """Return an object."""
        self._begin("get", key)
        return self.objects.get(key)

    def now(self) -> datetime:
        """Return the store's time."""
        self._begin("now", "")
        return self.clock.now()

    def keys(self, prefix: str) -> list[str]:
        """Return every key with a prefix."""
        self._begin("keys", prefix)
        with self._lock:
            return sorted(key for key in self.objects if key.startswith(prefix))


def switch(store: MemoryStore, scope: str, *, on: bool = True, allow: bool = False) -> None:
    """Set a halt, or an entry of the allow-list, as an operator does."""
    flags = allowed(store) if allow else halts(store)
    flags.set(scope, FlagEntry(on, "mira", "test", store.clock.now()))


def trust(store: MemoryStore, symbol: str, *sessions: date) -> None:
    """Believe a symbol's prices, as an operator does."""
    for session in sessions:
        believe(Operator(store, store.clock, "mira"), symbol, session, "test")


# --- the broker ------------------------------------------------------------------------------------


class Way(Enum):
    """What becomes of one order at the broker of a test."""

    FILL = "filled at once"
    HALF = "half of it filled, the rest cancelled by the broker"
    WORK = "works until it is cancelled"
    RACE = "works until it is cancelled, and fills just before the cancel"
    LATE = "works, and fills after the desk's delay"
    REJECT = "refused"
    LOST = "filled at once, but the answer is lost"
    DROP = "lost on the way"
    DELAY = "no answer; arrives and fills after the desk's delay"


SILENT = frozenset({Way.LOST, Way.DROP, Way.DELAY})


@dataclass
class _Entry:
    order: Order
    way: Way
    arrives: datetime
    fills: datetime
    report: ExecutionReport | None = None


@dataclass
class Desk:
    """A broker in memory.

    Attributes
    ----------
    ways
        symbol -> what becomes of its next orders, used up one by one; FILL after that.
    received
        Every order that reached the broker, repetitions included.
    other_cash
        Cash in other currencies; ``usd`` says whether USD can be told apart.
    foreign
        Working orders of somebody else.
    dedupe
        Whether a repeated client order id gets its old answer; else it makes a second order.
    """

    clock: FrozenClock
    market: Any
    book: PaperBook
    rules: ExecutionRules = PLAIN
    traits: BrokerTraits = AT_ONCE
    ways: dict[str, list[Way]] = field(default_factory=dict)
    received: list[Order] = field(default_factory=list)
    other_cash: dict[str, Decimal] = field(default_factory=dict)
    usd: bool = True
    foreign: list[ExecutionReport] = field(default_factory=list)
    dedupe: bool = True
    delay: timedelta = timedelta(seconds=10)
    logins: int = 0
    on_submit: Callable[[Order], None] = lambda order: None
    entries: list[_Entry] = field(default_factory=list)

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.book.account_id

    def connect(self) -> None:
        """Log in."""
        self.logins += 1

    def account(self) -> AccountState:
        """Return cash and units."""
        self._move_on()
        cash = {"USD": self.book.cash} if self.usd else {}
        state = self.book.state()
        return replace(state, cash_by_currency={**cash, **self.other_cash}, buying_power=None)

    def submit(self, order: Order) -> ExecutionReport:
        """Take an order, as the script says."""
        self.on_submit(order)
        self.received.append(order)
        now = self.clock.now()
        if self.dedupe and (known := self.find(order.client_order_id)):
            return known
        script = self.ways.get(order.symbol)
        way = script.pop(0) if script else Way.FILL
        if way is not Way.DROP:
            arrives = now + self.delay if way is Way.DELAY else now
            fills = now + self.delay if way in (Way.DELAY, Way.LATE) else now
            self.entries.append(_Entry(order, way, arrives, fills))
        if way in SILENT:
            self.clock.sleep(self.traits.timeout.total_seconds())
            raise BrokerError(f"no answer within {self.traits.timeout.total_seconds():g} s")
        report = self.find(order.client_order_id)
        assert report is not None
        if report.state is OrderState.REJECTED:
            raise OrderRejected(report.text)
        return report

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return what is known of an order."""
        self._move_on()
        found = (e.report for e in self.entries if e.order.client_order_id == client_order_id and e.report)
        return next(found, None)

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel a working order."""
        self._move_on()
        entry = next((e for e in self.entries if e.order.client_order_id == client_order_id and e.report), None)
        if entry is None or entry.report is None:
            raise OrderRejected(f"order {client_order_id} is not known")
        if entry.way is Way.RACE and not entry.report.state.terminal:
            self._fill(entry, entry.order.quantity, OrderState.FILLED)
        elif not entry.report.state.terminal:
            entry.report = replace(entry.report, state=OrderState.CANCELLED)
        return entry.report

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return the working orders."""
        self._move_on()
        own = (e.report for e in self.entries if e.report and not e.report.state.terminal)
        return (*own, *self.foreign)

    @property
    def sent(self) -> Counter[str]:
        """How often each symbol was sent."""
        return Counter(order.symbol for order in self.received)

    @property
    def bought(self) -> dict[str, Decimal]:
        """USD spent per symbol."""
        total: dict[str, Decimal] = {}
        for fill in self.fills:
            if fill.side is Side.BUY:
                total[fill.symbol] = total.get(fill.symbol, Decimal(0)) + fill.quantity * fill.price
        return total

    @property
    def fills(self) -> list[Fill]:
        """Every fill."""
        return [fill for entry in self.entries if entry.report for fill in entry.report.fills]

    def _move_on(self) -> None:
        """Let happen what is due by now."""
        now = self.clock.now()
        for entry in self.entries:
            if entry.report is None and entry.arrives <= now:
                self._arrive(entry)
            if entry.report and entry.way is Way.LATE and not entry.report.state.terminal and entry.fills <= now:
                self._fill(entry, entry.order.quantity, OrderState.FILLED)

    def _arrive(self, entry: _Entry) -> None:
        entry.report = ExecutionReport(entry.order, OrderState.ACKNOWLEDGED)
        if entry.way is Way.REJECT:
            entry.report = ExecutionReport(entry.order, OrderState.REJECTED, (), "not today")
        elif entry.way is Way.HALF:
            self._fill(entry, self.rules.whole(entry.order.quantity / 2), OrderState.CANCELLED)
        elif entry.way not in (Way.WORK, Way.RACE, Way.LATE):
            self._fill(entry, entry.order.quantity, OrderState.FILLED)

    def _fill(self, entry: _Entry, quantity: Decimal, state: OrderState) -> None:
        order, price = entry.order, self.market.quotes([entry.order.symbol])[entry.order.symbol].price
        fill = self.book.match(replace(order, quantity=quantity), price, self.rules, self.clock.now())
        self.book.apply(fill)
        fill = replace(fill, execution_id=f"x{len(self.fills)}")
        entry.report = ExecutionReport(order, state, (fill,))


# --- the world -------------------------------------------------------------------------------------


@dataclass
class World:
    """An account at a `Desk`, its store and reports, a market and a clock."""

    table: PriceTable
    strategy: BoundStrategy
    cash: Decimal = Decimal(10_000)
    policy: ExecutionPolicy = field(default_factory=lambda: ExecutionPolicy(rules=PLAIN))
    terms: RunTerms = field(default_factory=lambda: RunTerms(ExecutionTimes(poll=timedelta(seconds=10))))
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(moment("2023-11-01 00:00")))
    reached: Callable[[Boundary], None] = lambda boundary: None
    login: str = ""

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock)
        self.report_store = MemoryStore(self.clock)
        self.shelf = FeatureShelf(CALENDAR)
        self.seen = Seen()
        self.market: Any = FileMarketData(self.table, CALENDAR, self.clock)
        self.desk = Desk(self.clock, self.market, PaperBook(ACCOUNT, "USD", self.cash), self.policy.rules)

    @property
    def reports(self) -> ReportStore:
        """The published reports."""
        return ReportStore(self.report_store)

    def key(self, session: date, slot: str = "cli", mode: Mode = Mode.PAPER) -> RunKey:
        """Return the key of a run in ``session``."""
        return RunKey(ACCOUNT, session, slot, mode)

    def go_to(self, session: date) -> None:
        """Move the clock to 20:00 UTC of a day, unless it is there or later on it."""
        instant = datetime(session.year, session.month, session.day, 20, tzinfo=UTC)
        if self.clock.instant.date() != session or self.clock.instant < instant:
            self.clock.instant = instant

    def run(self, session: date, slot: str = "cli", mode: Mode = Mode.PAPER, **request: Any) -> RunReport:
        """Run in ``session``, at 15:00 in New York of a winter's day unless the clock is on that day, and later."""
        self.go_to(session)
        return self.run_now(session, slot, mode, **request)

    def run_now(self, session: date, slot: str = "cli", mode: Mode = Mode.PAPER, **request: Any) -> RunReport:
        """Run in ``session`` at whatever time it is."""
        ports = RunPorts(
            self.desk,
            self.market,
            self.store,
            self.reports,
            self.clock,
            CALENDAR,
            self.reached,
            features=self.shelf,
            seen=self.seen,
            whose=lambda: self.login,
        )
        asked = RunRequest(**{"strategy": self.strategy, "key": self.key(session, slot, mode), **request})
        return run_cycle(asked, ports, self.policy, self.terms)

    def die_at(self, boundary: Boundary, session: date, slot: str = "cli", **request: Any) -> None:
        """Run, and be killed at a boundary: nothing is cleaned up."""
        with self.dying(boundary):
            self.run(session, slot, **request)

    def dying(self, boundary: Boundary, occurrence: int = 1) -> _Dying:
        """Return a context in which a run is killed when it reaches a boundary for the n-th time."""
        return _Dying(self, boundary, occurrence)

    def lease(self) -> LeaseState:
        """Return what the lease object says."""
        state = read_lease(self.store, ACCOUNT)
        assert state is not None
        return state

    def decisions(self, profile: str = "scripted", mode: Mode = Mode.PAPER) -> DecisionLedger:
        """Return the decisions of a profile on the account."""
        return DecisionLedger(self.store, ACCOUNT, profile, mode)

    @property
    def held(self) -> dict[str, Decimal]:
        """Units by symbol."""
        return self.desk.book.quantities


class _Dying:
    def __init__(self, world: World, boundary: Boundary, occurrence: int) -> None:
        self.world, self.boundary, self.left = world, boundary, occurrence

    def __enter__(self) -> None:
        self.world.reached = self._reached

    def _reached(self, boundary: Boundary) -> None:
        self.left -= boundary is self.boundary
        if boundary is self.boundary and self.left == 0:
            self.world.store.down = self.world.report_store.down = True
            raise Killed(boundary)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        self.world.reached = lambda boundary: None
        self.world.store.down = self.world.report_store.down = False
        if kind is None:
            pytest.fail(f"the run never reached {self.boundary}")
        return kind is Killed


# --- one plan on its way ---------------------------------------------------------------------------


@dataclass
class Bench:
    """An execution without a run around it: one plan of some orders, a gateway, a lease."""

    clock: FrozenClock
    market: Any
    desk: Desk
    store: MemoryStore
    policy: ExecutionPolicy = field(default_factory=lambda: ExecutionPolicy(rules=PLAIN))
    terms: LeaseTerms = field(default_factory=LeaseTerms)
    session: date = date(2023, 11, 28)
    mode: Mode = Mode.PAPER
    service: str = "cli"
    reached: Callable[[Boundary], None] = lambda boundary: None

    def __post_init__(self) -> None:
        self.run_key = RunKey(ACCOUNT, self.session, "cli", Mode.PAPER)
        self.lease = self.take()

    def take(self) -> AccountLease:
        """Take the account's lease."""
        return AccountLease.acquire(self.store, ACCOUNT, "worker", self.terms, self.clock, opening="run")

    def order(self, symbol: str, side: Side, quantity: int) -> Order:
        """Return an order of the run."""
        return Order(client_order_id(self.run_key, symbol, side.value, 0), symbol, side, Decimal(quantity))

    @property
    def ledger(self) -> RunLedger:
        """What the store knows of the run."""
        return RunLedger(self.store, ACCOUNT, self.run_key.run_id)

    def execution(self, *orders: Order, same_session: bool = True) -> Execution:
        """Return the execution of a plan with these orders, from where the ledger has them."""
        quotes = self.market.quotes([order.symbol for order in orders])
        planned = {symbol: quote.price for symbol, quote in quotes.items()}
        gateway = Gateway(
            self.desk,
            self.store,
            self.clock,
            CALENDAR,
            self.lease,
            self.ledger,
            self.policy,
            self.service,
            self.mode,
            self.session,
            planned,
            self.reached,
        )
        zero = Decimal(0)
        lines = tuple(
            PlanLine(o.symbol, zero, o.quantity, planned.get(o.symbol), o, zero, Residual.NONE) for o in orders
        )
        plan = RunPlan(
            executes=None,
            as_of=CALENDAR.before(self.session),
            action=Action.REBALANCE,
            digest="",
            plan=OrderPlan(lines),
            base=self.desk.book.cash,
            account=self.desk.account(),
            prices=planned,
            buffer=zero,
            reasons=(),
            behind=(),
            findings=(),
            bought_by={},
            committed_at=self.clock.now(),
        )
        times = ExecutionTimes(poll=timedelta(seconds=10))
        return Execution(gateway, self.market, plan, times, self.ledger.orders(orders), same_session)

    def run(self, *orders: Order, same_session: bool = True) -> list[OrderRecord]:
        """Execute a plan with these orders."""
        return list(self.execution(*orders, same_session=same_session).run())
