"""The parts of the Schwab front that need no network."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from venue_sandbox.exchange.accounts import Funding
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.market import Bar
from venue_sandbox.exchange.opening import Plan, open_exchange
from venue_sandbox.exchange.orders import OrderStatus, OrderType, Side, Ticket, TimeInForce
from venue_sandbox.venues.http.front import Refused
from venue_sandbox.venues.http.rate_limit import RateLimit
from venue_sandbox.venues.schwab.accounts import account_document
from venue_sandbox.venues.schwab.context import account_hash, order_id
from venue_sandbox.venues.schwab.history import candle_time, period_begin
from venue_sandbox.venues.schwab.logins import ACCESS_SECONDS, Logins
from venue_sandbox.venues.schwab.order_documents import REPLACED, order_document, status_of
from venue_sandbox.venues.schwab.order_request import read_spec, ticket_of

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
    ticket = ticket_of(read_spec(spec(orderType="MARKET", duration="GOOD_TILL_CANCEL")), "DUSBX1")
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
