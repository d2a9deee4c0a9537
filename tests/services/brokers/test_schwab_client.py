"""The Schwab venue as schwab-py finds it: nothing fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from venue_sandbox.servers.launch import Server

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")  # schwab-py asks for the time so

Start = Callable[..., Server]
Client = Callable[..., Any]

PRICES = """date,symbol,open,close,adj_close
2023-05-31,SPY,98,99,49.5
2023-06-01,SPY,99,100,50
2023-06-02,SPY,100.5,101,50.5
2023-06-05,SPY,102,103,51.5
"""
NOON = datetime(2023, 6, 2, 16, tzinfo=UTC)


@pytest.fixture
def server(schwab_venue: Start) -> Server:
    return schwab_venue()


@pytest.fixture
def client(server: Server, schwab_client: Client) -> Any:
    return schwab_client(server)


@pytest.fixture
def account(client: Any) -> str:
    return client.get_account_numbers().json()[0]["hashValue"]


@pytest.fixture
def equities(schwab: ModuleType) -> Any:
    return schwab.orders.equities


def placed(client: Any, schwab: ModuleType, account: str, order: Any) -> int:
    """Place an order and return its id, as the library reads it."""
    response = client.place_order(account, order)
    assert (response.status_code, response.content) == (201, b"")
    return schwab.utils.Utils(client, account).extract_order_id(response)


def until(client: Any, account: str, order: int, status: str, seconds: float = 60.0) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while (shown := client.get_order(order, account).json())["status"] != status:
        assert time.monotonic() < end, shown
        time.sleep(0.01)
    return shown


def listed(client: Any, account: str, **options: Any) -> list[dict[str, Any]]:
    span = {"from_entered_datetime": NOON - timedelta(days=1), "to_entered_datetime": NOON + timedelta(days=1)}
    response = client.get_orders_for_account(account, **{**span, **options})
    assert response.status_code == 200
    return response.json()


# --- logging in ----------------------------------------------------------------------------------


def test_a_token_about_to_expire_is_refreshed_and_written_back(
    server: Server, schwab_client: Client, tmp_path: Path
) -> None:
    client = schwab_client(server, expires_in=200)
    before = json.loads((tmp_path / "token.json").read_text())
    assert client.get_account_numbers().status_code == 200
    after = json.loads((tmp_path / "token.json").read_text())
    assert after["token"]["access_token"] != before["token"]["access_token"]
    assert after["token"]["refresh_token"] == before["token"]["refresh_token"]
    assert after["token"]["expires_at"] - time.time() > 1700
    assert server.requests() == {"token": 1, "account_numbers": 1}


def test_a_fresh_token_is_used_as_it_is(server: Server, client: Any) -> None:
    assert client.get_account_numbers().status_code == 200
    assert server.requests() == {"account_numbers": 1}


def test_a_login_is_made_with_a_code(server: Server, schwab: ModuleType, redirect: Callable[..., None]) -> None:
    from authlib.integrations.httpx_client import OAuth2Client

    context = schwab.auth.get_auth_context("sandbox-key", "https://127.0.0.1:8182")
    with OAuth2Client("sandbox-key", "sandbox-secret", redirect_uri=context.callback_url) as session:
        redirect(session, server)
        sent = session.request("GET", context.authorization_url, withhold_token=True)
        assert parse_qs(urlsplit(sent.headers["Location"]).query)["state"] == [context.state]
        answer = {"authorization_response": sent.headers["Location"], "state": context.state}
        token = session.fetch_token("https://api.schwabapi.com/v1/oauth/token", **answer)
        assert token["expires_in"] == 1800
        assert session.get("https://api.schwabapi.com/trader/v1/accounts").status_code == 200


def test_a_new_login_ends_the_one_before(server: Server, client: Any, schwab_client: Client) -> None:
    schwab_client(server)
    assert client.get_accounts().status_code == 401


def test_logins_and_orders_outlive_the_venue(
    server: Server, client: Any, account: str, schwab: ModuleType, equities: Any, schwab_venue: Start, redirect: Any
) -> None:
    order = placed(client, schwab, account, equities.equity_buy_limit("SPY", 10, "50"))
    server.kill()
    redirect(client.session, schwab_venue())
    assert until(client, account, order, "WORKING")["orderId"] == order


# --- accounts ------------------------------------------------------------------------------------


def test_accounts_are_named_by_hashes(server: Server, client: Any, schwab_venue: Start) -> None:
    (entry,) = client.get_account_numbers().json()
    assert entry["accountNumber"] == "DUSBX1"
    assert len(entry["hashValue"]) == 64
    assert client.get_account("nonsense").status_code == 404


def test_an_account_holds_its_cash(client: Any, account: str) -> None:
    document = client.get_account(account).json()["securitiesAccount"]
    assert (document["type"], document["accountNumber"]) == ("CASH", "DUSBX1")
    assert document["currentBalances"]["cashBalance"] == document["currentBalances"]["liquidationValue"] == 100_000
    assert "positions" not in document


def test_positions_come_when_they_are_asked_for(server: Server, client: Any, account: str) -> None:
    server.fault("position", account="DUSBX1", symbol="SPY", quantity=10)
    fields = client.Account.Fields.POSITIONS
    document = client.get_account(account, fields=fields).json()["securitiesAccount"]
    (position,) = document["positions"]
    assert (position["instrument"]["symbol"], position["longQuantity"]) == ("SPY", 10)
    assert position["instrument"]["assetType"] == "COLLECTIVE_INVESTMENT"
    worth = document["currentBalances"]["liquidationValue"]
    assert worth == pytest.approx(100_000 + position["marketValue"])
    assert [entry["securitiesAccount"]["positions"] for entry in client.get_accounts(fields=fields).json()]


# --- orders --------------------------------------------------------------------------------------


def test_a_market_order_fills_and_moves_cash_and_position(
    client: Any, account: str, schwab: ModuleType, equities: Any
) -> None:
    order = placed(client, schwab, account, equities.equity_buy_market("SPY", 10))
    shown = until(client, account, order, "FILLED")
    (activity,) = shown["orderActivityCollection"]
    (leg,) = activity["executionLegs"]
    assert (shown["filledQuantity"], shown["remainingQuantity"], leg["quantity"]) == (10, 0, 10)
    assert shown["orderLegCollection"][0]["instruction"] == "BUY"
    assert shown["enteredTime"][:15] == leg["time"][:15] == "2023-06-02T16:0"
    document = client.get_account(account, fields=client.Account.Fields.POSITIONS).json()["securitiesAccount"]
    assert document["currentBalances"]["cashBalance"] == pytest.approx(100_000 - 10 * leg["price"] - 1)
    assert [held["longQuantity"] for held in document["positions"]] == [10]
    order = placed(client, schwab, account, equities.equity_sell_market("SPY", 10))
    until(client, account, order, "FILLED")
    document = client.get_account(account, fields=client.Account.Fields.POSITIONS).json()["securitiesAccount"]
    assert document["positions"] == []


def test_a_large_order_fills_in_parts(
    schwab_venue: Start, schwab_client: Client, schwab: ModuleType, equities: Any
) -> None:
    client = schwab_client(schwab_venue("--seed", "2", "--account", "DUSBX1=1000000"))
    account = client.get_account_numbers().json()[0]["hashValue"]
    order = placed(client, schwab, account, equities.equity_buy_market("SPY", 200))
    shown = until(client, account, order, "FILLED")
    parts = [activity["quantity"] for activity in shown["orderActivityCollection"]]
    assert len(parts) > 1
    assert sum(parts) == 200
    assert len({activity["activityId"] for activity in shown["orderActivityCollection"]}) == len(parts)


def test_orders_are_listed_by_time_and_status(client: Any, account: str, schwab: ModuleType, equities: Any) -> None:
    filled = placed(client, schwab, account, equities.equity_buy_market("SPY", 1))
    resting = placed(client, schwab, account, equities.equity_buy_limit("SPY", 1, "50"))
    until(client, account, filled, "FILLED")
    until(client, account, resting, "WORKING")
    assert [order["orderId"] for order in listed(client, account)] == [resting, filled]
    assert [order["orderId"] for order in listed(client, account, max_results=1)] == [resting]
    status = client.Order.Status.FILLED
    assert [order["orderId"] for order in listed(client, account, status=status)] == [filled]
    assert listed(client, account, to_entered_datetime=NOON - timedelta(hours=1)) == []
    span = {"from_entered_datetime": NOON, "to_entered_datetime": NOON + timedelta(days=1)}
    assert len(client.get_orders_for_all_linked_accounts(**span).json()) == 2


def test_a_limit_order_is_cancelled(client: Any, account: str, schwab: ModuleType, equities: Any) -> None:
    order = placed(client, schwab, account, equities.equity_buy_limit("SPY", 10, "50"))
    shown = until(client, account, order, "WORKING")
    assert (shown["price"], shown["cancelable"]) == (50, True)
    assert client.cancel_order(order, account).status_code == 200
    assert until(client, account, order, "CANCELED")["cancelable"] is False
    assert client.cancel_order(order, account).status_code == 400
    assert client.cancel_order(order + 1, account).status_code == 404


def test_an_order_is_replaced_by_another(client: Any, account: str, schwab: ModuleType, equities: Any) -> None:
    order = placed(client, schwab, account, equities.equity_buy_limit("SPY", 10, "50"))
    response = client.replace_order(account, order, equities.equity_buy_limit("SPY", 20, "60"))
    newer = schwab.utils.Utils(client, account).extract_order_id(response)
    assert newer not in (None, order)
    assert until(client, account, order, "REPLACED")["closeTime"]
    shown = until(client, account, newer, "WORKING")
    assert (shown["quantity"], shown["price"]) == (20, 60)
    assert client.replace_order(account, newer, equities.equity_buy_limit("TLT", 1, "60")).status_code == 400
    assert client.replace_order(account, newer, equities.equity_buy_limit("SPY", 1.5, "60")).status_code == 400
    assert until(client, account, newer, "WORKING")


def test_what_the_account_cannot_pay_is_rejected(client: Any, account: str, schwab: ModuleType, equities: Any) -> None:
    order = placed(client, schwab, account, equities.equity_buy_market("SPY", 100_000))
    assert "insufficient" in until(client, account, order, "REJECTED")["statusDescription"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("equity_buy_market", ("NOSUCHXX", 1)),
        ("equity_buy_market", ("SPY", 1.5)),
        ("equity_buy_limit", ("SPY", 1, "50.001")),
        ("equity_sell_short_market", ("SPY", 1)),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    client: Any, account: str, equities: Any, name: str, words: tuple[Any, ...]
) -> None:
    response = client.place_order(account, getattr(equities, name)(*words))
    assert response.status_code == 400
    assert response.json()["message"]
    assert listed(client, account) == []


def test_an_order_without_end_outlives_the_day(
    server: Server, client: Any, account: str, schwab: ModuleType, equities: Any
) -> None:
    duration = schwab.orders.common.Duration.GOOD_TILL_CANCEL
    kept = placed(client, schwab, account, equities.equity_buy_limit("SPY", 1, "50").set_duration(duration))
    gone = placed(client, schwab, account, equities.equity_buy_limit("SPY", 1, "50"))
    server.fault("day_roll")
    until(client, account, gone, "EXPIRED")
    until(client, account, kept, "WORKING")


# --- the market ----------------------------------------------------------------------------------


def test_quotes_tell_bid_ask_and_last(client: Any) -> None:
    document = client.get_quotes(["SPY", "AAPL", "NOSUCHXX"]).json()
    quote = document["SPY"]["quote"]
    assert quote["bidPrice"] < quote["lastPrice"] < quote["askPrice"]
    assert datetime.fromtimestamp(quote["quoteTime"] / 1000, UTC).replace(second=0, microsecond=0) == NOON
    assert document["errors"] == {"invalidSymbols": ["NOSUCHXX"]}
    assert document["AAPL"]["assetSubType"] == "COE"
    assert client.get_quote("SPY", fields=client.Quote.Fields.QUOTE).json()["SPY"].keys() & {"reference"} == set()
    assert client.get_quote("NOSUCHXX").status_code == 404


def test_history_is_adjusted_for_splits_and_not_for_dividends(
    schwab_venue: Start, schwab_client: Client, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text(PRICES)
    server = schwab_venue("--prices", str(tmp_path / "prices.csv"))
    client = schwab_client(server)

    def closes() -> list[tuple[date, float]]:
        document = client.get_price_history_every_day("SPY").json()
        times = [datetime.fromtimestamp(candle["datetime"] / 1000, UTC) for candle in document["candles"]]
        return [(at.date(), candle["close"]) for at, candle in zip(times, document["candles"], strict=True)]

    days = [date(2023, 5, 31), date(2023, 6, 1), date(2023, 6, 2)]
    assert closes() == list(zip(days, (99, 100, 101), strict=True))
    server.fault("split", symbol="SPY", ratio=2)
    assert closes() == list(zip(days, (49.5, 50, 50.5), strict=True))


def test_history_is_cut_by_start_end_and_period(schwab_venue: Start, schwab_client: Client, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(PRICES)
    client = schwab_client(schwab_venue("--prices", str(tmp_path / "prices.csv")))
    span = {"start_datetime": datetime(2023, 6, 1, tzinfo=UTC), "end_datetime": datetime(2023, 6, 2, tzinfo=UTC)}
    document = client.get_price_history_every_day("SPY", **span, need_previous_close=True).json()
    assert [candle["close"] for candle in document["candles"]] == [100]
    assert (document["previousClose"], document["empty"]) == (99, False)
    every_day = {"frequency_type": client.PriceHistory.FrequencyType.DAILY}
    year = client.PriceHistory.PeriodType.YEAR
    assert len(client.get_price_history("SPY", period_type=year, **every_day).json()["candles"]) == 3
    assert client.get_price_history("NOSUCHXX", period_type=year, **every_day).status_code == 404
    assert client.get_price_history_every_minute("SPY").status_code == 400


def test_instruments_are_looked_up(client: Any) -> None:
    projection = client.Instrument.Projection
    (found,) = client.get_instruments("SPY", projection.SYMBOL_SEARCH).json()["instruments"]
    assert (found["symbol"], found["assetType"]) == ("SPY", "ETF")
    assert client.get_instrument_by_cusip(found["cusip"]).json()["instruments"] == [found]
    assert len(client.get_instruments("SPY.?", projection.SYMBOL_REGEX).json()["instruments"]) == 2
    assert client.get_instruments("NOSUCHXX", projection.SYMBOL_SEARCH).json() == {}


def test_hours_of_the_market(server: Server, client: Any) -> None:
    markets = client.MarketHours.Market.EQUITY
    hours = client.get_market_hours(markets).json()["equity"]["EQ"]
    assert hours["sessionHours"]["regularMarket"] == [
        {"start": "2023-06-02T09:30:00-04:00", "end": "2023-06-02T16:00:00-04:00"}
    ]
    closed = client.get_market_hours(markets, date=date(2023, 6, 3)).json()["equity"]["equity"]
    assert closed["isOpen"] is False
    server.fault("market", state="closed")
    assert client.get_market_hours(markets).json()["equity"]["equity"]["isOpen"] is False


# --- the process ---------------------------------------------------------------------------------


def test_the_venue_ends_at_once_with_clients_connected(server: Server, client: Any) -> None:
    client.get_accounts()
    begun = time.monotonic()
    server.stop()
    assert server.process.returncode == 0
    assert time.monotonic() - begun < 10


def test_a_client_that_is_redirected_reaches_nothing_else(client: Any) -> None:
    with pytest.raises(RuntimeError, match=r"example\.org"):
        client.session.get("https://example.org/")


def test_several_accounts_stand_under_one_login(schwab_venue: Start, schwab_client: Client) -> None:
    server = schwab_venue("--account", "DUSBX1=100000", "--account", "DUSBX2=5000")
    client = schwab_client(server)
    accounts = {entry["accountNumber"]: entry["hashValue"] for entry in client.get_account_numbers().json()}
    document = client.get_account(accounts["DUSBX2"]).json()["securitiesAccount"]
    assert document["currentBalances"]["cashBalance"] == 5000


def test_the_asynchronous_client_is_served_too(server: Server, schwab_client: Client) -> None:
    import asyncio

    async def run() -> int:
        client = schwab_client(server, asyncio=True, expires_in=100)
        response = await client.get_account_numbers()
        await client.close_async_session()
        return response.status_code

    assert asyncio.run(run()) == HTTPStatus.OK
