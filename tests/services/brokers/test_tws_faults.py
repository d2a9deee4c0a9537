"""What goes wrong at the TWS venue, as the client libraries of Interactive Brokers find it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from quant_platform_kit.adapters.ibkr_inputs import account_state
from quant_platform_kit.domain.balances import BalanceRules, apart
from venue_sandbox.servers.launch import Server, Unhealthy

Start = Callable[..., Server]
Connect = Callable[..., Any]

LIBRARY_DONE = ("Cancelled", "Inactive")


@pytest.fixture
def server(gateway: Start) -> Server:
    return gateway()


@pytest.fixture
def spy(sdk: ModuleType) -> Any:
    return sdk.Stock("SPY", "SMART", "USD")


@pytest.fixture
def ib(server: Server, connect: Connect) -> Any:
    return connect(server)


def until(ib: Any, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        with suppress(ConnectionError):  # how a blocking call reports that the connection was lost
            ib.sleep(0.01)


def connected_again(ib: Any, server: Server, connect: Connect, **options: Any) -> Any:
    """Return a client that has connected after a restart of the Gateway, as soon as it lets anybody in."""
    end = time.monotonic() + 60
    while True:
        try:
            return connect(server, **options)
        except ConnectionError:
            assert time.monotonic() < end, "the Gateway did not come back"
            ib.sleep(0.02)


def buy(sdk: ModuleType, quantity: float = 10, limit: float | None = None, **fields: Any) -> Any:
    values = {"tif": "DAY", "account": "DUSBX1", "orderRef": "ref", **fields}
    return (
        sdk.MarketOrder("BUY", quantity, **values)
        if limit is None
        else sdk.LimitOrder("BUY", quantity, limit, **values)
    )


def book(server: Server) -> dict[str, Any]:
    return server.control("GET", "book")


def orders(server: Server) -> list[tuple[str, str, str]]:
    """Return reference, status and filled quantity of every order that the venue has."""
    entries = book(server)["orders"]
    return [(entry["ticket"]["reference"], entry["status"], entry["filled"]) for entry in entries]


def settled(ib: Any, server: Server, *wanted: tuple[str, str, str]) -> None:
    until(ib, lambda: orders(server) == list(wanted))


# --- an order that is not answered ---------------------------------------------------------------


def test_dropped_before_there_is_no_order(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("drop_before")
    ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: not ib.isConnected())
    assert orders(server) == []


def test_dropped_after_the_order_is_found_by_the_next_connection(
    ib: Any, server: Server, spy: Any, sdk: ModuleType, connect: Connect
) -> None:
    server.fault("drop_after", order="ref")
    other = ib.placeOrder(spy, buy(sdk, 1, orderRef="other"))
    until(ib, lambda: other.orderStatus.status == "Filled")
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: not ib.isConnected())
    assert trade.orderStatus.permId == 0, "never acknowledged"
    again = connect(server)
    until(ib, lambda: orders(server)[-1] == ("ref", "filled", "10"))
    assert {fill.execution.orderRef for fill in again.reqExecutions()} == {"other", "ref"}
    assert {done.order.orderRef for done in again.reqCompletedOrders(False)} == {"other", "ref"}


@pytest.mark.parametrize("cut", [True, False])
def test_accepted_late_the_order_appears_after_a_while(
    ib: Any, server: Server, spy: Any, sdk: ModuleType, cut: bool
) -> None:
    server.fault("delayed_accept", seconds=0.4, cut=cut)
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: ib.isConnected() is not cut)
    assert orders(server) == []
    settled(ib, server, ("ref", "filled", "10"))
    if cut:
        ib.sleep(0.1)
        assert trade.orderStatus.status != "Filled"
    else:
        until(ib, lambda: trade.orderStatus.status == "Filled")


def test_silence_hides_an_order_until_it_is_asked_for(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("silent")
    trade = ib.placeOrder(spy, buy(sdk))
    settled(ib, server, ("ref", "filled", "10"))
    ib.sleep(0.1)
    assert (trade.orderStatus.status, trade.fills) == ("PendingSubmit", [])
    assert [fill.execution.orderRef for fill in ib.reqExecutions()] == ["ref"]


def test_silence_ends_when_the_order_is_sent_again(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("silent")
    wish = buy(sdk, 10, 50.0)
    trade = ib.placeOrder(spy, wish)
    settled(ib, server, ("ref", "working", "0"))
    assert trade.orderStatus.permId == 0
    ib.client.placeOrder(wish.orderId, spy, wish)
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    assert orders(server) == [("ref", "working", "0")]


def test_a_silent_drop_leaves_nothing(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("silent_drop", account="DUSBX1", symbol="SPY")
    trade = ib.placeOrder(spy, buy(sdk))
    ib.sleep(0.2)
    assert orders(server) == []
    assert (ib.isConnected(), trade.orderStatus.status) == (True, "PendingSubmit")


def test_the_same_order_sent_again_is_no_second_one(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    wish = buy(sdk, 10, 50.0)
    trade = ib.placeOrder(spy, wish)
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    ib.client.placeOrder(wish.orderId, spy, wish)
    until(ib, lambda: server.requests().get("modify") == 1)
    assert orders(server) == [("ref", "working", "0")]


def test_an_id_that_is_done_is_a_duplicate(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    wish = buy(sdk)
    trade = ib.placeOrder(spy, wish)
    until(ib, lambda: trade.orderStatus.status == "Filled")
    ib.client.placeOrder(wish.orderId, spy, wish)
    until(ib, lambda: (wish.orderId, 103) in ib.seen)
    assert orders(server) == [("ref", "filled", "10")]


def test_a_change_of_another_kind_is_refused(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    wish = buy(sdk, 10, 50.0)
    trade = ib.placeOrder(spy, wish)
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    wish.action = "SELL"
    ib.client.placeOrder(wish.orderId, spy, wish)
    until(ib, lambda: (wish.orderId, 105) in ib.seen)
    wish.action, wish.totalQuantity = "BUY", 1_000_000
    ib.client.placeOrder(wish.orderId, spy, wish)
    until(ib, lambda: (wish.orderId, 201) in ib.seen)
    assert orders(server) == [("ref", "working", "0")]


# --- an order that is answered badly -------------------------------------------------------------


@pytest.mark.parametrize("error_first", [True, False])
def test_a_rejection_comes_in_either_sequence(
    ib: Any, server: Server, spy: Any, sdk: ModuleType, error_first: bool
) -> None:
    server.fault("reject", reason="No trading permission", error_first=error_first)
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: (trade.order.orderId, 201) in ib.seen and trade.orderStatus.permId > 0)
    assert trade.orderStatus.status in LIBRARY_DONE
    assert orders(server) == [("ref", "rejected", "0")]


def test_any_error_can_be_answered(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("error", code=103, message="Duplicate order id")
    server.fault("error", operation="cancel", code=10147, message="not found")
    server.fault("error", operation="contract", code=200)
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: (trade.order.orderId, 103) in ib.seen)
    assert orders(server) == []
    ib.client.cancelOrder(5)
    until(ib, lambda: (5, 10147) in ib.seen)
    assert not any(ib.qualifyContracts(spy))
    assert all(ib.qualifyContracts(spy))


def test_a_partial_fill_rests_until_it_is_released(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("partial_fill", share="0.4")
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: trade.orderStatus.filled == 4)
    ib.sleep(0.2)
    assert (trade.orderStatus.status, trade.orderStatus.remaining) == ("Submitted", 6)
    server.fault("release", order="ref")
    until(ib, lambda: trade.orderStatus.status == "Filled")


def test_a_partial_fill_is_cancelled(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("partial_fill", then="cancel")
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: trade.orderStatus.status == "Cancelled")
    assert (trade.orderStatus.filled, len(trade.fills)) == (5, 1)


def test_a_partial_fill_loses_its_connection(
    ib: Any, server: Server, spy: Any, sdk: ModuleType, connect: Connect
) -> None:
    server.fault("partial_fill", then="disconnect")
    ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: not ib.isConnected())
    again = connect(server)
    (trade,) = again.openTrades()
    assert (trade.orderStatus.filled, trade.orderStatus.remaining) == (5, 5)
    again.cancelOrder(trade.order)
    settled(again, server, ("ref", "cancelled", "5"))


def test_an_unfilled_order_rests_and_is_cancelled(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("unfilled")
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    ib.sleep(0.2)
    assert (trade.orderStatus.status, trade.orderStatus.filled) == ("Submitted", 0)
    ib.cancelOrder(trade.order)
    until(ib, lambda: trade.orderStatus.status == "Cancelled")


def test_a_late_fill_comes_late(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("late_fill", seconds=0.5)
    trade = ib.placeOrder(spy, buy(sdk))
    ib.sleep(0.3)
    assert trade.orderStatus.filled == 0
    until(ib, lambda: trade.orderStatus.status == "Filled")


def test_duplicate_events_count_once(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    heard: list[str] = []
    ib.execDetailsEvent += lambda trade, fill: heard.append(fill.execution.execId)
    ib.commissionReportEvent += lambda trade, fill, report: heard.append(report.execId)
    server.fault("duplicate_event")
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: trade.orderStatus.status == "Filled" and len(heard) >= 3)
    assert len(set(heard)) == 1, "one execution; the library tells its commission twice"
    assert heard.count(heard[0]) == 3
    assert orders(server) == [("ref", "filled", "10")]


def test_a_fill_overtakes_a_cancel(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("unfilled")
    server.fault("fill_races_cancel")
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    ib.cancelOrder(trade.order)
    until(ib, lambda: trade.orderStatus.status == "Filled")
    until(ib, lambda: (trade.order.orderId, 10148) in ib.seen)
    assert orders(server) == [("ref", "filled", "10")]


# --- the market ----------------------------------------------------------------------------------


def test_an_order_for_a_closed_market_waits_with_a_remark(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("market", state="closed")
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: (trade.order.orderId, 399) in ib.seen)
    assert [open_.order.orderRef for open_ in ib.reqAllOpenOrders()] == ["ref"]
    assert orders(server) == [("ref", "accepted", "0")]
    server.fault("market", state="calendar")
    until(ib, lambda: trade.orderStatus.status == "Filled")


def test_an_order_for_the_day_ends_with_the_day(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    trade = ib.placeOrder(spy, buy(sdk, 10, 50.0))
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    server.fault("day_roll")
    until(ib, lambda: trade.orderStatus.status == "Cancelled")
    assert orders(server) == [("ref", "expired", "0")]


def test_the_clock_is_set(ib: Any, server: Server) -> None:
    server.fault("clock", instant="2023-06-02T20:30:00Z")
    assert ib.reqCurrentTime().isoformat()[:16] == "2023-06-02T20:30"
    assert book(server)["open"] is False
    server.fault("clock", forward=3600)
    assert ib.reqCurrentTime().isoformat()[:16] == "2023-06-02T21:30"


def test_a_price_moves_when_an_order_comes(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("price_move", operation="submit", symbol="SPY", price="60")
    ib.qualifyContracts(spy)
    before = ib.reqTickers(spy)[0].last
    trade = ib.placeOrder(spy, buy(sdk))
    until(ib, lambda: trade.orderStatus.status == "Filled")
    assert before != 60
    assert trade.orderStatus.avgFillPrice == 60.01


def test_quotes_go_stale(ib: Any, server: Server, spy: Any) -> None:
    ib.qualifyContracts(spy)
    fresh = ib.reqTickers(spy)[0]
    server.fault("stale_quotes", symbol="SPY", seconds=600)
    stale = _quote(ib, spy)
    assert fresh.last == stale[0]
    assert stale[1].isoformat()[:16] == "2023-06-02T14:50"


def _quote(ib: Any, contract: Any) -> tuple[float, Any]:
    """Return last price and its time, of a new snapshot."""
    times: list[int] = []
    ib.wrapper.tickString = _noting(ib.wrapper.tickString, times)
    ticker = ib.reqTickers(contract)[0]
    del ib.wrapper.tickString
    return ticker.last, datetime.fromtimestamp(times[-1], UTC)


def _noting(told: Callable[..., None], times: list[int]) -> Callable[..., None]:
    def tell(request: int, kind: int, value: str) -> None:
        times.append(int(value))
        told(request, kind, value)

    return tell


def test_quotes_are_delayed_or_not_to_be_had(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("market_data", state="delayed")
    server.fault("market_data", state="none", symbol="TLT")
    tlt = sdk.Stock("TLT", "SMART", "USD")
    ib.qualifyContracts(spy, tlt)
    ib.reqMarketDataType(3)
    ticker = ib.reqTickers(spy)[0]
    assert ticker.marketDataType == 3
    assert ticker.last > 0
    assert ib.seen[-1][1] == 10167
    ib.reqTickers(tlt)
    assert ib.seen[-1][1] == 10089


def test_cash_and_positions_change_behind_the_clients_back(ib: Any, server: Server) -> None:
    server.fault("position", account="DUSBX1", symbol="TLT", quantity=7)
    server.fault("cash", account="DUSBX1", change=-1000)
    until(ib, lambda: [(held.contract.symbol, held.position) for held in ib.positions()] == [("TLT", 7)])
    values = {(value.tag, value.currency): value.value for value in ib.accountValues()}
    assert values["CashBalance", "USD"] == "99000.00"
    server.fault("position", account="DUSBX1", symbol="TLT", quantity=0)
    until(ib, lambda: not ib.positions() and not ib.portfolio())


def test_a_split_changes_positions_and_open_orders(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("position", account="DUSBX1", symbol="SPY", quantity=10)
    trade = ib.placeOrder(spy, buy(sdk, 10, 50.0))
    until(ib, lambda: trade.orderStatus.status == "Submitted")
    server.fault("split", symbol="SPY", ratio=2)
    until(ib, lambda: [held.position for held in ib.positions()] == [20])
    until(ib, lambda: (trade.order.totalQuantity, trade.order.lmtPrice) == (20, 25))


# --- connections ---------------------------------------------------------------------------------


def test_a_client_id_in_use_is_refused(ib: Any, server: Server, connect: Connect) -> None:
    with pytest.raises((ConnectionError, TimeoutError)):
        connect(server, client=1, timeout=1)
    assert ib.isConnected()
    assert connect(server, client=2).isConnected()


@pytest.mark.parametrize("graceful", [True, False])
def test_a_client_is_disconnected(ib: Any, server: Server, connect: Connect, graceful: bool) -> None:
    other = connect(server, client=2)
    server.fault("disconnect", graceful=graceful, client="1")
    until(ib, lambda: not ib.isConnected())
    assert other.isConnected()
    assert connect(server).isConnected()


def test_connectivity_is_lost_and_restored(ib: Any, server: Server) -> None:
    server.fault("message", code=1100)
    server.fault("message", code=1102)
    until(ib, lambda: ib.seen[-2:] == [(-1, 1100), (-1, 1102)])


def test_start_up_requests_that_stay_silent_leave_an_empty_picture(server: Server, connect: Connect) -> None:
    server.fault("position", account="DUSBX1", symbol="TLT", quantity=7)
    for operation in ("positions", "account", "account_multi"):
        server.fault("silent", operation=operation)
    ib = connect(server, timeout=1)
    assert ib.isConnected()
    assert ib.positions() == []
    assert [held.position for held in ib.reqPositions()] == [7]


def test_a_restart_refuses_connections_for_a_while(ib: Any, server: Server, connect: Connect) -> None:
    server.fault("restart", seconds=1)
    until(ib, lambda: not ib.isConnected())
    with pytest.raises(ConnectionError):
        connect(server)
    assert connected_again(ib, server, connect).isConnected()


def test_ids_go_on_after_a_restart_unless_they_are_rolled_back(
    ib: Any, server: Server, spy: Any, sdk: ModuleType, connect: Connect
) -> None:
    wish = buy(sdk)
    trade = ib.placeOrder(spy, wish)
    until(ib, lambda: trade.orderStatus.status == "Filled")
    server.fault("restart", seconds=0)
    until(ib, lambda: not ib.isConnected())
    options = {"fetchFields": sdk.StartupFetch(0)} if hasattr(sdk, "StartupFetch") else {}
    again = connected_again(ib, server, connect, **options)
    assert again.client.getReqId() > wish.orderId
    server.fault("restart", seconds=0, id_rollback=True)
    until(again, lambda: not again.isConnected())
    server.forget_requests()
    last = connected_again(again, server, connect)
    heard: list[int] = []
    last.wrapper.nextValidId = heard.append
    last.client.reqIds(1)
    until(last, lambda: heard == [1])
    last.client.placeOrder(wish.orderId, spy, buy(sdk, orderRef="new"))
    settled(last, server, ("ref", "filled", "10"), ("new", "filled", "10"))


# --- the venue after a crash ---------------------------------------------------------------------


def test_a_killed_venue_goes_on_with_its_orders(
    gateway: Start, connect: Connect, sdk: ModuleType, spy: Any, tmp_path: Path
) -> None:
    server = gateway("--fill-delay", "0.3")
    ib = connect(server)
    resting = ib.placeOrder(spy, buy(sdk, 10, 50.0, orderRef="resting"))
    large = ib.placeOrder(spy, buy(sdk, 200, orderRef="large"))
    until(ib, lambda: resting.orderStatus.permId > 0 and large.orderStatus.permId > 0)
    permanent = resting.orderStatus.permId
    server.kill()
    until(ib, lambda: not ib.isConnected())
    server = gateway()
    again = connect(server)
    settled(again, server, ("resting", "working", "0"), ("large", "filled", "200"))
    # What is told of the large order meanwhile counts among the answers.
    until(again, lambda: [trade.orderStatus.permId for trade in again.reqOpenOrders()] == [permanent])
    fills = again.reqExecutions()
    assert sum(fill.execution.shares for fill in fills) == 200
    assert len({fill.execution.execId for fill in fills}) == len(fills)
    assert again.client.getReqId() > large.order.orderId


# --- the control endpoint ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        ("nonsense", {}, "kind nonsense is not known; known: drop_before, "),
        ("reject", {"code": 1}, "code is 1: Extra inputs"),
        ("silent", {"times": 0}, "times is 0: Input should be greater"),
        ("silent", {"operation": "now"}, "name its operation"),
        ("price_move", {"symbol": "NOSUCHXX", "price": 1}, "'NOSUCHXX' is not listed"),
        ("cash", {"account": "DUSBX9"}, "DUSBX9"),
        ("clock", {"instant": "2023-06-02T20:30:00"}, "timezone"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    server: Server, kind: str, fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Unhealthy, match=complaint):
        server.fault(kind, **fields)


def test_faults_skip_repeat_and_are_cleared(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    server.fault("reject", skip=1, times=None)
    for _ in range(3):
        ib.placeOrder(spy, buy(sdk, 1))
    until(ib, lambda: [status for _, status, _ in orders(server)] == ["filled", "rejected", "rejected"])
    server.clear()
    ib.placeOrder(spy, buy(sdk, 1))
    until(ib, lambda: orders(server)[-1][1] == "filled")


def test_the_journal_is_shown(ib: Any, server: Server, spy: Any, sdk: ModuleType) -> None:
    trade = ib.placeOrder(spy, buy(sdk, 1))
    until(ib, lambda: trade.orderStatus.status == "Filled")
    kinds = [line.partition('"event":"')[2].rstrip('"}') for line in server.control("GET", "journal")]
    assert [kind for kind in kinds if kind] == [
        *("founded", "clock_set", "funded", "entered", "worked", "executed"),
    ]


def test_swept_deposits_are_told_as_cash_and_are_none(ib: Any, server: Server) -> None:
    server.fault("swept_cash", operation="account_multi", loan="82000")
    ib.reqAccountUpdatesMulti("DUSBX1")
    rows = ib.accountValues("DUSBX1")
    told = {row.tag: row.value for row in rows if row.currency == "USD"}
    state = account_state("DUSBX1", rows, [])
    assert Decimal(told["CashBalance"]) - Decimal(told["TotalCashBalance"]) == 82_000
    assert state.cash_by_currency["USD"] == Decimal(told["TotalCashBalance"])
    assert apart(state, BalanceRules()) is None
