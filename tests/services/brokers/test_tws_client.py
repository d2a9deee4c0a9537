"""The TWS venue as the client libraries of Interactive Brokers find it: nothing fails."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from venue_sandbox.servers.launch import Server

Start = Callable[..., Server]
Connect = Callable[..., Any]

PRICES = """date,symbol,open,close,adj_close
2023-05-31,SPY,98,99,39.6
2023-06-01,SPY,99,100,50
2023-06-02,SPY,100.5,101,50.5
2023-06-05,SPY,102,103,51.5
"""


@pytest.fixture(params=["176", "178"])
def server(request: pytest.FixtureRequest, sdk: ModuleType, gateway: Start) -> Server:
    if int(request.param) > sdk.client.Client.MaxClientVersion:
        pytest.skip("the library does not speak this version")
    return gateway("--server-version", request.param)


@pytest.fixture
def ib(server: Server, connect: Connect) -> Any:
    return connect(server)


@pytest.fixture
def spy(sdk: ModuleType, ib: Any) -> Any:
    contract = sdk.Stock("SPY", "SMART", "USD")
    ib.qualifyContracts(contract)
    return contract


def until(ib: Any, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        ib.sleep(0.01)


def order(sdk: ModuleType, action: str, quantity: float, limit: float | None = None, **fields: Any) -> Any:
    values = {"tif": "DAY", "account": "DUSBX1", "orderRef": "ref", **fields}
    if limit is None:
        return sdk.MarketOrder(action, quantity, **values)
    return sdk.LimitOrder(action, quantity, limit, **values)


def cash(ib: Any, currency: str = "USD", account: str = "DUSBX1") -> float:
    values = {(value.tag, value.currency): value.value for value in ib.accountValues(account)}
    return float(values["CashBalance", currency])


# --- connection and account ----------------------------------------------------------------------


def test_a_client_learns_version_accounts_and_ids(ib: Any, server: Server) -> None:
    assert ib.client.serverVersion() in (176, 178)
    assert ib.managedAccounts() == ["DUSBX1"]
    assert ib.client.getReqId() >= 1
    assert server.requests()["start"] == 1
    assert [code for _, code in ib.seen] == [2104, 2106, 2158]
    assert ib.reqCurrentTime().replace(second=0, microsecond=0) == datetime(2023, 6, 2, 15, tzinfo=UTC)


def test_a_new_account_holds_its_cash(ib: Any) -> None:
    values = {(value.tag, value.currency): value.value for value in ib.accountValues("DUSBX1")}
    assert values["NetLiquidation", "USD"] == values["CashBalance", "BASE"] == "100000.00"
    assert ib.positions() == ib.portfolio() == []
    summary = {(value.tag, value.currency): value.value for value in ib.accountSummary()}
    assert summary["TotalCashValue", "USD"] == summary["CashBalance", "USD"] == "100000.00"


def test_several_accounts_stand_under_one_login(gateway: Start, connect: Connect, sdk: ModuleType) -> None:
    server = gateway("--account", "DUSBX1=100000", "--account", "DUSBX2=HKD:780000,USD:5000")
    ib = connect(server)
    assert ib.managedAccounts() == ["DUSBX1", "DUSBX2"]
    values = {(value.tag, value.currency): value.value for value in ib.accountValues("DUSBX2")}
    assert values["NetLiquidation", "HKD"] == "819000.00"
    assert (values["CashBalance", "USD"], values["CashBalance", "HKD"]) == ("5000.00", "780000.00")
    assert (values["CashBalance", "BASE"], values["ExchangeRate", "USD"]) == ("819000.00", "7.8000")
    rows = {(row.account, row.tag, row.currency): row.value for row in ib.accountSummary()}
    assert rows["DUSBX2", "CashBalance", "USD"] == "5000.00"
    assert rows["DUSBX1", "NetLiquidation", "USD"] == "100000.00"
    spy = sdk.Stock("SPY", "SMART", "USD")
    trade = ib.placeOrder(spy, order(sdk, "BUY", 3, account="DUSBX2"))
    until(ib, lambda: trade.orderStatus.status == "Filled" and bool(ib.positions("DUSBX2")))
    assert ib.positions("DUSBX1") == []
    nameless = ib.placeOrder(spy, order(sdk, "BUY", 3, account=""))
    until(ib, lambda: (nameless.order.orderId, 435) in ib.seen)


@pytest.mark.parametrize("version", [164, 165, 170])
def test_an_older_client_is_served_in_its_own_version(
    gateway: Start, connect: Connect, sdk: ModuleType, version: int
) -> None:
    ib = connect(gateway(), speaks=version)
    assert ib.client.serverVersion() == version
    spy = sdk.Stock("SPY", "SMART", "USD")
    ib.qualifyContracts(spy)
    filled, rejected = (ib.placeOrder(spy, order(sdk, "BUY", quantity)) for quantity in (5, 1_000_000))
    until(ib, lambda: filled.orderStatus.status == "Filled" and (rejected.order.orderId, 201) in ib.seen)
    assert [fill.execution.cumQty for fill in ib.reqExecutions()] == [5]
    assert [fill.commissionReport.commission for fill in ib.fills()] == [1]
    assert len(ib.reqCompletedOrders(False)) == 2
    assert float(ib.whatIfOrder(spy, order(sdk, "BUY", 1000)).commission) == 5


def test_a_client_too_old_is_refused(gateway: Start, connect: Connect) -> None:
    with pytest.raises((ConnectionError, TimeoutError)):
        connect(gateway(), speaks=163, timeout=1)


# --- reference, history, quotes ------------------------------------------------------------------


def test_contracts_are_qualified_or_unknown(sdk: ModuleType, ib: Any) -> None:
    qualified = ib.qualifyContracts(sdk.Stock("SPY", "SMART", "USD"))[0]
    assert (qualified.symbol, qualified.primaryExchange, qualified.currency) == ("SPY", "ARCA", "USD")
    details = ib.reqContractDetails(sdk.Contract(conId=qualified.conId))[0]
    assert (details.contract.symbol, details.minTick, details.stockType) == ("SPY", 0.01, "ETF")
    assert details.liquidHours.startswith("20230602:0930-20230602:1600;20230603:CLOSED")
    assert not any(ib.qualifyContracts(sdk.Stock("NOSUCHXX", "SMART", "USD")))
    assert not any(ib.qualifyContracts(sdk.Stock("SPY", "SMART", "EUR")))
    assert [code for _, code in ib.seen[3:]] == [200, 200]


def test_daily_bars_of_any_duration_agree_and_end_with_the_session_that_is_open(ib: Any, spy: Any) -> None:
    def bars(duration: str, end: str = "") -> list[Any]:
        return list(ib.reqHistoricalData(spy, end, duration, "1 day", "TRADES", True))

    year = bars("1 Y")
    assert (year[-1].date, year[-2].date) == (date(2023, 6, 2), date(2023, 6, 1))
    assert bars("5 D") == year[-5:]
    assert bars("2 W") == year[-9:]
    assert [bar.date for bar in bars("2 D", "20230601 23:59:59 US/Eastern")] == [date(2023, 5, 31), date(2023, 6, 1)]
    assert bars("3 D", "20150101-00:00:00") == []
    assert ib.seen[-1][1] == 162


def test_history_is_adjusted_as_its_name_says(
    gateway: Start, connect: Connect, sdk: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text(PRICES)
    server = gateway("--prices", str(tmp_path / "prices.csv"))
    ib, spy = connect(server), sdk.Stock("SPY", "SMART", "USD")

    def closes(show: str) -> list[float]:
        return [bar.close for bar in ib.reqHistoricalData(spy, "", "5 D", "1 day", show, True)]

    assert (closes("TRADES"), closes("ADJUSTED_LAST")) == ([99, 100, 101], [79.2, 100, 101]), "up to now"
    server.fault("split", symbol="SPY", ratio="2", session="2023-06-05")
    assert closes("TRADES") == [99, 100, 101]
    server.fault("day_roll")
    assert closes("TRADES") == [49.5, 50, 50.5, 51.5]


def test_a_snapshot_shows_the_quote(ib: Any, spy: Any) -> None:
    ticker = ib.reqTickers(spy)[0]
    last = ib.reqHistoricalData(spy, "", "1 D", "1 day", "TRADES", True)[0].close
    assert (ticker.last, ticker.marketDataType) == (last, 1)
    assert ticker.bid == pytest.approx(last - 0.01)
    assert ticker.ask == pytest.approx(last + 0.01)


def test_a_subscription_hears_of_moves(ib: Any, spy: Any, server: Server) -> None:
    ticker = ib.reqMktData(spy)
    until(ib, lambda: not math.isnan(ticker.last))
    server.fault("price_move", symbol="SPY", price=77)
    until(ib, lambda: ticker.last == 77)
    ib.cancelMktData(spy)


# --- orders --------------------------------------------------------------------------------------


def test_a_market_order_fills_and_moves_cash_to_a_position(ib: Any, spy: Any, sdk: ModuleType) -> None:
    trade = ib.placeOrder(spy, order(sdk, "BUY", 150))
    until(ib, lambda: trade.orderStatus.status == "Filled" and bool(ib.portfolio()))
    price, cost = trade.orderStatus.avgFillPrice, sum(fill.commissionReport.commission for fill in trade.fills)
    assert sum(fill.execution.shares for fill in trade.fills) == 150
    assert {fill.execution.orderRef for fill in trade.fills} == {"ref"}
    assert trade.fills[0].execution.time.replace(second=0, microsecond=0) == datetime(2023, 6, 2, 15, tzinfo=UTC)
    assert cost == 1
    assert cash(ib) == pytest.approx(100_000 - 150 * price - cost)
    assert [(position.contract.conId, position.position) for position in ib.positions()] == [(spy.conId, 150)]
    assert ib.portfolio()[0].averageCost == pytest.approx(price + cost / 150)


def test_selling_all_leaves_no_position(ib: Any, spy: Any, sdk: ModuleType) -> None:
    for action in ("BUY", "SELL"):
        trade = ib.placeOrder(spy, order(sdk, action, 5))
        until(ib, lambda trade=trade: trade.orderStatus.status == "Filled")
    until(ib, lambda: not ib.positions() and not ib.portfolio())
    assert trade.fills[0].commissionReport.realizedPNL == pytest.approx(-5 * 0.02 - 2)


def test_a_limit_order_rests_is_changed_and_fills(ib: Any, spy: Any, sdk: ModuleType) -> None:
    trade = ib.placeOrder(spy, order(sdk, "BUY", 10, 50.0))
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    permanent = trade.orderStatus.permId
    trade.order.lmtPrice = 9000.0
    trade.order.totalQuantity = 4
    ib.placeOrder(spy, trade.order)
    until(ib, lambda: trade.orderStatus.status == "Filled")
    assert (trade.orderStatus.permId, trade.orderStatus.filled) == (permanent, 4)
    assert trade.orderStatus.avgFillPrice < 9000


def test_an_order_is_cancelled(ib: Any, spy: Any, sdk: ModuleType) -> None:
    trade = ib.placeOrder(spy, order(sdk, "BUY", 10, 50.0))
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    ib.cancelOrder(trade.order)
    until(ib, lambda: trade.orderStatus.status == "Cancelled")
    until(ib, lambda: (trade.order.orderId, 202) in ib.seen)
    ib.client.cancelOrder(trade.order.orderId)
    ib.client.cancelOrder(999)
    until(ib, lambda: {(trade.order.orderId, 10148), (999, 10147)} <= set(ib.seen))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"totalQuantity": 1_000_000}, 201),
        ({"action": "SELL"}, 201),
        ({"totalQuantity": 1.5}, 10243),
        ({"totalQuantity": 0}, 434),
        ({"orderType": "LMT", "lmtPrice": math.nan}, 320),
        ({"orderType": "LMT", "lmtPrice": 50.001}, 110),
        ({"orderType": "STP", "auxPrice": 50.0}, 387),
        ({"account": "DU1234567"}, 321),
        ({"action": "HOLD"}, 321),
        ({"tif": "IOC"}, 10052),
        ({"transmit": False}, 321),
    ],
)
def test_a_wrong_order_is_refused_with_its_code(
    gateway: Start, connect: Connect, sdk: ModuleType, changes: dict[str, Any], code: int
) -> None:
    ib = connect(gateway())
    wish = order(sdk, "BUY", 5)
    for name, value in changes.items():
        setattr(wish, name, value)
    trade = ib.placeOrder(sdk.Stock("SPY", "SMART", "USD"), wish)
    until(ib, lambda: (trade.order.orderId, code) in ib.seen)
    assert ib.reqAllOpenOrders() == []
    assert ib.reqExecutions() == []


def test_a_rejected_order_is_inactive(ib: Any, spy: Any, sdk: ModuleType) -> None:
    trade = ib.placeOrder(spy, order(sdk, "BUY", 1_000_000))
    until(ib, lambda: (trade.order.orderId, 201) in ib.seen)
    completed = ib.reqCompletedOrders(False)
    assert [(done.order.orderRef, done.orderStatus.status) for done in completed] == [("ref", "Inactive")]


def test_an_order_of_an_unknown_contract_is_refused(ib: Any, sdk: ModuleType) -> None:
    trade = ib.placeOrder(sdk.Stock("NOSUCHXX", "SMART", "USD"), order(sdk, "BUY", 1))
    until(ib, lambda: (trade.order.orderId, 200) in ib.seen)


def test_without_a_time_in_force_a_live_order_looks_cancelled(
    ib: Any, spy: Any, sdk: ModuleType, server: Server
) -> None:
    trade = ib.placeOrder(spy, order(sdk, "BUY", 5, 50.0, tif=""))
    until(ib, lambda: (trade.order.orderId, 10349) in ib.seen)
    assert "Cancelled" in [entry.status for entry in trade.log], "so says the library"
    # What is told of the order meanwhile counts among the answers.
    until(ib, lambda: len(ib.reqAllOpenOrders()) == 1)
    book = server.control("GET", "book")
    assert [(entry["status"], entry["ticket"]["time_in_force"]) for entry in book["orders"]] == [("working", "day")]


def test_what_an_order_would_cost_is_told_without_an_order(ib: Any, spy: Any, sdk: ModuleType) -> None:
    state = ib.whatIfOrder(spy, order(sdk, "BUY", 1000))
    assert (float(state.commission), state.commissionCurrency) == (5.0, "USD")
    assert ib.reqAllOpenOrders() == []


# --- what is found later -------------------------------------------------------------------------


def test_another_client_finds_orders_and_executions(
    ib: Any, spy: Any, sdk: ModuleType, server: Server, connect: Connect
) -> None:
    filled = ib.placeOrder(spy, order(sdk, "BUY", 5, orderRef="filled"))
    resting = ib.placeOrder(spy, order(sdk, "BUY", 5, 50.0, orderRef="resting"))
    until(ib, lambda: filled.orderStatus.status == "Filled" and resting.orderStatus.status == "Submitted")
    other = connect(server, client=2)
    assert other.openTrades() == []
    assert [trade.order.orderRef for trade in other.reqAllOpenOrders()] == ["resting"]
    assert [fill.execution.orderRef for fill in other.reqExecutions()] == ["filled"]
    assert [trade.order.orderRef for trade in other.reqCompletedOrders(False)] == ["filled"]
    assert {trade.order.orderId for trade in other.reqCompletedOrders(False)} == {0}, "ids of it are not told"
    assert other.reqExecutions(sdk.ExecutionFilter(acctCode="DUSBX1", side="SELL")) == []
    ib.client.reqGlobalCancel()
    until(ib, lambda: resting.orderStatus.status == "Cancelled")


def test_only_executions_and_orders_of_today_are_found(ib: Any, spy: Any, sdk: ModuleType, server: Server) -> None:
    trade = ib.placeOrder(spy, order(sdk, "BUY", 5))
    until(ib, lambda: trade.orderStatus.status == "Filled")
    server.fault("day_roll")
    assert ib.reqExecutions() == []
    assert ib.reqCompletedOrders(False) == []


# --- the process ---------------------------------------------------------------------------------


def test_a_gateway_ends_at_once_with_clients_connected(ib: Any, server: Server) -> None:
    begun = time.monotonic()
    server.stop()
    assert server.process.returncode == 0
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--account", "DU1234567=5"], "ids of the sandbox are DUSBX"),
        (["--account", "DUSBX1=5", "--prices", "absent.csv"], "absent.csv"),
        (["--account", "DUSBX1=5", "--clock", "2023-06-02"], "no instant with a zone"),
    ],
)
def test_a_gateway_that_cannot_start_says_why(tmp_path: Path, options: list[str], complaint: str) -> None:
    command = [sys.executable, "-m", "venue_sandbox.venues.tws", "--folder", str(tmp_path), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"API\0\xff\xff\xff\xff", b"API\0\0\0\0\x05hello"])
def test_what_is_no_protocol_ends_the_connection_only(gateway: Start, connect: Connect, sent: bytes) -> None:
    server = gateway()
    with socket.create_connection(("127.0.0.1", server.port), 5) as raw:
        raw.sendall(sent)
        assert raw.recv(1) == b""
    assert connect(server).isConnected()
