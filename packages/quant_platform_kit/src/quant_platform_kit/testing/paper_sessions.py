"""A paper account over many sessions, in memory and on virtual time, at a market with spreads and accidents.

The runs are `run_cycle` as services make them, one a session at its close; what a market does to their orders, and what
happens to the account besides, is said by session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState
from quant_platform_kit.domain.paper_book import PaperBook
from quant_platform_kit.domain.planning import ExecutionRules
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle
from quant_platform_kit.testing.simulation.objects import Objects

__all__ = ["CASH", "Accidents", "PaperSessions"]

ACCOUNT, CASH = "DUSBXPAPER", Decimal(100_000)
ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Accidents:
    """What happens beyond the ordinary, by session.

    Attributes
    ----------
    market_rules
        What the market takes, spread and commission; None for what the service expects.
    shares
        Share of each order that is filled; the rest is cancelled by the broker.
    halts
        Sessions in which the account is halted.
    deposits
        Cash that comes before the run, negative for what goes.
    trades
        Symbol and units that somebody trades by hand before the run, at the session's price.
    """

    market_rules: ExecutionRules | None = None
    shares: Mapping[date, Decimal] = field(default_factory=dict[date, Decimal])
    halts: frozenset[date] = frozenset()
    deposits: Mapping[date, Decimal] = field(default_factory=dict[date, Decimal])
    trades: Mapping[date, tuple[str, Decimal]] = field(default_factory=dict[date, tuple[str, Decimal]])


class _MemoryStore(Objects):
    """Objects with a clock: a `VersionedStore`."""

    def __init__(self, clock: FrozenClock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> datetime:
        """Return the present instant."""
        return self._clock.now()


@dataclass(slots=True)
class _Desk:
    """A broker that fills at the quote what the accidents let it fill.

    Attributes
    ----------
    market_rules
        Its spread and commission.
    share
        Of each order, for the present session.
    """

    book: PaperBook
    market: MarketData
    clock: FrozenClock
    market_rules: ExecutionRules
    share: Decimal = ONE
    reports: dict[str, ExecutionReport] = field(default_factory=dict[str, ExecutionReport])

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.book.account_id

    @property
    def traits(self) -> BrokerTraits:
        """Everything a call does is done when it returns."""
        return BrokerTraits(visibility_window=timedelta(0))

    def connect(self) -> None:
        """Do nothing."""

    def account(self) -> AccountState:
        """Return cash and units."""
        return self.book.state()

    def submit(self, order: Order) -> ExecutionReport:
        """Fill what is to be filled of an order."""
        units = self.market_rules.whole(order.quantity * self.share)
        if not units:
            report = ExecutionReport(order, OrderState.CANCELLED, (), "nobody was there")
        else:
            price = self.market.quotes([order.symbol])[order.symbol].price
            fill = self.book.match(replace(order, quantity=units), price, self.market_rules, self.clock.now())
            self.book.apply(fill)
            state = OrderState.FILLED if units == order.quantity else OrderState.CANCELLED
            report = ExecutionReport(order, state, (fill,))
        self.reports[order.client_order_id] = report
        return report

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return what became of an order."""
        return self.reports.get(client_order_id)

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Return what became of an order, which has ended."""
        return self.reports[client_order_id]

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return nothing: every order has ended."""
        return ()

    def may_have_left(self, client_order_id: str) -> bool:
        """Return True: nothing is recorded here."""
        return True


class PaperSessions:
    """An account, its runs and what they left behind.

    Parameters
    ----------
    policy
        How the service sizes orders.
    """

    account_id = ACCOUNT

    def __init__(
        self,
        strategy: BoundStrategy,
        prices: PriceTable,
        calendar: ExchangeCalendar,
        accidents: Accidents | None = None,
        policy: ExecutionPolicy | None = None,
    ) -> None:
        self.strategy, self.calendar = strategy, calendar
        self.policy, self.accidents = policy or ExecutionPolicy(), accidents or Accidents()
        self.clock = FrozenClock(calendar.hours(prices.sessions[1]).close)
        self.market = FileMarketData(prices, calendar, self.clock)
        self.store, self._reports = _MemoryStore(self.clock), _MemoryStore(self.clock)
        self.reports = ReportStore(self._reports)
        rules = self.accidents.market_rules or self.policy.rules
        self.desk = _Desk(PaperBook(ACCOUNT, "USD", CASH), self.market, self.clock, rules)

    def run(self, session: date) -> RunReport:
        """Let what is to happen in a session happen, and run once at its close."""
        self.clock.instant = self.calendar.hours(session).close
        self._happen(session)
        key = RunKey(ACCOUNT, session, "close", Mode.PAPER)
        ports = RunPorts(self.desk, self.market, self.store, self.reports, self.clock, self.calendar)
        halted = session in self.accidents.halts
        if halted:
            self._halt(on=True)
        report = run_cycle(RunRequest(self.strategy, key), ports, self.policy)
        if halted:
            self._halt(on=False)
        return report

    def run_all(self, first: date, last: date) -> list[RunReport]:
        """Run in every session from ``first`` to ``last``."""
        return [self.run(session) for session in self.calendar.between(first, last)]

    def lose(self, key: str) -> None:
        """Lose an object of the report store."""
        self._reports.lose(key)

    def _happen(self, session: date) -> None:
        book, accidents = self.desk.book, self.accidents
        self.desk.share = accidents.shares.get(session, ONE)
        book.cash += accidents.deposits.get(session, ZERO)
        if session in accidents.trades:
            symbol, units = accidents.trades[session]
            price = self.market.quotes([symbol])[symbol].price
            book.cash -= units * price
            book.quantities[symbol] = book.quantities.get(symbol, ZERO) + units

    def _halt(self, *, on: bool) -> None:
        set_halt(Operator(self.store, self.clock, "operator"), f"account-{ACCOUNT}", "accident", on=on)
