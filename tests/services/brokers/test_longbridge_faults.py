"""What goes wrong at the LongBridge venue, as longbridge and longport find it.

Their synchronous calls hold the interpreter's lock until they are answered, so whatever is never answered is asked for
with the asynchronous contexts, which only longbridge has, or by another process.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from types import ModuleType
from typing import Any, TypeVar

import pytest
from venue_sandbox.servers.launch import Server, Unhealthy

Start = Callable[..., Server]
Config = Callable[..., Any]
D = Decimal
T = TypeVar("T")

ASK_FOR_QUOTES = """
import sys
from {library}.openapi import Config, QuoteContext
port, token = sys.argv[1:]
urls = (f"http://127.0.0.1:{{port}}", f"ws://127.0.0.1:{{port}}/ws/quote", f"ws://127.0.0.1:{{port}}/ws/trade")
make = getattr(Config, "from_apikey", Config)
quotes = QuoteContext(make("sandbox-key", "sandbox-secret", token, *urls, enable_print_quote_packages=False))
print(len(quotes.quote(["SPY.US"])), flush=True)
sys.stdin.readline()
print(len(quotes.quote(["SPY.US"])), flush=True)
"""


@pytest.fixture
def server(longbridge_venue: Start) -> Server:
    return longbridge_venue()


@pytest.fixture
def trading(openapi: ModuleType, server: Server, longbridge_config: Config) -> Any:
    return openapi.TradeContext(longbridge_config(server))


@pytest.fixture
def can_wait(openapi: ModuleType) -> None:
    """Skip a test that needs a call which can be given up."""
    if not hasattr(openapi, "AsyncTradeContext"):
        pytest.skip("longport has no asynchronous contexts")


def wish(sdk: ModuleType, quantity: int = 10, limit: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return an order to buy SPY, unless the fields say otherwise."""
    return {
        "symbol": "SPY.US",
        "order_type": sdk.OrderType.MO if limit is None else sdk.OrderType.LO,
        "side": sdk.OrderSide.Buy,
        "submitted_quantity": D(quantity),
        "time_in_force": sdk.TimeInForceType.Day,
        "submitted_price": None if limit is None else D(limit),
        "remark": "q1",
        **fields,
    }


def book(server: Server) -> list[tuple[str, str, str]]:
    """Return remark, status and filled quantity of every order that the venue has."""
    entries = server.control("GET", "book")["orders"]
    return [(entry["ticket"]["reference"], entry["status"], entry["filled"]) for entry in entries]


