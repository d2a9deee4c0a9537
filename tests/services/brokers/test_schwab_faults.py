"""What goes wrong at the Schwab venue, as schwab-py finds it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
from quant_platform_kit.domain.balances import BalanceRules, apart
from schwab_app.mapping import account_state
from venue_sandbox.servers.launch import Server, Unhealthy

Start = Callable[..., Server]
Client = Callable[..., Any]

NOON = datetime(2023, 6, 2, 16, tzinfo=UTC)
httpx = import_module("httpx2" if find_spec("httpx2") else "httpx")
"""What schwab-py's own library for OAuth uses: the newer one where it is installed."""
LOST = (httpx.RemoteProtocolError, httpx.ReadError)


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
def buy(schwab: ModuleType) -> Callable[..., Any]:
    """Return a function that makes an order to buy, at a limit that is not met unless it is None."""
    equities = schwab.orders.equities

    def make(quantity: float = 10, limit: str | None = None) -> Any:
        if limit is None:
            return equities.equity_buy_market("SPY", quantity)
        return equities.equity_buy_limit("SPY", quantity, limit)

    return make


@pytest.fixture
def order_id(schwab: ModuleType, client: Any, account: str) -> Callable[[Any], int | None]:
    return schwab.utils.Utils(client, account).extract_order_id


def listed(client: Any, account: str) -> list[tuple[str, float]]:
    """Return status and filled quantity of every order, as a client finds them that asks anew."""
    span = {"from_entered_datetime": NOON - timedelta(days=1), "to_entered_datetime": NOON + timedelta(days=9)}
    response = client.get_orders_for_account(account, **span)
    assert response.status_code == 200
    return [(order["status"], order["filledQuantity"]) for order in reversed(response.json())]


