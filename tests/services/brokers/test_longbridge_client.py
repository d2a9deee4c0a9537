"""The LongBridge venue as longbridge and longport find it: nothing fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from venue_sandbox.servers.launch import Server

Start = Callable[..., Server]
Config = Callable[..., Any]
D = Decimal

PRICES = """date,symbol,open,close,adj_close
2023-05-31,SPY,98,99,39.6
2023-06-01,SPY,99,100,50
2023-06-02,SPY,100.5,101,50.5
2023-06-05,SPY,102,103,51.5
"""
HONG_KONG = "2023-06-01,700.HK,300,310,310\n2023-06-02,700.HK,305,320,320\n"
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def server(longbridge_venue: Start) -> Server:
    return longbridge_venue()


@pytest.fixture
def trading(openapi: ModuleType, server: Server, longbridge_config: Config) -> Any:
    return openapi.TradeContext(longbridge_config(server))


@pytest.fixture
def quotes(openapi: ModuleType, server: Server, longbridge_config: Config) -> Any:
    return openapi.QuoteContext(longbridge_config(server))


def send(sdk: ModuleType, context: Any, quantity: int, limit: str | None = None, **fields: Any) -> str:
    """Send an order to buy SPY, unless the fields say otherwise, and return its id."""
    wish = {
        "symbol": "SPY.US",
        "order_type": sdk.OrderType.MO if limit is None else sdk.OrderType.LO,
        "side": sdk.OrderSide.Buy,
        "submitted_quantity": D(quantity),
        "time_in_force": sdk.TimeInForceType.Day,
        "submitted_price": None if limit is None else D(limit),
        **fields,
    }
    return context.submit_order(**wish).order_id


def until(context: Any, order: str, status: Any, seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while (shown := context.order_detail(order)).status != status:
        assert time.monotonic() < end, shown
        time.sleep(0.01)
    return shown


# --- accounts ------------------------------------------------------------------------------------


def test_a_balance_tells_every_currency_and_the_sum(trading: Any) -> None:
    (balance,) = trading.account_balance()
    assert (balance.currency, balance.total_cash, balance.net_assets) == ("HKD", D(1_560_000), D(1_560_000))
    assert {cash.currency: cash.available_cash for cash in balance.cash_infos} == {"HKD": D(780_000), "USD": D(100_000)}
    (balance,) = trading.account_balance("USD")
    assert (balance.currency, balance.total_cash, balance.buy_power) == ("USD", D(200_000), D(200_000))


def test_positions_tell_what_is_free_to_sell(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("position", account="DUSBX1", symbol="SPY", quantity=10)
    server.fault("unfilled")
    send(openapi, trading, 4, side=openapi.OrderSide.Sell)
    (channel,) = trading.stock_positions().channels
    (position,) = channel.positions
    assert (position.symbol, position.quantity, position.available_quantity) == ("SPY.US", 10, 6)
    assert (position.currency, position.market) == ("USD", openapi.Market.US)
    assert trading.stock_positions(["TLT.US"]).channels[0].positions == []


# --- orders --------------------------------------------------------------------------------------


def test_a_market_order_fills_and_moves_cash_and_position(openapi: ModuleType, trading: Any) -> None:
    order = send(openapi, trading, 10, remark="q1")
    shown = until(trading, order, openapi.OrderStatus.Filled)
    assert (shown.executed_quantity, shown.remark, shown.currency) == (10, "q1", "USD")
    assert shown.submitted_at.timestamp() == pytest.approx(
        datetime(2023, 6, 2, 12, tzinfo=NEW_YORK).timestamp(), abs=60
    )
    (fill,) = trading.today_executions(symbol="SPY.US", order_id=order)
    assert (fill.order_id, fill.quantity, fill.price) == (order, 10, shown.executed_price)
    cash = {cash.currency: cash.available_cash for cash in trading.account_balance()[0].cash_infos}
    assert cash == {"HKD": D(780_000), "USD": D(100_000) - 10 * fill.price - 1}
    assert shown.charge_detail.total_amount == 1


def test_orders_of_today_are_found_by_remark_and_status(openapi: ModuleType, trading: Any) -> None:
    filled = send(openapi, trading, 1, remark="filled")
    resting = send(openapi, trading, 1, "50", remark="resting")
    until(trading, filled, openapi.OrderStatus.Filled)
    until(trading, resting, openapi.OrderStatus.New)
    assert {order.remark: order.order_id for order in trading.today_orders()} == {"filled": filled, "resting": resting}
    (order,) = trading.today_orders(status=[openapi.OrderStatus.New])
    assert (order.order_id, order.price, order.executed_price) == (resting, 50, None)
    assert len(trading.today_orders(symbol="SPY.US", side=openapi.OrderSide.Buy)) == 2
    assert trading.today_orders(symbol="TLT.US") == trading.today_orders(side=openapi.OrderSide.Sell) == []
    assert len(trading.today_orders(order_id=filled)) == 1


def test_a_limit_order_is_replaced_and_cancelled(openapi: ModuleType, trading: Any) -> None:
    order = send(openapi, trading, 10, "50")
    until(trading, order, openapi.OrderStatus.New)
    trading.replace_order(order, D(20), D(60))
    shown = trading.order_detail(order)
    assert (shown.quantity, shown.price) == (20, 60)
    trading.cancel_order(order)
    until(trading, order, openapi.OrderStatus.Canceled)
    for attempt in (lambda: trading.cancel_order(order), lambda: trading.replace_order(order, D(1), D(1))):
        with pytest.raises(openapi.OpenApiException, match="the order is done"):
            attempt()


def test_the_same_request_id_returns_the_same_order_for_ten_minutes(
    openapi: ModuleType, server: Server, trading: Any
) -> None:
    if not hasattr(openapi, "AsyncTradeContext"):
        pytest.skip("longport knows no client_request_id")
    first = send(openapi, trading, 1, client_request_id="q1")
    assert send(openapi, trading, 1, client_request_id="q1") == first
    assert send(openapi, trading, 1, client_request_id="q2") != first
    server.fault("clock", forward=599 - 5)
    assert send(openapi, trading, 1, client_request_id="q1") == first
    server.fault("clock", forward=10)
    assert send(openapi, trading, 1, client_request_id="q1") != first
    assert len(trading.today_orders()) == 3


def test_orders_and_executions_of_yesterday_are_history(openapi: ModuleType, server: Server, trading: Any) -> None:
    order = send(openapi, trading, 1)
    until(trading, order, openapi.OrderStatus.Filled)
    kept = send(openapi, trading, 1, "50", time_in_force=openapi.TimeInForceType.GoodTilCanceled)
    server.fault("day_roll")
    assert [shown.order_id for shown in trading.today_orders()] == [kept]
    assert trading.today_executions() == []
    span = {"start_at": datetime(2023, 6, 1, tzinfo=NEW_YORK), "end_at": datetime(2023, 6, 3, tzinfo=NEW_YORK)}
    assert {shown.order_id for shown in trading.history_orders(**span)} == {order, kept}
    assert [fill.order_id for fill in trading.history_executions(**span)] == [order]
    later = {"start_at": datetime(2023, 6, 3, tzinfo=NEW_YORK), "end_at": datetime(2023, 6, 4, tzinfo=NEW_YORK)}
    assert trading.history_orders(**later) == trading.history_executions(**later) == []


def test_an_order_that_cannot_be_paid_is_rejected(openapi: ModuleType, trading: Any) -> None:
    order = send(openapi, trading, 10_000)
    assert "insufficient" in until(trading, order, openapi.OrderStatus.Rejected).msg


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "NOSUCHXX.US"},
        {"symbol": "SPY"},
        {"submitted_quantity": D("1.5")},
        {"submitted_quantity": D(0)},
        {"remark": "x" * 65},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(openapi: ModuleType, trading: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(openapi.OpenApiException) as caught:
        send(openapi, trading, 1, **changes)
    assert caught.value.code == 602001
    assert trading.today_orders() == []


# --- what is pushed ------------------------------------------------------------------------------


def test_orders_are_pushed(openapi: ModuleType, server: Server, trading: Any) -> None:
    heard: list[Any] = []
    trading.set_on_order_changed(heard.append)
    trading.subscribe([openapi.TopicType.Private])
    order = send(openapi, trading, 10, remark="q1")
    until(trading, order, openapi.OrderStatus.Filled)
    end = time.monotonic() + 60
    while not heard or heard[-1].status != openapi.OrderStatus.Filled:
        assert time.monotonic() < end, heard
        time.sleep(0.01)
    assert {event.order_id for event in heard} == {order}
    assert (heard[-1].executed_quantity, heard[-1].last_share, heard[-1].remark) == (10, 10, "q1")
    assert heard[-1].account_no == "DUSBX1"
    trading.unsubscribe([openapi.TopicType.Private])


def test_an_account_hears_of_its_own_orders_only(
    openapi: ModuleType, longbridge_venue: Start, longbridge_config: Config
) -> None:
    server = longbridge_venue("--account", "DUSBX1=100000", "--account", "DUSBX2=100000")
    first, second = (openapi.TradeContext(longbridge_config(server, account)) for account in ("DUSBX1", "DUSBX2"))
    heard: list[Any] = []
    second.set_on_order_changed(heard.append)
    second.subscribe([openapi.TopicType.Private])
    order = send(openapi, first, 10)
    until(first, order, openapi.OrderStatus.Filled)
    time.sleep(0.1)
    assert heard == second.today_orders() == []
    with pytest.raises(openapi.OpenApiException, match="not found"):
        second.order_detail(order)


def test_prices_are_pushed(openapi: ModuleType, server: Server, quotes: Any) -> None:
    heard: list[Any] = []
    quotes.set_on_quote(lambda symbol, event: heard.append((symbol, event.last_done)))
    quotes.subscribe(["SPY.US"], [openapi.SubType.Quote])
    server.fault("price_move", symbol="SPY", price="60")
    end = time.monotonic() + 60
    while ("SPY.US", D(60)) not in heard:
        assert time.monotonic() < end, heard
        time.sleep(0.01)


# --- the market ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gzip", [False, True])
def test_quotes_are_told(openapi: ModuleType, server: Server, longbridge_config: Config, gzip: bool) -> None:
    server.fault("gzip", state=gzip)
    quotes = openapi.QuoteContext(longbridge_config(server))
    (quote,) = quotes.quote(["SPY.US", "NOSUCHXX.US"])
    assert (quote.symbol, quote.trade_status) == ("SPY.US", openapi.TradeStatus.Normal)
    assert quote.low <= quote.last_done <= quote.high
    noon = datetime(2023, 6, 2, 12, tzinfo=NEW_YORK).timestamp()
    assert quote.timestamp.timestamp() == pytest.approx(noon, abs=60)


def test_lots_and_currencies_are_told(
    openapi: ModuleType, longbridge_venue: Start, longbridge_config: Config, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text(PRICES + HONG_KONG)
    config = longbridge_config(longbridge_venue("--prices", str(tmp_path / "prices.csv")))
    quotes, trading = openapi.QuoteContext(config), openapi.TradeContext(config)
    told = {info.symbol: (info.lot_size, info.currency) for info in quotes.static_info(["SPY.US", "700.HK"])}
    assert told == {"SPY.US": (1, "USD"), "700.HK": (100, "HKD")}
    with pytest.raises(openapi.OpenApiException, match="lot"):
        send(openapi, trading, 50, symbol="700.HK")
    until(trading, send(openapi, trading, 100, symbol="700.HK"), openapi.OrderStatus.Filled)
    (position,) = trading.stock_positions().channels[0].positions
    assert (position.symbol, position.currency, position.market) == ("700.HK", "HKD", openapi.Market.HK)
    cash = {cash.currency: cash.available_cash for cash in trading.account_balance()[0].cash_infos}
    assert cash["HKD"] < 780_000 - 100 * 320
    assert cash["USD"] == 100_000


def test_candlesticks_are_raw_or_adjusted_for_splits_and_dividends(
    openapi: ModuleType, longbridge_venue: Start, longbridge_config: Config, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text(PRICES)
    server = longbridge_venue("--prices", str(tmp_path / "prices.csv"))
    quotes = openapi.QuoteContext(longbridge_config(server))

    def closes(adjust: Any) -> list[Decimal]:
        return [bar.close for bar in quotes.candlesticks("SPY.US", openapi.Period.Day, 5, adjust)]

    assert closes(openapi.AdjustType.NoAdjust) == [99, 100, 101]
    assert closes(openapi.AdjustType.ForwardAdjust) == [D("79.2"), 100, 101], "up to now, by a dividend"
    server.fault("split", symbol="SPY", ratio=2)
    assert closes(openapi.AdjustType.NoAdjust) == [99, 100, D("50.5")], "traded at half of it since"
    assert closes(openapi.AdjustType.ForwardAdjust) == [D("39.6"), 50, D("50.5")]


def test_history_is_told_by_date_and_by_offset(
    openapi: ModuleType, longbridge_venue: Start, longbridge_config: Config, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text(PRICES)
    quotes = openapi.QuoteContext(longbridge_config(longbridge_venue("--prices", str(tmp_path / "prices.csv"))))
    day, raw = openapi.Period.Day, openapi.AdjustType.NoAdjust
    bars = quotes.history_candlesticks_by_date("SPY.US", day, raw, date(2023, 6, 1), date(2023, 6, 2))
    assert [bar.close for bar in bars] == [100, 101]
    assert bars[0].timestamp.timestamp() == datetime(2023, 6, 1, tzinfo=NEW_YORK).timestamp()
    bars = quotes.history_candlesticks_by_date("SPY.US", day, raw)
    assert len(bars) == 3
    bars = quotes.history_candlesticks_by_offset("SPY.US", day, raw, False, 2, datetime(2023, 6, 1))  # noqa: DTZ001
    assert [bar.close for bar in bars] == [99, 100]
    bars = quotes.history_candlesticks_by_offset("SPY.US", day, raw, True, 2, datetime(2023, 6, 1))  # noqa: DTZ001
    assert [bar.close for bar in bars] == [100, 101]
    for symbol, period in (("NOSUCHXX.US", day), ("SPY.US", openapi.Period.Min_1)):
        with pytest.raises(openapi.OpenApiException):
            quotes.candlesticks(symbol, period, 5, raw)


def test_trading_days_and_hours_are_told(openapi: ModuleType, quotes: Any) -> None:
    days = quotes.trading_days(openapi.Market.US, date(2023, 6, 30), date(2023, 7, 5))
    assert days.trading_days == [date(2023, 6, 30), date(2023, 7, 5)]
    assert days.half_trading_days == [date(2023, 7, 3)]
    (market,) = quotes.trading_session()
    session, *extended = market.trade_sessions
    assert (session.begin_time.hour, session.begin_time.minute, session.end_time.hour) == (9, 30, 16)
    assert [(part.begin_time.hour, part.end_time.hour) for part in extended] == [(4, 9), (16, 20)]


# --- tokens and the process ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"app_secret": "wrong"}, 403201), ({"app_key": "wrong"}, 403203), ({"access_token": "wrong"}, 401003)],
)
def test_a_wrong_signature_is_refused(
    openapi: ModuleType, server: Server, longbridge_config: Config, changes: dict[str, str], code: int
) -> None:
    with pytest.raises(openapi.OpenApiException) as caught:
        openapi.TradeContext(longbridge_config(server, **changes)).account_balance()
    assert caught.value.code == code


def test_an_access_token_is_refreshed(openapi: ModuleType, server: Server, longbridge_config: Config) -> None:
    config = longbridge_config(server)
    refreshed = config.refresh_access_token(datetime(2030, 1, 1))  # noqa: DTZ001
    assert refreshed == server.control("GET", "login")["tokens"]["DUSBX1"] == "sandbox-token-DUSBX1-2"
    with pytest.raises(openapi.OpenApiException):
        openapi.TradeContext(config).account_balance()
    assert openapi.TradeContext(longbridge_config(server)).account_balance()


def test_orders_outlive_the_venue(
    openapi: ModuleType, server: Server, trading: Any, longbridge_venue: Start, longbridge_config: Config
) -> None:
    order = send(openapi, trading, 10, "50")
    server.kill()
    again = openapi.TradeContext(longbridge_config(longbridge_venue()))
    until(again, order, openapi.OrderStatus.New)


def test_the_venue_ends_at_once_with_sockets_open(openapi: ModuleType, server: Server, quotes: Any) -> None:
    quotes.quote(["SPY.US"])
    begun = time.monotonic()
    server.stop()
    assert server.process.returncode == 0
    assert time.monotonic() - begun < 10
