"""A run of 20 orders at a broker against a bare script that places the same orders with the same library.

Both log in, place twenty market orders and end when all are filled, at the same venue, which holds both to the broker's
limits. The script keeps nothing and checks nothing; the run takes its inputs, plans, records every step durably in a
SQLite file, which is open and has seen earlier runs as a service has it, reconciles and reports. Bound: 1.5 times.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.sql_store import SqlStore
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle
from venue_sandbox.stands.stand import ACCOUNT, Clients, Opening, Stand, Waits

from bench.bare_orders import BARE
from bench.libraries import of_library

__all__ = ["measure"]

ORDERS, ROUNDS = 20, 7
BOUND = 1.5
SYMBOLS = tuple(f"S{n:02}" for n in range(ORDERS))
UNITS, CASH = 900, Decimal(1_000_000)
WAITS = Waits(20.0, timedelta(seconds=0.4))
EARLIER_OBJECTS = 800
"""What some days of runs leave. By then SQLite's log has reached its size, and a write takes half as long."""
CALENDAR = load_calendar("XNYS")
OPENS = datetime(2023, 6, 2, 14, tzinfo=UTC)
SESSION = date(2023, 6, 2)


class _Twenty:
    """Four and a half per cent in each of twenty symbols."""

    class Config(BaseModel):
        """No settings."""

    manifest = StrategyManifest(
        profile="twenty",
        display_name="Twenty",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY}),
        managed=SYMBOLS,
        history_sessions=1,
        sources=("benchmark",),
    )

    def evaluate(self, ctx: StrategyContext, config: object) -> StrategyDecision:
        """Decide."""
        return self.manifest.rebalance(ctx, dict.fromkeys(self.manifest.managed, 0.045))


Work = Callable[[str, Stand, Clients, SqlStore], None]


def measure(library: str) -> dict[str, Any]:
    """Return the median ratio of a run to the bare script, both with one client library."""
    pairs = list[tuple[float, float]]()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        prices = _prices(Path(name))
        for n in range(ROUNDS + 1):
            bare = _at_venue(library, Path(name) / f"{n}-script", prices, _script)
            ours = _at_venue(library, Path(name) / f"{n}-run", prices, _run)
            pairs.append((bare, ours))
    ratio = statistics.median(ours / bare for bare, ours in pairs[1:])
    return {
        "script_seconds": round(statistics.median(bare for bare, _ in pairs[1:]), 3),
        "run_seconds": round(statistics.median(ours for _, ours in pairs[1:]), 3),
        "ratio": round(ratio, 2),
        "bound": BOUND,
        "met": ratio <= BOUND,
    }


def _at_venue(library: str, folder: Path, prices: Path, work: Work) -> float:
    """Return the seconds that something takes at a venue of its own."""
    folder.mkdir()
    opening = Opening(folder=folder, accounts={ACCOUNT: {"USD": CASH}}, prices=prices, clock=OPENS)
    kind, subject = of_library(library)
    with kind.open(opening) as stand, closing(SqlStore(f"sqlite:///{folder}/store.db")) as store:
        for n in range(EARLIER_OBJECTS):
            store.create(f"earlier/{n}", b"{}" * 200)
        clients = stand.clients(WAITS, subject.library)
        began = time.perf_counter()
        work(subject.library, stand, clients, store)
        return time.perf_counter() - began


def _prices(folder: Path) -> Path:
    path = folder / "prices.csv"
    days: Collection[date] = CALENDAR.between(date(2023, 5, 1), date(2023, 6, 5))
    rows = (f"{day},{symbol},50,50,50\n" for day in days for symbol in SYMBOLS)
    path.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    return path


def _script(library: str, stand: Stand, clients: Clients, store: SqlStore) -> None:
    """Place twenty orders and wait until they are filled."""
    BARE[stand.name](library, stand, SYMBOLS, UNITS)


def _run(library: str, stand: Stand, clients: Clients, store: SqlStore) -> None:
    """Run a strategy that buys twenty symbols."""
    account = clients.account(ACCOUNT, store)
    key = RunKey(ACCOUNT, SESSION, "bench", Mode.PAPER)
    try:
        reports = ReportStore(store)
        ports = RunPorts(account.broker, account.market, store, reports, account.clock, CALENDAR, seen=account.seen)
        report = run_cycle(RunRequest(bind(_Twenty()), key), ports, ExecutionPolicy(TargetMode.WEIGHT))
    finally:
        account.close()
    filled = [order for order in report.orders if order.filled]
    assert report.outcome is Outcome.COMPLETED, report.reasons
    assert len(filled) == ORDERS
    assert all(order.quantity > Decimal(0) for order in filled)
