"""A run of 20 orders at Interactive Brokers against a bare script that places the same orders with the same library.

Both log in, place twenty market orders and end when all are filled, at the same venue. The script keeps nothing and
checks nothing; the run takes its inputs, plans, records every step durably, reconciles and reports. Bound: 1.5 times.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ib_async
from ibkr_app.broker import IbkrBroker
from ibkr_app.clock import gateway_clock
from ibkr_app.connection import Address, Connection
from ibkr_app.contracts import Contracts
from ibkr_app.market import IbkrMarket
from ibkr_app.order_ids import OrderIds
from pydantic import BaseModel
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.strategy import (
    Adjustment,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.services.reports import ReportStore
from quant_platform_kit.services.run_cycle import run_cycle
from quant_platform_kit.services.run_request import RunPorts, RunRequest
from venue_sandbox.launch import Server

ORDERS, ROUNDS = 20, 7
BOUND = 1.5
SYMBOLS = tuple(f"S{n:02}" for n in range(ORDERS))
CALENDAR = load_calendar("XNYS")
OPENS = datetime(2023, 6, 2, 14, tzinfo=UTC)
SESSION = date(2023, 6, 2)
CLIENT_ID = 17
ACCOUNT = "DUSBX1"


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
        adjustment=Adjustment.SPLIT,
    )

    def evaluate(self, ctx: StrategyContext, config: object) -> StrategyDecision:
        """Decide."""
        return self.manifest.rebalance(ctx, dict.fromkeys(self.manifest.managed, 0.045))


def measure() -> dict[str, Any]:
    """Return the median ratio of a run to the bare script."""
    pairs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        prices = _prices(Path(name))
        for n in range(ROUNDS + 1):
            bare = _at_venue(Path(name) / f"{n}-script", prices, lambda port, _: _script(port, ACCOUNT))
            ours = _at_venue(Path(name) / f"{n}-run", prices, lambda port, folder: _run(port, ACCOUNT, folder))
            pairs.append((bare, ours))
    ratio = statistics.median(ours / bare for bare, ours in pairs[1:])
    return {
        "script_seconds": round(statistics.median(bare for bare, _ in pairs[1:]), 3),
        "run_seconds": round(statistics.median(ours for _, ours in pairs[1:]), 3),
        "ratio": round(ratio, 2),
        "bound": BOUND,
        "met": ratio <= BOUND,
    }


def _at_venue(folder: Path, prices: Path, work: Callable[[int, Path], None]) -> float:
    """Return the seconds that something takes at a venue of its own."""
    options = ("--folder", str(folder / "venue"), "--prices", str(prices), "--clock", OPENS.isoformat())
    with Server("venue_sandbox.tws", *options, "--account", f"{ACCOUNT}=1000000") as venue:
        began = time.perf_counter()
        work(venue.port, folder)
        return time.perf_counter() - began


def _prices(folder: Path) -> Path:
    path = folder / "prices.csv"
    days: Collection[date] = CALENDAR.between(date(2023, 5, 1), date(2023, 6, 5))
    rows = (f"{day},{symbol},50,50,50\n" for day in days for symbol in SYMBOLS)
    path.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    return path


def _script(port: int, account: str) -> None:
    """Place twenty orders and wait until they are filled."""
    ib = ib_async.IB()
    ib.connect("127.0.0.1", port, clientId=99)
    contracts: Sequence[Any] = [ib_async.Stock(symbol, "SMART", "USD") for symbol in SYMBOLS]
    ib.qualifyContracts(*contracts)
    orders = (ib_async.MarketOrder("BUY", 900, tif="DAY", account=account) for _ in contracts)
    trades = [ib.placeOrder(contract, order) for contract, order in zip(contracts, orders, strict=True)]
    while not all(trade.orderStatus.status == "Filled" for trade in trades):
        ib.sleep(0.005)
    ib.disconnect()


def _run(port: int, account: str, folder: Path) -> None:
    """Run a strategy that buys twenty symbols."""
    connection = Connection(Address("127.0.0.1", port, CLIENT_ID, 20))
    contracts, clock = Contracts(connection), gateway_clock(connection)
    store, reports = FileStore(folder / "store"), ReportStore(FileStore(folder / "reports"))
    broker = IbkrBroker(connection, contracts, account, OrderIds(store, CLIENT_ID), timedelta(seconds=1))
    market = IbkrMarket(connection, contracts, Adjustment.SPLIT, CALENDAR, clock)
    key = RunKey(account, SESSION, "bench", Mode.PAPER)
    try:
        ports = RunPorts(broker, market, store, reports, clock, CALENDAR)
        report = run_cycle(RunRequest(bind(_Twenty()), key), ports, ExecutionPolicy(TargetMode.WEIGHT))
    finally:
        connection.close()
    filled = [order for order in report.orders if order.filled]
    assert report.outcome is Outcome.COMPLETED, report.reasons
    assert len(filled) == ORDERS
    assert all(order.quantity > Decimal(0) for order in filled)
