"""The parts of the Schwab front that need no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from venue_sandbox.exchange.accounts import Funding
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFaults
from venue_sandbox.exchange.instruments import Listing
from venue_sandbox.exchange.market import Bar
from venue_sandbox.exchange.opening import Plan, open_exchange
from venue_sandbox.exchange.orders import OrderStatus, OrderType, Side, Ticket, TimeInForce
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.http.front import Refused, Venue
from venue_sandbox.venues.http.options import Option
from venue_sandbox.venues.http.rate_limit import RateLimit
from venue_sandbox.venues.schwab.accounts import account_document
from venue_sandbox.venues.schwab.calls import CALLS
from venue_sandbox.venues.schwab.context import SchwabContext, account_hash, order_id
from venue_sandbox.venues.schwab.faults import SCHWAB_FAULTS
from venue_sandbox.venues.schwab.history import candle_time, period_begin
from venue_sandbox.venues.schwab.instruments import exchange_of
from venue_sandbox.venues.schwab.logins import ACCESS_SECONDS, Logins
from venue_sandbox.venues.schwab.oauth import Application
from venue_sandbox.venues.schwab.order_documents import REPLACED, order_document, status_of
from venue_sandbox.venues.schwab.order_options import INSTRUMENT_OPTIONS, LEG_OPTIONS, ORDER_OPTIONS
from venue_sandbox.venues.schwab.order_request import read_spec, ticket_of
from venue_sandbox.venues.schwab.server import application, endpoints

D = Decimal
NOON = datetime(2023, 6, 2, 16, tzinfo=UTC)
DAY_SECONDS = 86_400


class Seconds:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def start(tmp_path: Path) -> Generator[Callable[[], Exchange]]:
    """Yield a function that opens one venue, at first or again, at noon of a Friday that is a session."""
    last: list[Exchange] = []

    def open_() -> Exchange:
        for exchange in last:
            exchange.journal.close()
        plan = Plan(tmp_path, (Funding("DUSBX1", {"USD": D(100_000)}),), symbols=("SPY",))
        last[:] = [open_exchange(plan, VenueClock(real=NOON.timestamp))]
        return last[0]

    yield open_
    for exchange in last:
        exchange.journal.close()


# --- logins --------------------------------------------------------------------------------------


def test_an_access_token_is_good_for_half_an_hour(start: Callable[[], Exchange], clock: Seconds) -> None:
    logins = Logins(start(), clock)
    (token,) = logins.log_in().access
    clock.now = ACCESS_SECONDS - 1
    assert logins.accepts(token)
    clock.now = ACCESS_SECONDS
    assert not logins.accepts(token)
    assert not logins.accepts("")


def test_a_refresh_leaves_the_token_before_it_good(start: Callable[[], Exchange], clock: Seconds) -> None:
    logins = Logins(start(), clock)
    first = logins.log_in()
    clock.now = 1000
    second = logins.refresh(first)
    assert second.refresh_token == first.refresh_token
    assert [logins.accepts(token) for token in second.access] == [True, True]
    clock.now = ACCESS_SECONDS + 1
    assert len(logins.refresh(second).access) == 2, "what has expired is forgotten"


def test_a_login_is_too_old_after_seven_days(start: Callable[[], Exchange], clock: Seconds) -> None:
    logins = Logins(start(), clock)
    login = logins.log_in()
    clock.now = 7 * DAY_SECONDS - 1
    assert not logins.is_too_old(login)
    clock.now = 7 * DAY_SECONDS
    assert logins.is_too_old(login)


def test_a_login_is_aged_and_its_access_ended(start: Callable[[], Exchange], clock: Seconds) -> None:
    logins = Logins(start(), clock)
    logins.age(1)
    logins.expire_access()
    assert logins.current is None, "nobody has logged in"
    (token,) = logins.log_in().access
    logins.age(7 * DAY_SECONDS)
    assert logins.current is not None
    assert logins.is_too_old(logins.current)
    logins.expire_access()
    assert not logins.accepts(token)


def test_a_login_outlives_the_venue(start: Callable[[], Exchange], clock: Seconds) -> None:
    (token,) = Logins(start(), clock).log_in().access
    assert Logins(start(), clock).accepts(token)


def test_a_code_is_good_once_for_its_address_and_a_short_time(start: Callable[[], Exchange], clock: Seconds) -> None:
    logins = Logins(start(), clock)
    code = logins.offer("https://127.0.0.1")
    assert logins.exchange_code(code, "https://127.0.0.1") is not None
    assert logins.exchange_code(code, "https://127.0.0.1") is None
    assert logins.exchange_code(logins.offer("https://127.0.0.1"), "https://other") is None
    late = logins.offer("https://127.0.0.1")
    clock.now = 31
    assert logins.exchange_code(late, "https://127.0.0.1") is None


# --- limits --------------------------------------------------------------------------------------


def test_any_minute_has_so_many_orders_of_an_account(clock: Seconds) -> None:
    limit = RateLimit(2, 60, clock)
    assert [limit.admits("DUSBX1") for _ in range(3)] == [True, True, False]
    assert limit.admits("DUSBX2")
    clock.now = 59.9
    assert not limit.admits("DUSBX1")
    clock.now = 60
    assert limit.admits("DUSBX1")
    assert all(RateLimit(0, 60, clock).admits("DUSBX1") for _ in range(999))


# --- orders --------------------------------------------------------------------------------------


def spec(**changes: Any) -> bytes:
    leg = {"instruction": "BUY", "quantity": 10, "instrument": {"symbol": "SPY", "assetType": "EQUITY"}}
    fields = {
        "orderType": "LIMIT",
        "session": "NORMAL",
        "duration": "DAY",
        "orderStrategyType": "SINGLE",
        "price": "50.10",
        "orderLegCollection": [leg],
    }
    return json.dumps({**fields, **changes}).encode()


def test_an_order_is_read() -> None:
    ticket = ticket_of(read_spec(spec()), "DUSBX1")
    assert ticket == Ticket("DUSBX1", "SPY", Side.BUY, D(10), OrderType.LIMIT, D("50.1"))
    ticket = ticket_of(read_spec(spec(orderType="MARKET", price=None, duration="GOOD_TILL_CANCEL")), "DUSBX1")
    assert (ticket.order_type, ticket.limit, ticket.time_in_force) == (OrderType.MARKET, None, TimeInForce.GTC)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"\xff", spec(session="AM"), spec(duration="FILL_OR_KILL"), spec(orderStrategyType="OCO")),
        *(spec(orderType="STOP"), spec(orderLegCollection=[]), spec(price="cheap")),
    ],
)
def test_an_order_of_another_kind_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read_spec(body)
    assert caught.value.status == 400


def leg(**changes: Any) -> dict[str, Any]:
    return {"instruction": "BUY", "quantity": 10, "instrument": {"symbol": "SPY", "assetType": "EQUITY"}, **changes}


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (ORDER_OPTIONS, lambda asked: spec(**asked)),
        (LEG_OPTIONS, lambda asked: spec(orderLegCollection=[leg(**asked)])),
        (
            INSTRUMENT_OPTIONS,
            lambda asked: spec(orderLegCollection=[leg(instrument={**leg()["instrument"], **asked})]),
        ),
    ],
)
def test_every_option_that_is_not_served_is_refused_by_its_name(
    options: Mapping[str, Option], written: Callable[[dict[str, Any]], bytes]
) -> None:
    refused = [option for option in options.values() if option.treatment is Treatment.REFUSED]
    for option in refused:
        for nothing in (None, "", [], *option.nothing):
            read_spec(written({option.name: nothing}))
        with pytest.raises(Refused, match=f"{option.name}: {option.text}") as caught:
            read_spec(written({option.name: EXAMPLES.get(option.name, "1")}))
        assert caught.value.status == 400
    with pytest.raises(Refused, match="sellBy: the field is not known"):
        read_spec(written({"sellBy": 1}))


EXAMPLES = {
    **{
        "specialInstruction": "ALL_OR_NONE",
        "cancelTime": "2023-06-05T00:00:00+0000",
        "complexOrderStrategyType": "A",
    },
    **{"childOrderStrategies": [{"orderType": "STOP"}], "requestedDestination": "NASDAQ", "putCall": "CALL"},
    **{"orderLegType": "OPTION", "quantityType": "DOLLARS", "divCapGains": "REINVEST"},
}
"""What an option holds in the test, where a plain 1 would not do."""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (spec(orderType="MARKET"), "price: a market order has none"),
        (spec(quantity=11), "quantity: it is not that of the order"),
        (spec(orderLegCollection=[leg(positionEffect="CLOSING")]), "positionEffect: it does not fit"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(body: bytes, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        read_spec(body)


def test_an_order_as_the_broker_shows_it_can_be_sent_again(start: Callable[[], Exchange]) -> None:
    exchange = start()
    ticket = Ticket("DUSBX1", "SPY", Side.BUY, D(10), OrderType.LIMIT, D("50.10"))
    shown = order_document(exchange, exchange.submit(ticket), twice=False)
    shown["orderLegCollection"][0]["instrument"]["assetType"] = "EQUITY"  # funds are shown as something else
    assert ticket_of(read_spec(json.dumps(shown).encode()), "DUSBX1") == ticket


def test_every_call_is_in_the_table_and_has_an_endpoint(start: Callable[[], Exchange]) -> None:
    venue = Venue(exchange := start(), Pacer(exchange, 0), VenueFaults(SCHWAB_FAULTS, lambda _: None))
    context = SchwabContext(venue, Logins(exchange), RateLimit(0, 1))
    found = {f"{endpoint.method} {endpoint.path}" for endpoint in endpoints(context, Application("key", "secret"))}
    assert found == {call.name for call in CALLS}


def test_what_is_no_endpoint_is_refused_in_the_shape_of_the_api(start: Callable[[], Exchange]) -> None:
    venue = Venue(exchange := start(), Pacer(exchange, 0), VenueFaults(SCHWAB_FAULTS, lambda _: None))
    context = SchwabContext(venue, logins := Logins(exchange), RateLimit(0, 1))
    token = list(logins.log_in().access)[-1]

    def asked(method: str, path: str) -> tuple[int, Any]:
        async def run() -> tuple[int, Any]:
            served = application(context, Application("key", "secret"))
            served.freeze()
            request = make_mocked_request(method, path, {"Authorization": f"Bearer {token}"}, payload=empty())
            response = await served._handle(request)  # pyright: ignore[reportPrivateUsage]
            assert isinstance(response, web.Response)
            return response.status, json.loads(response.text or "null")

        return asyncio.run(run())

    assert asked("GET", "/trader/v1/nowhere") == (404, {"message": "Not Found", "errors": ["Not Found"]})
    assert asked("GET", "/marketdata/v1/nowhere")[1]["errors"][0]["status"] == 404
    assert asked("PATCH", "/trader/v1/accounts")[0] == 405
    assert asked("GET", "/trader/v1/userPreference")[0] == 403
    assert asked("GET", "/trader/v1/accounts/") == asked("GET", "/trader/v1/accounts")
    assert asked("GET", "/trader/v1/accounts/")[0] == 200


def empty() -> StreamReader:
    """Return the body of a request without one."""
    reader = StreamReader(BaseProtocol(asyncio.get_running_loop()), 0)
    reader.feed_eof()
    return reader


def test_exchanges_have_the_codes_of_the_api(start: Callable[[], Exchange]) -> None:
    assert exchange_of(start().listing.instruments["SPY"]) == ("P", "NYSE Arca")
    assert exchange_of(Listing(["AAPL"]).instruments["AAPL"]) == ("Q", "NASDAQ")


def test_an_order_is_shown_in_every_status(start: Callable[[], Exchange]) -> None:
    exchange = start()
    order = exchange.submit(Ticket("DUSBX1", "SPY", Side.BUY, D(10), OrderType.LIMIT, D(1)))
    assert status_of(exchange, order) == "ACCEPTED"
    exchange.force_hours(False)
    assert status_of(exchange, order) == "PENDING_ACTIVATION"
    assert status_of(exchange, exchange.work(order.number)) == "WORKING"
    document = order_document(exchange, order, twice=False)
    assert (document["orderId"], document["remainingQuantity"]) == (order_id(exchange, 1), 10)
    assert "orderActivityCollection" not in document
    assert status_of(exchange, exchange.cancel(order.number, REPLACED)) == "REPLACED"
    other = exchange.submit(Ticket("DUSBX1", "SPY", Side.BUY, D(10), OrderType.LIMIT, D(1)))
    assert status_of(exchange, exchange.cancel(other.number, "", OrderStatus.EXPIRED)) == "EXPIRED"


def test_what_open_orders_need_is_not_available(start: Callable[[], Exchange]) -> None:
    exchange = start()
    exchange.submit(Ticket("DUSBX1", "SPY", Side.BUY, D(10), OrderType.LIMIT, D(1)))
    balances = account_document(exchange, exchange.book.accounts["DUSBX1"], with_positions=False)
    balances = balances["securitiesAccount"]["currentBalances"]
    assert (balances["cashBalance"], balances["cashAvailableForTrading"]) == (100_000, 99_989.9)


def test_accounts_have_hashes_that_stay(start: Callable[[], Exchange]) -> None:
    first = account_hash(start(), "DUSBX1")
    assert first == account_hash(start(), "DUSBX1") != account_hash(start(), "DUSBX2")


# --- history -------------------------------------------------------------------------------------


def test_a_candle_carries_midnight_in_chicago() -> None:
    one = D(1)
    assert candle_time(Bar(date(2023, 6, 2), one, one, one, one)).astimezone(UTC).hour == 5
    assert candle_time(Bar(date(2023, 1, 3), one, one, one, one)).astimezone(UTC).hour == 6


def test_a_period_ends_now() -> None:
    assert period_begin("day", 10, NOON) == NOON - timedelta(days=10)
    assert period_begin("year", 2, NOON) == NOON - timedelta(days=730.5)
    assert period_begin("ytd", 1, NOON).date() == date(2023, 1, 1)
    with pytest.raises(KeyError):
        period_begin("century", 1, NOON)