def settled(client: Any, account: str, *wanted: tuple[str, float], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while (found := listed(client, account)) != list(wanted):
        assert time.monotonic() < end, found
        time.sleep(0.01)


# --- an order that is not answered ---------------------------------------------------------------


def test_dropped_before_there_is_no_order(server: Server, client: Any, account: str, buy: Any) -> None:
    server.fault("drop_before")
    with pytest.raises(LOST):
        client.place_order(account, buy())
    assert listed(client, account) == []


def test_dropped_after_the_order_is_there(server: Server, client: Any, account: str, buy: Any) -> None:
    server.fault("drop_after", symbol="SPY", account="DUSBX1")
    with pytest.raises(LOST):
        client.place_order(account, buy())
    settled(client, account, ("FILLED", 10))


@pytest.mark.parametrize("cut", [True, False])
def test_accepted_late_the_order_appears_after_a_while(
    server: Server, client: Any, account: str, buy: Any, cut: bool
) -> None:
    server.fault("delayed_accept", seconds=0.6, cut=cut)
    if cut:
        with pytest.raises(LOST):
            client.place_order(account, buy())
        assert listed(client, account) == []
    else:
        assert client.place_order(account, buy()).status_code == 201
    settled(client, account, ("FILLED", 10))


@pytest.mark.parametrize(("kind", "left"), [("silent", [("FILLED", 10)]), ("silent_drop", [])])
def test_an_order_is_never_answered(
    server: Server, client: Any, account: str, buy: Any, kind: str, left: list[tuple[str, float]]
) -> None:
    client.set_timeout(0.3)
    server.fault(kind)
    with pytest.raises(httpx.ReadTimeout):
        client.place_order(account, buy())
    time.sleep(0.2)
    settled(client, account, *left)


def test_a_server_that_never_answers_answers_nothing(server: Server, client: Any, account: str) -> None:
    client.set_timeout(0.2)
    server.fault("silent_drop", operation="*", times=None)
    for _ in range(2):
        with pytest.raises(httpx.ReadTimeout):
            client.get_account(account)
    server.clear()
    assert client.get_account(account).status_code == 200


def test_a_half_open_connection_stays_silent_and_a_new_one_is_served(
    server: Server, schwab_client: Client, client: Any, account: str, buy: Any, redirect: Any
) -> None:
    client.set_timeout(0.3)
    server.fault("half_open")
    with pytest.raises(httpx.ReadTimeout):
        client.place_order(account, buy())
    assert listed(client, account) == [], "over a new connection"


@pytest.mark.parametrize("kind", ["silent", "silent_drop"])
def test_the_venue_ends_at_once_whatever_hangs(server: Server, client: Any, account: str, buy: Any, kind: str) -> None:
    client.set_timeout(0.2)
    server.fault(kind)
    with pytest.raises(httpx.ReadTimeout):
        client.place_order(account, buy())
    server.fault("half_open")
    begun = time.monotonic()
    server.stop()
    assert server.process.returncode == 0
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("graceful", [True, False])
def test_idle_connections_are_lost_unseen(server: Server, client: Any, account: str, graceful: bool) -> None:
    server.fault("disconnect", graceful=graceful)
    time.sleep(0.1)
    assert client.get_account(account).status_code == 200, "the library opens another"


def test_an_order_is_entered_twice(
    server: Server, client: Any, account: str, buy: Any, order_id: Callable[[Any], int | None]
) -> None:
    server.fault("duplicate_order")
    told = order_id(client.place_order(account, buy()))
    settled(client, account, ("FILLED", 10), ("FILLED", 10))
    assert client.get_order(told, account).status_code == 200


def test_an_order_is_acknowledged_and_never_there(
    server: Server, client: Any, account: str, buy: Any, order_id: Callable[[Any], int | None]
) -> None:
    server.fault("phantom_order")
    told = order_id(client.place_order(account, buy()))
    assert client.get_order(told, account).status_code == 404
    settled(client, account)


# --- an order that is answered badly -------------------------------------------------------------


def test_an_answer_names_no_order(
    server: Server, client: Any, account: str, buy: Any, order_id: Callable[[Any], int | None]
) -> None:
    server.fault("missing_location")
    response = client.place_order(account, buy())
    assert (response.status_code, order_id(response)) == (201, None)
    settled(client, account, ("FILLED", 10))


def test_an_answer_names_the_wrong_order(
    server: Server, client: Any, account: str, buy: Any, order_id: Callable[[Any], int | None]
) -> None:
    first = order_id(client.place_order(account, buy(1)))
    server.fault("wrong_location")
    assert client.get_order(order_id(client.place_order(account, buy(2))), account).status_code == 404
    server.fault("wrong_location", order_id=first)
    assert order_id(client.place_order(account, buy(3))) == first
    settled(client, account, ("FILLED", 1), ("FILLED", 2), ("FILLED", 3))


@pytest.mark.parametrize("status", [429, 500, 502, 504])
@pytest.mark.parametrize("applied", [True, False])
def test_a_gateway_answers_for_the_venue(
    server: Server, client: Any, account: str, buy: Any, status: int, applied: bool
) -> None:
    server.fault("http_error", status=status, applied=applied)
    response = client.place_order(account, buy())
    assert response.status_code == status
    assert "Location" not in response.headers
    settled(client, account, *([("FILLED", 10)] if applied else []))


def test_an_error_has_a_body_or_none(server: Server, client: Any, account: str) -> None:
    server.fault("http_error", operation="account", status=429, retry_after=7)
    server.fault("http_error", operation="account", status=429, body="")
    server.fault("http_error", operation="account", status=502, body="<html>Bad Gateway</html>")
    answers = [client.get_account(account) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 502]
    assert answers[0].json()["message"]
    assert answers[0].headers["Retry-After"] == "7"
    assert (answers[1].text, answers[2].text) == ("", "<html>Bad Gateway</html>")


def test_more_orders_in_a_minute_than_allowed_are_refused(schwab_venue: Start, schwab_client: Client, buy: Any) -> None:
    server = schwab_venue("--orders-per-minute", "3", "--account", "DUSBX1=100000", "--account", "DUSBX2=100000")
    client = schwab_client(server)
    first, second = (entry["hashValue"] for entry in client.get_account_numbers().json())
    answers = [client.place_order(first, buy(1)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert client.place_order(second, buy(1)).status_code == 201, "the limit is one of an account"
    assert client.get_account(first).status_code == 200, "and of orders"
    assert len(listed(client, first)) == 3


def test_an_order_is_rejected(
    server: Server, client: Any, account: str, buy: Any, order_id: Callable[[Any], int | None]
) -> None:
    server.fault("reject", reason="Not allowed today")
    order = order_id(client.place_order(account, buy()))
    shown = client.get_order(order, account).json()
    assert (shown["status"], shown["statusDescription"]) == ("REJECTED", "Not allowed today")


def test_an_order_is_refused(server: Server, client: Any, account: str, buy: Any) -> None:
    server.fault("error", code=400, message="Not like this")
    response = client.place_order(account, buy())
    assert (response.status_code, response.json()["message"]) == (400, "Not like this")
    assert listed(client, account) == []


# --- fills ---------------------------------------------------------------------------------------


def test_a_partial_fill_rests_until_it_is_released(server: Server, client: Any, account: str, buy: Any) -> None:
    server.fault("partial_fill", share="0.4")
    client.place_order(account, buy())
    settled(client, account, ("WORKING", 4))
    server.fault("release")
    settled(client, account, ("FILLED", 10))


def test_a_partial_fill_is_cancelled(server: Server, client: Any, account: str, buy: Any) -> None:
    server.fault("partial_fill", then="cancel")
    client.place_order(account, buy())
    settled(client, account, ("CANCELED", 5))


def test_a_partial_fill_loses_its_client(server: Server, client: Any, account: str, buy: Any) -> None:
    server.fault("partial_fill", then="disconnect")
    client.place_order(account, buy())
    end = time.monotonic() + 60
    while not server.control("GET", "book")["executions"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    with pytest.raises(LOST):
        listed(client, account)
    assert listed(client, account) == [("WORKING", 5)]


def test_an_order_rests_or_fills_late(server: Server, client: Any, account: str, buy: Any) -> None:
    server.fault("unfilled")
    server.fault("late_fill", seconds=0.5)
    client.place_order(account, buy(1))
    client.place_order(account, buy(2))
    time.sleep(0.2)
    assert [filled for _, filled in listed(client, account)] == [0, 0]
    settled(client, account, ("WORKING", 0), ("FILLED", 2))


def test_a_fill_overtakes_a_cancel(
    server: Server, client: Any, account: str, buy: Any, order_id: Callable[[Any], int | None]
) -> None:
    server.fault("unfilled")
    server.fault("fill_races_cancel")
    order = order_id(client.place_order(account, buy()))
    settled(client, account, ("WORKING", 0))
    assert client.cancel_order(order, account).status_code == 400
    assert listed(client, account) == [("FILLED", 10)]


def test_a_fill_is_told_twice(
    server: Server, client: Any, account: str, buy: Any, order_id: Callable[[Any], int | None]
) -> None:
    server.fault("duplicate_event")
    order = order_id(client.place_order(account, buy()))
    settled(client, account, ("FILLED", 10))
    activities = client.get_order(order, account).json()["orderActivityCollection"]
    assert len(activities) == 2
    assert len({activity["activityId"] for activity in activities}) == 1


def test_an_order_for_a_closed_market_waits(server: Server, client: Any, account: str, buy: Any) -> None:
    server.fault("market", state="closed")
    client.place_order(account, buy())
    assert listed(client, account) == [("PENDING_ACTIVATION", 0)]
    assert client.get_quotes("SPY").json()["SPY"]["quote"]["securityStatus"] == "Closed"
    server.fault("market", state="calendar")
    settled(client, account, ("FILLED", 10))


# --- tokens --------------------------------------------------------------------------------------


def test_an_access_token_expires_before_its_time(server: Server, client: Any, account: str) -> None:
    server.fault("expire_access")
    assert client.get_account(account).status_code == 401
    client.session.refresh_token(client.session.metadata["token_endpoint"])
    assert client.get_account(account).status_code == 200


def test_one_request_is_unauthorized(server: Server, client: Any, account: str) -> None:
    server.fault("http_error", operation="account", status=401)
    assert [client.get_account(account).status_code for _ in range(2)] == [401, 200]


def test_a_login_ends_after_seven_days(server: Server, schwab_client: Client) -> None:
    from authlib.integrations.base_client.errors import OAuthError

    client = schwab_client(server, expires_in=0)
    server.fault("age_login", seconds=6.9 * 86400)
    assert client.get_account_numbers().status_code == 200
    server.fault("age_login", seconds=0.2 * 86400)
    client.session.token["expires_at"] = 0
    with pytest.raises(OAuthError, match="refresh_token_authentication_error"):
        client.get_account_numbers()


def test_a_refresh_token_of_an_older_login_is_refused(server: Server, schwab_client: Client) -> None:
    from authlib.integrations.base_client.errors import OAuthError

    client = schwab_client(server, expires_in=0)
    server.control("POST", "login")
    with pytest.raises(OAuthError, match="invalid_grant"):
        client.get_account_numbers()


def test_a_refresh_fails(server: Server, schwab_client: Client) -> None:
    from authlib.integrations.base_client.errors import OAuthError

    client = schwab_client(server, expires_in=0)
    server.fault("refresh_failure")
    with pytest.raises(OAuthError, match="invalid_grant"):
        client.get_account_numbers()
    server.fault("http_error", operation="token", status=502, body="")
    with pytest.raises(httpx.HTTPStatusError):
        client.get_account_numbers()
    server.fault("drop_after", operation="token")
    with pytest.raises(LOST):
        client.get_account_numbers()
    assert client.get_account_numbers().status_code == 200


def test_an_application_that_is_not_known_gets_no_token(schwab_venue: Start, schwab_client: Client) -> None:
    from authlib.integrations.base_client.errors import OAuthError

    client = schwab_client(schwab_venue("--secret", "another"), expires_in=0)
    with pytest.raises(OAuthError, match="invalid_client"):
        client.get_account_numbers()


# --- the venue after a crash ---------------------------------------------------------------------


def test_a_killed_venue_goes_on_with_its_orders(
    schwab_venue: Start, schwab_client: Client, buy: Any, redirect: Callable[..., None]
) -> None:
    server = schwab_venue("--fill-delay", "0.3")
    client = schwab_client(server)
    account = client.get_account_numbers().json()[0]["hashValue"]
    client.place_order(account, buy(1, "50"))
    client.place_order(account, buy(200))
    server.kill()
    with pytest.raises((*LOST, httpx.ConnectError)):
        client.get_account(account)
    redirect(client.session, schwab_venue())
    settled(client, account, ("WORKING", 0), ("FILLED", 200))


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        ("nonsense", {}, "kind nonsense is not known; known: drop_before, "),
        ("http_error", {"status": 200}, "status is 200: Input should be greater"),
        ("half_open", {"seconds": 1}, "seconds is 1: Extra inputs"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    server: Server, kind: str, fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Unhealthy, match=complaint):
        server.fault(kind, **fields)


# --- what an account is told as -------------------------------------------------------------------


def test_cash_that_is_swept_beside_a_loan_is_the_same_cash(client: Any, account: str, server: Server) -> None:
    def told() -> Any:
        document = client.get_account(account, fields=client.Account.Fields.POSITIONS).json(parse_float=Decimal)
        return document["securitiesAccount"]["currentBalances"]["cashBalance"], account_state("1", document)

    _, plain = told()
    server.fault("swept_cash", loan="8000")
    cash_balance, swept = told()
    assert (cash_balance, swept.cash_by_currency, apart(swept, BalanceRules())) == (0, plain.cash_by_currency, None)
