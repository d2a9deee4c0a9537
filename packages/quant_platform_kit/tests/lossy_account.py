"""What the tests of an operator's acts share: an account whose broker loses orders.

Monday's decision buys AAA and BBB in Tuesday's session: 58 and 80 of them. Later sessions hold, so that what was not
bought stays due.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, OrderRejected
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import ExecutionReport, Order
from quant_platform_kit.domain.planning import REALISTIC
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.paper.broker import PaperBroker, open_account, read_account
from quant_platform_kit.services.operate.audit import Operator, audit_entries
from quant_platform_kit.services.operate.resolving import Resolution, Resolved, ResolvedAs, resolve
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import DecisionLedger
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle

MON, TUE, WED, THU = (date(2023, 11, 27 + n) for n in range(4))
CLOSE = {"AAA": [100.0, 102.0, 104.0, 103.0, 105.0], "BBB": [50.0, 50.0, 51.0, 51.5, 53.0]}
CASH = Decimal(10_000)
POLICY = ExecutionPolicy(rules=replace(REALISTIC, cash_buffer=Decimal(0)))
FILLED, NOT_SENT, CANCELLED = ResolvedAs.FILLED, ResolvedAs.NOT_SENT, ResolvedAs.CANCELLED

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

    def resolve(self, report: RunReport, symbol: str, settlement: ResolvedAs, **figures: Any) -> Resolved:
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
