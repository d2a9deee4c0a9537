"""The parts of the Alpaca front that need no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import make_mocked_request
from quant_platform_kit.adapters.calendar_tables import load_calendar
from venue_sandbox.exchange.accounts import Funding
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.opening import Plan as ExchangePlan
from venue_sandbox.exchange.opening import open_exchange
from venue_sandbox.exchange.orders import OrderStatus
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.alpaca.bar_options import BAR_OPTIONS
from venue_sandbox.venues.alpaca.bars import RECENT, bar_endpoints
from venue_sandbox.venues.alpaca.calendar import calendar_endpoints
from venue_sandbox.venues.alpaca.context import AlpacaVenue, Plan
from venue_sandbox.venues.alpaca.order_documents import order_document
from venue_sandbox.venues.alpaca.order_options import LIST_OPTIONS, ORDER_OPTIONS
from venue_sandbox.venues.alpaca.server import Options, endpoints, venue_of
from venue_sandbox.venues.alpaca.tape import read_tape
from venue_sandbox.venues.http.front import Refused

DAY = "date,symbol,open,high,low,close,volume,adj_close\n"
ROWS = (
    "2025-11-26,QQQ,600,606,594,603,300,597\n"
    "2025-11-28,QQQ,603,609,597,606,300,606\n"
    "2025-11-28,SPY,700,701,699,700,50,700\n"
)
ACCOUNT = "DUSBX1"
LOT = Decimal("0.000000001")
HEADERS = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
NOON = datetime(2025, 12, 1, 17, tzinfo=UTC)
MINUTES = (
    "symbol,bar_start_et,open,high,low,close,volume\n"
    "QQQ,2025-12-01 11:43:00,600,601,599,600,100\n"
    "QQQ,2025-12-01 11:44:00,600,601,599,600,100\n"
    "QQQ,2025-12-01 11:45:00,600,601,599,600,100\n"
)


@pytest.fixture
def venue(tmp_path: Path) -> Generator[AlpacaVenue]:
    minutes, daily = tmp_path / "minutes.csv", tmp_path / "daily.csv"
    minutes.write_text(MINUTES)
    daily.write_text(DAY + ROWS)
    plan = ExchangePlan(tmp_path / "venue", (Funding(ACCOUNT, {"USD": Decimal(100_000)}),), prices=daily, lot=LOT)
    exchange = open_exchange(plan, VenueClock(real=NOON.timestamp))
    tape = read_tape(minutes, daily, load_calendar("XNYS"))
    yield venue_of(exchange, tape, Options(Plan("k", "s"), per_minute=0))
    exchange.journal.close()


def asked(venue: AlpacaVenue, **query: Any) -> Any:
    usual = {"symbols": "QQQ", "timeframe": "1Day", "start": "2025-11-01"}
    request = make_mocked_request("GET", f"/v2/stocks/bars?{urlencode({**usual, **query})}")
    answer: Any = asyncio.run(bar_endpoints(venue)[0].answer(request, None))
    return json.loads(answer.text)


def closes(venue: AlpacaVenue, adjustment: str) -> list[float]:
    return [bar["c"] for bar in asked(venue, adjustment=adjustment)["bars"]["QQQ"]]


def test_prices_are_raw_or_adjusted_for_what_has_happened_by_now(venue: AlpacaVenue) -> None:
    assert closes(venue, "raw") == closes(venue, "split") == [603, 606]
    assert closes(venue, "dividend") == closes(venue, "all") == [597, 606]
    venue.exchange.announce_split("QQQ", Decimal(2), date(2025, 11, 28))
    venue.exchange.announce_split("QQQ", Decimal(10), date(2025, 12, 2))
    assert closes(venue, "raw") == [603, 303]
    assert closes(venue, "split") == [301.5, 303]
    assert closes(venue, "all") == [298.5, 303]
    assert asked(venue, adjustment="split")["bars"]["QQQ"][0]["v"] == 600


def test_pages_go_over_symbols_in_their_order(venue: AlpacaVenue) -> None:
    first = asked(venue, symbols="SPY,QQQ,ZZZ", limit=2)
    assert list(first["bars"]) == ["QQQ"]
    last = asked(venue, symbols="SPY,QQQ,ZZZ", limit=2, page_token=first["next_page_token"])
    assert list(last["bars"]) == ["SPY"]
    assert last["next_page_token"] is None
    assert last["bars"]["SPY"][0]["t"] == "2025-11-28T05:00:00Z"


def test_sip_bars_are_late_for_whoever_pays_nothing(venue: AlpacaVenue) -> None:
    now = {"timeframe": "1Min", "start": "2025-12-01T16:00:00Z", "end": NOON.isoformat()}
    with pytest.raises(Refused, match=RECENT) as refused:
        asked(venue, **now)
    assert refused.value.status == 403
    assert len(asked(venue, **now, feed="iex")["bars"]["QQQ"]) == 3
    del now["end"]
    assert len(asked(venue, **now)["bars"]["QQQ"]) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbols": ""},
        {"timeframe": "5Min"},
        {"adjustment": "none"},
        {"feed": "otc"},
        {"limit": 10_001},
        {"start": "today"},
        {"page_token": "!"},
        {"unknown": "x"},
        *({name: "x"} for name, option in BAR_OPTIONS.items() if option.treatment is Treatment.REFUSED),
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_not_served_is_refused(venue: AlpacaVenue, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        asked(venue, **wrong)
    assert refused.value.status == 400


def test_the_calendar_has_hours_and_no_closed_day(venue: AlpacaVenue) -> None:
    venue.faults.arm({"kind": "close_day", "session": "2025-11-26"})
    request = make_mocked_request("GET", "/v2/calendar?start=2025-11-26&end=2025-11-30")
    answer: Any = asyncio.run(calendar_endpoints(venue)[0].answer(request, None))
    (day,) = json.loads(answer.text)
    assert (day["date"], day["open"], day["close"]) == ("2025-11-28", "09:30", "13:00")


def call(venue: AlpacaVenue, method: str, path: str, body: dict[str, Any] | None = None, **info: str) -> Any:
    """Ask an endpoint, by its path as it is declared; return the document of its answer."""
    plain, _, query = path.partition("?")
    endpoint = next(each for each in endpoints(venue) if (each.method, each.path) == (method, plain))
    request = make_mocked_request(method, f"{plain}?{query}", HEADERS, match_info=info)
    request._read_bytes = json.dumps(body).encode()
    answer: Any = asyncio.run(endpoint.answer(request, None))
    return json.loads(answer.text) if answer.text else None


def place(venue: AlpacaVenue, **fields: Any) -> Any:
    usual = {"symbol": "QQQ", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day"}
    return call(venue, "POST", "/v2/orders", {**usual, **fields})


def traded(venue: AlpacaVenue) -> Any:
    """Let all orders trade; return the documents of all."""
    for order in venue.exchange.book.live():
        if order.status is OrderStatus.ACCEPTED:
            venue.exchange.work(order.number)
        while not venue.exchange.book.orders[order.number].status.done and venue.exchange.match(order.number):
            pass
    return [order_document(venue, order) for order in venue.exchange.book.orders.values()]


def refused(venue: AlpacaVenue, **fields: Any) -> tuple[int, str]:
    before = len(venue.exchange.book.orders)
    with pytest.raises(Refused) as error:
        place(venue, **fields)
    assert len(venue.exchange.book.orders) == before
    return error.value.status, error.value.message


def test_an_order_fills_and_account_position_and_activities_tell_it(venue: AlpacaVenue) -> None:
    placed = place(venue, client_order_id="q1", qty="1.5")
    assert (placed["status"], placed["client_order_id"], placed["filled_avg_price"]) == ("pending_new", "q1", None)
    (order,) = traded(venue)
    assert (order["status"], order["qty"], order["filled_qty"]) == ("filled", "1.5", "1.5")
    account, (held,) = call(venue, "GET", "/v2/account"), call(venue, "GET", "/v2/positions")
    assert (held["symbol"], held["qty"], held["qty_available"]) == ("QQQ", "1.5", "1.5")
    assert Decimal(account["cash"]) + Decimal(held["market_value"]) == Decimal(account["equity"])
    (fill,) = call(venue, "GET", "/v2/account/activities/{kind}", kind="FILL")
    assert (fill["order_id"], fill["type"], fill["qty"]) == (order["id"], "fill", "1.5")
    by_client = call(venue, "GET", "/v2/orders:by_client_order_id?client_order_id=q1")
    assert by_client == order == call(venue, "GET", "/v2/orders/{order}", order=order["id"])


def test_an_id_is_taken_for_ever(venue: AlpacaVenue) -> None:
    order = place(venue, client_order_id="q1", type="limit", limit_price="1")
    call(venue, "DELETE", "/v2/orders/{order}", order=order["id"])
    assert refused(venue, client_order_id="q1") == (422, "client_order_id must be unique")


def test_shares_of_a_resting_stop_are_not_there_for_another_sell(venue: AlpacaVenue) -> None:
    venue.exchange.set_clock(datetime(2025, 11, 28, 16, tzinfo=UTC))
    venue.exchange.set_holding(ACCOUNT, "QQQ", Decimal(3))
    order = place(venue, side="sell", type="stop", stop_price="550.25", client_order_id="stop")
    assert (order["type"], order["stop_price"], order["status"]) == ("stop", "550.25", "pending_new")
    status, said = refused(venue, side="sell")
    assert (status, said) == (403, "insufficient qty available for order (requested: 3, available: 0)")
    venue.exchange.set_price("QQQ", Decimal(550))
    (sold,) = traded(venue)
    assert (sold["status"], sold["stop_price"], sold["filled_qty"]) == ("filled", "550.25", "3")


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"qty": "1000"}, 403, "insufficient buying power"),
        ({"side": "sell"}, 403, "requested: 3, available: 0"),
        ({"symbol": "ZZZ"}, 422, "not found"),
        ({"qty": "0"}, 422, "qty must be > 0"),
        ({"type": "limit", "limit_price": "100.001"}, 422, "sub-penny"),
        ({"type": "limit"}, 422, "needs limit_price"),
        ({"limit_price": "100"}, 422, "require no limit price"),
        ({"stop_price": "100"}, 422, "require no stop price"),
        ({"qty": "1.5", "type": "limit", "limit_price": "100"}, 422, "fractional"),
        ({"time_in_force": "ioc"}, 422, "time_in_force"),
        ({"new_field": 1}, 422, "not known"),
        *(({name: "x"}, 422, name) for name, each in ORDER_OPTIONS.items() if each.treatment is Treatment.REFUSED),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else None,
)
def test_orders_that_are_refused_leave_nothing(
    venue: AlpacaVenue, fields: dict[str, Any], status: int, words: str
) -> None:
    code, said = refused(venue, **fields)
    assert (code, words in said) == (status, True), said


@pytest.mark.parametrize(
    "state",
    [
        {"status": "ONBOARDING"},
        {"trading_blocked": True},
        {"trade_suspended_by_user": True},
        {"pattern_day_trader": True, "daytrade_count": 4},
    ],
)
def test_an_account_that_may_not_trade_says_so_and_takes_no_order(venue: AlpacaVenue, state: dict[str, Any]) -> None:
    venue.faults.arm({"kind": "account_state", "account": ACCOUNT, **state})
    assert {name: call(venue, "GET", "/v2/account")[name] for name in state} == state
    assert refused(venue)[0] == 403


def test_assets_that_are_not_traded_say_so(venue: AlpacaVenue) -> None:
    venue.faults.arm({"kind": "asset_state", "symbol": "QQQ", "tradable": False})
    venue.faults.arm({"kind": "asset_state", "symbol": "SPY", "fractionable": False})
    assert call(venue, "GET", "/v2/assets/{symbol}", symbol="QQQ")["tradable"] is False
    assert refused(venue) == (422, "asset QQQ is not tradable")
    assert refused(venue, symbol="SPY", qty="0.5") == (403, "asset SPY is not fractionable")


def test_lists_are_of_a_status_a_time_and_a_number(venue: AlpacaVenue) -> None:
    for number in range(3):
        place(venue, client_order_id=f"q{number}", type="limit", limit_price="1")
    first = venue.exchange.book.orders[1]
    venue.exchange.cancel(1, "")

    def ids(query: str = "") -> list[str]:
        return [each["client_order_id"] for each in call(venue, "GET", f"/v2/orders?{query}")]

    assert ids() == ["q2", "q1"]
    assert ids("status=all&direction=asc&limit=2") == ["q0", "q1"]
    assert ids("status=closed") == ["q0"]
    assert ids(f"status=all&{urlencode({'after': first.entered_at.isoformat()})}") == [], "after, and not at"
    for wrong in ("status=some", "limit=501", "direction=up", "after=today", "asset_class=crypto", "new=1"):
        with pytest.raises(Refused) as error:
            ids(wrong)
        assert error.value.status == 422
    assert set(LIST_OPTIONS) >= {"nested", "symbols"}


def test_a_symbol_that_trades_seldom_is_old_at_iex(venue: AlpacaVenue) -> None:
    venue.faults.arm({"kind": "seldom", "symbol": "QQQ", "seconds": 600})
    found = call(venue, "GET", "/v2/stocks/snapshots?symbols=QQQ,SPY,ZZZ&feed=iex")
    assert set(found) == {"QQQ", "SPY"}
    made = {symbol: datetime.fromisoformat(found[symbol]["latestTrade"]["t"]) for symbol in found}
    assert (made["SPY"] - made["QQQ"]).total_seconds() == 600
    assert found["QQQ"]["prevDailyBar"]["c"] == 603
    with pytest.raises(Refused, match=RECENT):
        call(venue, "GET", "/v2/stocks/snapshots?symbols=QQQ&feed=sip")


def test_the_clock_tells_the_next_open_and_close(venue: AlpacaVenue) -> None:
    told = call(venue, "GET", "/v2/clock")
    assert (told["is_open"], told["next_close"][:16]) == (True, "2025-12-01T16:00")
    assert told["next_open"] == "2025-12-02T09:30:00-05:00"


def test_an_order_is_shown_under_every_status_that_is_asked_for(venue: AlpacaVenue) -> None:
    place(venue, client_order_id="q1")
    venue.faults.arm({"kind": "shown_status", "order": "q1", "status": "held"})
    assert call(venue, "GET", "/v2/orders")[0]["status"] == "held"
    venue.faults.arm({"kind": "shown_status", "order": "q1", "status": None})
    assert traded(venue)[0]["status"] == "filled"


def test_wrong_keys_have_no_account(venue: AlpacaVenue) -> None:
    request = make_mocked_request("GET", "/v2/account", {**HEADERS, "APCA-API-SECRET-KEY": "x"})
    with pytest.raises(Refused) as error:
        venue.account_of(request)
    assert error.value.status == 401
