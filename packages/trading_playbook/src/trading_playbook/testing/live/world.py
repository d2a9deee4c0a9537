"""Processes of live sessions in one world: each can be killed at a boundary, after which nothing it does has effect."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from quant_platform_kit.domain.errors import BrokerError, OrderRejected
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState
from quant_platform_kit.domain.portfolio import AccountState, Balance
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.ports.versioned_store import Stored

from trading_playbook.dp20.bars import Bar
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.live.events import Noted, Terms
from trading_playbook.live.ports import BarTold, Connection, LivePorts, Told
from trading_playbook.live.running import Wanted, Worker, run_session
from trading_playbook.live.session import LiveSession
from trading_playbook.testing.live.clock import VirtualClock, VirtualStore
from trading_playbook.testing.live.exchange import Exchange

__all__ = ["ACCOUNT", "LATENCY", "Delivery", "Killed", "Process", "World"]

ACCOUNT, SERVICE, SYMBOL = "DUSBX000001", "trading-playbook-live", "QQQ"
LATENCY = timedelta(seconds=1)
"""From a bar's end until it is told."""
BEFORE = timedelta(minutes=5)
"""Before the open, when a world begins."""
TRAITS = BrokerTraits(visibility_window=timedelta(seconds=5), timeout=timedelta(seconds=2), stop_orders=True)
LEASE = timedelta(seconds=12)


class Killed(BaseException):
    """The process is gone."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that the stream tells at an instant."""

    at: datetime
    told: Told


@dataclass
class World:
    """One session of one account.

    Attributes
    ----------
    bars
        All that the market did.
    deliveries
        What the stream tells, by time; at first every bar once, soon after its end.
    rest_down
        Spells in which REST does not answer.
    told
        What somebody was alerted of.
    """

    opens: datetime
    minutes: int
    sma: float | None
    bars: Sequence[Bar]
    parameters: Dp20Parameters = field(default_factory=Dp20Parameters)
    cash: Decimal = Decimal(100_000)
    mode: Mode = Mode.PAPER
    risk: Decimal = Decimal("0.005")
    rest_down: list[tuple[datetime, datetime]] = field(default_factory=list[tuple[datetime, datetime]])
    told: list[Noted] = field(default_factory=list[Noted])
    boundaries: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self.clock = VirtualClock(self.opens - BEFORE)
        self.store = VirtualStore(self.clock)
        self.exchange = Exchange(self.clock, self.opens, self.bars, self.cash)
        self.deliveries = [Delivery(self.at(bar.minute + 1) + LATENCY, BarTold(bar)) for bar in self.bars]

    def at(self, minute: int) -> datetime:
        """Return the instant of a minute since the open."""
        return self.opens + timedelta(minutes=minute)

    @property
    def terms(self) -> Terms:
        """What the session goes by."""
        key = RunKey(ACCOUNT, self.opens.date(), f"playbook {SYMBOL}", self.mode)
        numbers = self.parameters.model_dump()
        return Terms(key, SERVICE, SYMBOL, self.opens, self.minutes, 1, self.sma, numbers, "iex", self.risk)

    @property
    def wanted(self) -> Wanted:
        """The session."""
        return Wanted(self.terms.key, SERVICE, lambda: self.terms)

    def process(self, doom: Callable[[str], bool] = lambda _: False) -> Process:
        """Return a process that starts now; it is killed at the first boundary of which ``doom`` says so."""
        return Process(self, doom)


