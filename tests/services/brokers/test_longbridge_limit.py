"""Whole runs at a LongBridge that takes so many calls in 30 seconds, and one that answers an order with 429."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from longbridge_app.pacing import Pace
from longbridge_app.worker import LongBridgeError
from pydantic import BaseModel
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, OrderRejected
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.runs import Outcome, RunReport
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
from venue_sandbox.servers.launch import Server

from .app_frame import orders, until
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


def test_an_order_whose_turn_does_not_come_in_time_is_not_sent_nor_claimed(
    venue: Callable[..., Server], library: str, tmp_path: Path
) -> None:
    server = venue()
    app = App(server, library, FileStore(tmp_path / "store"), timeout=2, pace=Pace(2))
    app.broker.connect()
    order = Order("q1", SYMBOLS[0], Side.BUY, Decimal(1))
    with pytest.raises(BrokerError, match="takes no more calls within 2 s") as told:
        app.broker.submit(order)
    assert isinstance(told.value, OrderRejected) is (library == "longport"), "where silence blocks, it is a rejection"
    assert not app.broker.may_have_left("q1")
    assert sent(server) == []
    app.close()


def test_an_order_takes_one_call_to_be_sent_and_one_for_its_cost(
    venue: Callable[..., Server], library: str, tmp_path: Path
) -> None:
    server = venue()
    app = App(server, library, FileStore(tmp_path / "store"), timeout=10)
    app.broker.connect()
    app.market.quotes(SYMBOLS)
    before = server.control("GET", "requests")
    made = [Order(f"q{n}", symbol, Side.BUY, Decimal(1)) for n, symbol in enumerate(SYMBOLS)]
    for order in made:
        assert not app.broker.may_have_left(order.client_order_id)
        assert app.broker.submit(order).state is OrderState.ACKNOWLEDGED
        assert app.broker.may_have_left(order.client_order_id)
    assert _asked(server, before) == {"submit": len(made), "static_info": 1}
    for order in made:
        until(app, order.client_order_id, OrderState.FILLED)
    calls = _asked(server, before)
    assert calls["order"] == len(made)
    assert calls["orders"] + calls["executions"] < len(made)
    app.close()


def _asked(server: Server, before: Mapping[str, int]) -> dict[str, int]:
    """Return the requests that the venue got since."""
    now = server.control("GET", "requests")
    return {name: count - before.get(name, 0) for name, count in now.items() if count != before.get(name, 0)}


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
