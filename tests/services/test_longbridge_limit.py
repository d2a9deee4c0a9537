"""Whole runs at a LongBridge that takes so many calls in 30 seconds, and one that answers an order with 429."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from longbridge_app.pacing import Pace
from longbridge_app.worker import LongBridgeError
from pydantic import BaseModel
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.strategy import (
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

from .app_frame import orders
from .test_longbridge_app import ACCOUNT, App

Start = Callable[..., Server]
CALENDAR, SESSION = load_calendar("XNYS"), date(2023, 6, 2)
SYMBOLS = tuple(f"S{n:02}" for n in range(20))
CALLS = 45
"""Fewer than a run of twenty orders makes: logging in, orders, what they cost, and looks at all of them."""
TRADE_CALLS = ("account", "positions", "submit", "orders", "order", "order_history", "executions", "cancel")


class Even:
    """A strategy that holds as much of each of some symbols."""

    class Config(BaseModel):
        """No settings."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self.manifest = StrategyManifest(
            profile="even",
            display_name="Even",
            target_mode=TargetMode.WEIGHT,
            required_inputs=frozenset({InputName.MARKET_HISTORY}),
            managed=symbols,
            history_sessions=1,
            sources=("test",),
        )

    def evaluate(self, ctx: StrategyContext, config: object) -> StrategyDecision:
        return self.manifest.rebalance(ctx, dict.fromkeys(self.manifest.managed, 0.045))


@pytest.fixture(params=["longbridge", "longport"])
def library(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(f"{request.param}.openapi", exc_type=ImportError)
    return request.param


@pytest.fixture
def venue(longbridge_venue: Start, tmp_path: Path) -> Callable[..., Server]:
    """Return a function that starts a venue at which every symbol has one price."""
    prices = tmp_path / "prices.csv"
    days = CALENDAR.between(date(2023, 5, 15), date(2023, 6, 5))
    rows = (f"{day},{symbol},50,50,50\n" for day in days for symbol in SYMBOLS)
    prices.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    return lambda *options: longbridge_venue("--prices", str(prices), *options)


def run(server: Server, library: str, folder: Path, symbols: tuple[str, ...], pace: Pace, timeout: float) -> RunReport:
    """Run the strategy once, with a connection of its own."""
    store = FileStore(folder / "store")
    app = App(server, library, store, timeout=timeout, pace=pace)
    reports = ReportStore(FileStore(folder / "reports"))
    ports = RunPorts(app.broker, app.market, store, reports, app.clock, CALENDAR)
    key = RunKey(ACCOUNT, SESSION, "test", Mode.PAPER)
    try:
        return run_cycle(RunRequest(bind(Even(symbols)), key), ports, ExecutionPolicy(TargetMode.WEIGHT))
    finally:
        app.close()


def sent(server: Server) -> list[str]:
    return [order["ticket"]["reference"] for order in orders(server)]


def test_a_run_of_twenty_orders_keeps_to_the_limit_and_learns_what_each_cost(
    venue: Callable[..., Server], library: str, tmp_path: Path
) -> None:
    server = venue("--trade-calls-per-30s", str(CALLS))
    report = run(server, library, tmp_path, SYMBOLS, Pace(CALLS), timeout=10)
    assert report.outcome is Outcome.COMPLETED, report.reasons
    assert [order.state for order in report.orders] == [OrderState.FILLED] * len(SYMBOLS)
    assert [order.commission for order in report.orders] == [1] * len(SYMBOLS), "the cost of every order is known"
    assert len(sent(server)) == len(set(sent(server))) == len(SYMBOLS)
    requests = server.control("GET", "requests")
    assert sum(requests.get(name, 0) for name in TRADE_CALLS) > CALLS, "the limit was in the way"
    assert requests.get("too_many", 0) == 0


def test_the_venue_holds_a_client_without_a_pace_to_the_limit(
    venue: Callable[..., Server], library: str, tmp_path: Path
) -> None:
    server = venue("--trade-calls-per-30s", "3")
    app = App(server, library, FileStore(tmp_path / "store"), timeout=1)
    for _ in range(3):
        app.broker.open_orders()
    with pytest.raises(LongBridgeError, match="429002"):
        app.broker.open_orders()
    assert server.control("GET", "requests")["too_many"] >= 1
    app.close()


@pytest.mark.parametrize("body", [None, ""])
def test_a_429_on_an_order_sends_nothing_twice(
    venue: Callable[..., Server], library: str, tmp_path: Path, body: str | None
) -> None:
    server = venue()
    told = {} if body is None else {"body": body}
    server.fault("http_error", operation="submit", status=429, skip=1, **told)
    report = run(server, library, tmp_path, SYMBOLS[:3], Pace(), timeout=10)
    references = sent(server)
    assert len(references) == len(set(references))
    states = [order.state for order in report.orders]
    if library == "longport" and body is None:
        assert states == [OrderState.FILLED, OrderState.UNKNOWN, OrderState.FILLED]
        assert len(references) == 2
    else:
        assert states == [OrderState.FILLED] * 3
        assert len(references) == 3