def settled(server: Server, *wanted: tuple[str, str, str], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while book(server) != list(wanted):
        assert time.monotonic() < end, book(server)
        time.sleep(0.01)


def within(seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
    """Return what an asynchronous call returns, TimeoutError if that takes longer."""

    async def run() -> T:
        return await asyncio.wait_for(ask(), seconds)

    return asyncio.run(run())


# --- an order that is not answered ---------------------------------------------------------------


def test_dropped_before_there_is_no_order(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("drop_before")
    with pytest.raises(openapi.OpenApiException, match="error sending request"):
        trading.submit_order(**wish(openapi))
    assert book(server) == []


def test_dropped_after_the_order_is_found_by_its_remark(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("drop_after", order="q1", symbol="SPY", account="DUSBX1")
    with pytest.raises(openapi.OpenApiException, match="error sending request"):
        trading.submit_order(**wish(openapi))
    settled(server, ("q1", "filled", "10"))
    assert [order.remark for order in trading.today_orders()] == ["q1"]


def test_after_a_lost_answer_the_same_request_id_finds_the_order(
    openapi: ModuleType, server: Server, trading: Any, can_wait: None
) -> None:
    server.fault("drop_after")
    again = wish(openapi, client_request_id="q1")
    with pytest.raises(openapi.OpenApiException):
        trading.submit_order(**again)
    order = trading.submit_order(**again).order_id
    assert [shown.order_id for shown in trading.today_orders()] == [order]


@pytest.mark.parametrize("cut", [True, False])
def test_accepted_late_the_order_appears_after_a_while(
    openapi: ModuleType, server: Server, trading: Any, cut: bool
) -> None:
    server.fault("delayed_accept", seconds=0.5, cut=cut)
    if cut:
        with pytest.raises(openapi.OpenApiException):
            trading.submit_order(**wish(openapi))
        assert book(server) == []
    else:
        assert trading.submit_order(**wish(openapi)).order_id
    settled(server, ("q1", "filled", "10"))


@pytest.mark.parametrize(("kind", "left"), [("silent", [("q1", "filled", "10")]), ("silent_drop", [])])
def test_an_order_is_never_answered(
    openapi: ModuleType,
    server: Server,
    longbridge_config: Config,
    can_wait: None,
    kind: str,
    left: list[tuple[str, str, str]],
) -> None:
    config = longbridge_config(server)
    server.fault(kind)

    async def ask() -> Any:
        return await openapi.AsyncTradeContext.create(config).submit_order(**wish(openapi))

    with pytest.raises(TimeoutError):
        within(0.5, ask)
    settled(server, *left)


def test_a_server_that_never_answers_answers_nothing(
    openapi: ModuleType, server: Server, longbridge_config: Config, can_wait: None
) -> None:
    config = longbridge_config(server)
    server.fault("silent_drop", operation="*", times=None)

    async def balance() -> Any:
        return await openapi.AsyncTradeContext.create(config).account_balance()

    async def quotes() -> Any:
        return await openapi.AsyncQuoteContext.create(config).quote(["SPY.US"])

    for ask in (balance, quotes):
        with pytest.raises(TimeoutError):
            within(0.5, ask)
    server.clear()
    assert within(60, balance)
    assert within(60, quotes)


def test_a_half_open_connection_stays_silent_and_a_new_one_is_served(
    openapi: ModuleType, server: Server, longbridge_config: Config, can_wait: None
) -> None:
    config = longbridge_config(server)

    async def ask() -> list[Any]:
        context = openapi.AsyncTradeContext.create(config)
        await context.account_balance()
        server.fault("half_open")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(context.submit_order(**wish(openapi)), 0.5)
        return await openapi.AsyncTradeContext.create(config).today_orders()

    assert within(60, ask) == []


@pytest.mark.parametrize("graceful", [True, False])
def test_idle_connections_are_lost_unseen(server: Server, trading: Any, graceful: bool) -> None:
    trading.account_balance()
    server.fault("disconnect", graceful=graceful)
    time.sleep(0.1)
    assert trading.account_balance()


# --- an order that is answered badly -------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("applied", [True, False])
def test_a_gateway_answers_for_the_venue(
    openapi: ModuleType, server: Server, trading: Any, status: int, applied: bool
) -> None:
    server.fault("http_error", status=status, applied=applied, body="<html></html>")
    with pytest.raises(openapi.OpenApiException, match=str(status)):
        trading.submit_order(**wish(openapi))
    settled(server, *([("q1", "filled", "10")] if applied else []))
    assert server.requests()["submit"] == 1


def test_too_many_requests_are_told_in_the_protocols_own_words(
    openapi: ModuleType, server: Server, trading: Any
) -> None:
    server.fault("http_error", status=429)
    with pytest.raises(openapi.OpenApiException) as caught:
        trading.submit_order(**wish(openapi))
    assert caught.value.code == 429002
    assert server.requests()["submit"] == 1, "the library does not send it again"


def test_too_many_requests_without_a_body_are_sent_again(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("http_error", status=429, body="", times=2)
    assert trading.submit_order(**wish(openapi)).order_id
    assert server.requests()["submit"] == 3
    settled(server, ("q1", "filled", "10"))


def test_what_the_library_sends_again_is_a_second_order_without_a_request_id(
    openapi: ModuleType, server: Server, trading: Any
) -> None:
    server.fault("http_error", status=429, body="", applied=True)
    trading.submit_order(**wish(openapi))
    settled(server, ("q1", "filled", "10"), ("q1", "filled", "10"))


def test_what_the_library_sends_again_is_the_same_order_with_a_request_id(
    openapi: ModuleType, server: Server, trading: Any, can_wait: None
) -> None:
    server.fault("http_error", status=429, body="", applied=True)
    trading.submit_order(**wish(openapi, client_request_id="q1"))
    settled(server, ("q1", "filled", "10"))


def test_an_order_is_entered_twice(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("duplicate_order")
    order = trading.submit_order(**wish(openapi)).order_id
    settled(server, ("q1", "filled", "10"), ("q1", "filled", "10"))
    assert order in {shown.order_id for shown in trading.today_orders()}


def test_an_order_is_acknowledged_and_never_there(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("phantom_order")
    order = trading.submit_order(**wish(openapi)).order_id
    assert order not in {shown.order_id for shown in trading.today_orders()}
    settled(server)


def test_an_order_is_rejected(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("reject", reason="Not allowed today")
    shown = trading.order_detail(trading.submit_order(**wish(openapi)).order_id)
    assert (shown.status, shown.msg) == (openapi.OrderStatus.Rejected, "Not allowed today")


def test_an_order_is_refused(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("error", code=603302, message="Not like this")
    with pytest.raises(openapi.OpenApiException) as caught:
        trading.submit_order(**wish(openapi))
    assert (caught.value.code, caught.value.message) == (603302, "Not like this")
    assert book(server) == []


# --- fills ---------------------------------------------------------------------------------------


def test_a_partial_fill_rests_until_it_is_released(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("partial_fill", share="0.4")
    order = trading.submit_order(**wish(openapi)).order_id
    settled(server, ("q1", "working", "4"))
    assert trading.order_detail(order).status == openapi.OrderStatus.PartialFilled
    server.fault("release", order="q1")
    settled(server, ("q1", "filled", "10"))


def test_a_partial_fill_is_cancelled(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("partial_fill", then="cancel")
    order = trading.submit_order(**wish(openapi)).order_id
    settled(server, ("q1", "cancelled", "5"))
    assert trading.order_detail(order).status == openapi.OrderStatus.PartialWithdrawal


def test_a_partial_fill_loses_its_client(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("partial_fill", then="disconnect")
    trading.submit_order(**wish(openapi))
    settled(server, ("q1", "working", "5"))
    with pytest.raises(openapi.OpenApiException):
        trading.today_orders()
    (order,) = trading.today_orders()
    assert (order.status, order.executed_quantity) == (openapi.OrderStatus.PartialFilled, 5)


def test_an_order_rests_or_fills_late(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("unfilled")
    server.fault("late_fill", seconds=0.5)
    trading.submit_order(**wish(openapi, 1, remark="a"))
    trading.submit_order(**wish(openapi, 2, remark="b"))
    time.sleep(0.2)
    assert [filled for _, _, filled in book(server)] == ["0", "0"]
    settled(server, ("a", "working", "0"), ("b", "filled", "2"))


def test_a_fill_overtakes_a_cancel(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("unfilled")
    server.fault("fill_races_cancel", order="q1")
    order = trading.submit_order(**wish(openapi)).order_id
    settled(server, ("q1", "working", "0"))
    with pytest.raises(openapi.OpenApiException, match="FilledStatus"):
        trading.cancel_order(order)
    assert book(server) == [("q1", "filled", "10")]


def test_events_are_pushed_twice(openapi: ModuleType, server: Server, trading: Any) -> None:
    heard: list[Any] = []
    trading.set_on_order_changed(heard.append)
    trading.subscribe([openapi.TopicType.Private])
    server.fault("duplicate_event")
    trading.submit_order(**wish(openapi))
    settled(server, ("q1", "filled", "10"))
    end = time.monotonic() + 60
    while (statuses := [event.status for event in heard]).count(openapi.OrderStatus.Filled) < 2:
        assert time.monotonic() < end, statuses
        time.sleep(0.01)
    time.sleep(0.3)
    assert statuses == [event.status for event in heard], "and not a third time"
    assert len(statuses) % 2 == 0


def test_an_order_for_a_closed_market_waits(openapi: ModuleType, server: Server, trading: Any) -> None:
    server.fault("market", state="closed")
    order = trading.submit_order(**wish(openapi)).order_id
    assert trading.order_detail(order).status == openapi.OrderStatus.NotReported
    server.fault("market", state="calendar")
    settled(server, ("q1", "filled", "10"))


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_expires_until_the_account_logs_in_again(
    openapi: ModuleType, server: Server, trading: Any, longbridge_config: Config
) -> None:
    server.fault("expire_token", account="DUSBX1")
    with pytest.raises(openapi.OpenApiException) as caught:
        trading.today_orders()
    assert caught.value.code == 401003
    server.control("POST", "login", {"account": "DUSBX1"})
    with pytest.raises(openapi.OpenApiException):
        trading.today_orders()
    assert openapi.TradeContext(longbridge_config(server)).today_orders() == []


# --- sockets -------------------------------------------------------------------------------------


def test_a_socket_that_is_lost_is_taken_up_again_with_its_subscriptions(
    openapi: ModuleType, server: Server, trading: Any
) -> None:
    heard: list[Any] = []
    trading.set_on_order_changed(heard.append)
    trading.subscribe([openapi.TopicType.Private])
    server.fault("disconnect")
    _wait_for(server, "trade_subscribe", 2)
    assert server.requests()["reconnect"] == 1
    trading.submit_order(**wish(openapi))
    end = time.monotonic() + 60
    while not heard:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_session_that_has_expired_needs_another_password(openapi: ModuleType, server: Server, trading: Any) -> None:
    trading.subscribe([openapi.TopicType.Private])
    server.fault("expire_sessions")
    server.fault("disconnect")
    _wait_for(server, "trade_subscribe", 2)
    assert server.requests()["socket_token"] == server.requests()["auth"] == 2


def test_a_socket_that_is_open_goes_on_when_no_session_can_be_taken_up_again(
    openapi: ModuleType, server: Server, trading: Any
) -> None:
    trading.subscribe([openapi.TopicType.Private])
    server.fault("expire_sessions")
    trading.unsubscribe([openapi.TopicType.Private])
    trading.subscribe([openapi.TopicType.Private])
    assert server.requests()["auth"] == 1


def _wait_for(server: Server, operation: str, count: int, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while server.requests().get(operation, 0) < count:
        assert time.monotonic() < end, server.requests()
        time.sleep(0.02)


def test_a_socket_is_refused(openapi: ModuleType, server: Server, longbridge_config: Config, can_wait: None) -> None:
    config = longbridge_config(server)
    server.fault("http_error", operation="quote_socket", status=502)

    async def ask() -> Any:
        return await openapi.AsyncQuoteContext.create(config).quote(["SPY.US"])

    with pytest.raises((openapi.OpenApiException, TimeoutError)):
        within(1, ask)
    assert within(60, ask)


def test_one_quote_fails_and_the_next_one_does_not(
    openapi: ModuleType, server: Server, longbridge_config: Config
) -> None:
    quotes = openapi.QuoteContext(longbridge_config(server))
    assert quotes.quote(["SPY.US"])
    server.fault("error", operation="quotes", code=301606, message="too many")
    with pytest.raises(openapi.OpenApiException, match="too many"):
        quotes.quote(["SPY.US"])
    assert quotes.quote(["SPY.US"])


def test_a_dead_quote_socket_answers_nothing_and_a_new_one_does(
    openapi: ModuleType, server: Server, longbridge_config: Config, can_wait: None
) -> None:
    config = longbridge_config(server)

    async def ask() -> Any:
        quotes = openapi.AsyncQuoteContext.create(config)
        assert await quotes.quote(["SPY.US"])
        server.fault("dead_socket", socket="quote")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(quotes.quote(["SPY.US"]), 1)
        assert await openapi.AsyncTradeContext.create(config).today_orders() == []
        return await openapi.AsyncQuoteContext.create(config).quote(["SPY.US"])

    assert within(60, ask)


def test_half_open_connections_hold_up_the_socket_and_one_request_of_the_process(
    openapi: ModuleType, server: Server, longbridge_config: Config, can_wait: None
) -> None:
    """Every configuration of a process shares its idle connections, so one made later meets the dead one too."""

    async def ask() -> Any:
        quotes = openapi.AsyncQuoteContext.create(longbridge_config(server))
        assert await quotes.quote(["SPY.US"])
        server.fault("half_open")
        later = longbridge_config(server)
        trading = openapi.AsyncTradeContext.create(later)
        for call in (lambda: quotes.quote(["SPY.US"]), trading.today_orders):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call(), 1)
        assert await trading.today_orders() == []
        return await openapi.AsyncQuoteContext.create(later).quote(["SPY.US"])

    assert within(60, ask)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_socket_that_is_lost_during_a_question_is_opened_anew(
    openapi: ModuleType, server: Server, longbridge_config: Config, can_wait: None, kind: str
) -> None:
    """Whether the library asks again by itself, or fails until it is connected, is decided by what it notices first."""
    config = longbridge_config(server)

    async def ask() -> Any:
        quotes = openapi.AsyncQuoteContext.create(config)
        assert await quotes.quote(["SPY.US"])
        server.fault(kind, operation="quotes")
        while True:
            with suppress(openapi.OpenApiException):
                return await quotes.quote(["SPY.US"])
            await asyncio.sleep(0.05)

    assert within(60, ask)
    assert server.requests()["reconnect"] == 1


def test_a_question_that_is_answered_late_is_waited_for(
    openapi: ModuleType, server: Server, longbridge_config: Config
) -> None:
    quotes = openapi.QuoteContext(longbridge_config(server))
    assert quotes.quote(["SPY.US"])
    server.fault("delayed_accept", operation="quotes", seconds=0.3, cut=False)
    begun = time.monotonic()
    assert quotes.quote(["SPY.US"])
    assert time.monotonic() - begun > 0.25


@pytest.mark.parametrize("kind", ["silent", "silent_drop"])
def test_a_question_that_is_never_answered_holds_up_those_after_it(
    openapi: ModuleType, server: Server, longbridge_config: Config, can_wait: None, kind: str
) -> None:
    config = longbridge_config(server)

    async def ask() -> Any:
        quotes = openapi.AsyncQuoteContext.create(config)
        assert await quotes.quote(["SPY.US"])
        server.fault(kind, operation="quotes")
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(quotes.quote(["SPY.US"]), 0.5)
        assert server.requests()["quotes"] == 2, "the second question was not even sent"
        return await openapi.AsyncQuoteContext.create(config).quote(["SPY.US"])

    assert within(60, ask)


@pytest.mark.parametrize("kind", ["half_open", "dead_socket"])
def test_the_venue_ends_at_once_whatever_hangs(
    openapi: ModuleType, server: Server, longbridge_config: Config, can_wait: None, kind: str
) -> None:
    config = longbridge_config(server)

    async def ask() -> Any:
        assert await openapi.AsyncQuoteContext.create(config).quote(["SPY.US"])
        server.fault("silent")
        return await openapi.AsyncTradeContext.create(config).submit_order(**wish(openapi))

    with pytest.raises(TimeoutError):
        within(1, ask)
    server.fault(kind)
    begun = time.monotonic()
    server.stop()
    assert server.process.returncode == 0
    assert time.monotonic() - begun < 10


def test_a_request_id_is_known_after_a_crash(
    openapi: ModuleType,
    server: Server,
    trading: Any,
    longbridge_config: Config,
    longbridge_venue: Start,
    can_wait: None,
) -> None:
    order = trading.submit_order(**wish(openapi, client_request_id="q1")).order_id
    server.kill()
    again = openapi.TradeContext(longbridge_config(longbridge_venue()))
    assert again.submit_order(**wish(openapi, client_request_id="q1")).order_id == order


@pytest.mark.parametrize("library", ["longbridge", "longport"])
def test_a_dead_quote_socket_holds_up_a_synchronous_call_in_its_own_process_only(
    longbridge_venue: Start, library: str
) -> None:
    pytest.importorskip(library)
    server = longbridge_venue()
    token = server.control("GET", "login")["tokens"]["DUSBX1"]
    command = [sys.executable, "-c", ASK_FOR_QUOTES.format(library=library), str(server.port), token]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == "1\n"
        server.fault("dead_socket")
        worker.stdin.write("\n")
        worker.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(2)
        worker.kill()


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        ("nonsense", {}, "kind nonsense is not known; known: drop_before, "),
        ("dead_socket", {"socket": "third"}, "socket is 'third': Input should be"),
        ("expire_token", {"account": "DUSBX9"}, "DUSBX9"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    longbridge_venue: Start, kind: str, fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Unhealthy, match=complaint):
        longbridge_venue().fault(kind, **fields)