class Process:
    """One process: its store, broker and feed end with it.

    Attributes
    ----------
    connected_at
        When it had its broker, aware UTC; None before.
    """

    def __init__(self, world: World, doom: Callable[[str], bool]) -> None:
        self.world, self._doom = world, doom
        self.alive = True
        self.connected_at: datetime | None = None
        self.feed = _Feed(self)
        self.ports = LivePorts(
            broker=_Broker(self),
            feed=self.feed,
            store=_Store(self),
            clock=world.clock,
            tell=lambda _, noted: world.told.append(noted),
            reached=self._reached,
        )

    def run(self, holder: str = "first", stopped: Callable[[], bool] = lambda: False) -> LiveSession | None:
        """Run the world's session; raises `Killed` where it is."""
        try:
            return run_session(self.world.wanted, self.ports, Worker(holder, LEASE, stopped, LEASE))
        finally:
            self.alive = False

    def require(self) -> None:
        """Do nothing for a process that is gone."""
        if not self.alive:
            raise Killed

    def _reached(self, boundary: str) -> None:
        self.world.boundaries[boundary] += 1
        if boundary == "connected":
            self.connected_at = self.world.clock.now()
        if self._doom(boundary):
            self.alive = False
            raise Killed


class _Store:
    def __init__(self, process: Process) -> None:
        self._process, self._store = process, process.world.store

    def create(self, key: str, data: bytes) -> int:
        self._process.require()
        return self._store.create(key, data)

    def replace(self, key: str, data: bytes, generation: int) -> int:
        self._process.require()
        return self._store.replace(key, data, generation)

    def get(self, key: str) -> Stored | None:
        self._process.require()
        return self._store.get(key)

    def keys(self, prefix: str) -> list[str]:
        self._process.require()
        return self._store.keys(prefix)

    def now(self) -> datetime:
        return self._store.now()


class _Broker:
    def __init__(self, process: Process) -> None:
        self._process, self._exchange = process, process.world.exchange

    @property
    def account_id(self) -> str:
        return ACCOUNT

    @property
    def traits(self) -> BrokerTraits:
        return TRAITS

    def connect(self) -> None:
        self._process.require()

    def account(self) -> AccountState:
        self._process.require()
        exchange = self._exchange
        held, cash = exchange.held, exchange.cash
        worth = held * exchange.price
        balance = Balance("USD", cash, worth, cash + worth, {"USD": cash})
        return AccountState(ACCOUNT, {"USD": cash}, {SYMBOL: held} if held else {}, cash, balance)

    def submit(self, order: Order) -> ExecutionReport:
        self._process.require()
        report = self._exchange.submit(order)
        if report is None:
            self._process.world.clock.sleep(TRAITS.timeout.total_seconds())
            raise BrokerError("no answer")
        if report.state is OrderState.REJECTED:
            raise OrderRejected("the exchange does not like it")
        return report

    def find(self, client_order_id: str) -> ExecutionReport | None:
        self._process.require()
        working = self._exchange.orders.get(client_order_id)
        return None if working is None else working.report

    def cancel(self, client_order_id: str) -> ExecutionReport:
        self._process.require()
        if (report := self._exchange.cancel(client_order_id)) is None:
            raise OrderRejected(f"order {client_order_id} is not known")
        return report

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        self._process.require()
        return tuple(working.report for working in self._exchange.orders.values() if working.is_open)

    def may_have_left(self, client_order_id: str) -> bool:
        return True


class _Feed:
    """The stream from when it is first listened to; what was told before, nobody tells again."""

    def __init__(self, process: Process) -> None:
        self._process, self._world = process, process.world
        self._left: deque[Delivery] = deque()
        self._connected = False

    def poll(self, seconds: float) -> Sequence[Told]:
        self._process.require()
        if not self._connected:
            self._connected = True
            now = self._world.clock.now()
            to_come = (each for each in self._world.deliveries if each.at > now)
            self._left = deque(sorted(to_come, key=lambda each: each.at))
            return [Connection(up=True)]
        clock = self._world.clock
        until = clock.now() + timedelta(seconds=seconds)
        clock.reach(min(until, self._left[0].at) if self._left else until)
        due: list[Told] = []
        while self._left and self._left[0].at <= clock.now():
            due.append(self._left.popleft().told)
        return due

    def so_far(self) -> Sequence[Bar]:
        self._process.require()
        world, now = self._world, self._world.clock.now()
        if any(begins <= now < ends for begins, ends in world.rest_down):
            raise BrokerError("the bars cannot be asked for")
        return [bar for bar in world.bars if world.at(bar.minute + 1) <= now]

    def close(self) -> None:
        """End nothing."""
