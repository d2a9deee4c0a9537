"""LongBridge's app on both real libraries against the venue: orders that get lost, and sockets that die."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from longbridge_app.compose import account_of
from longbridge_app.pacing import Pace
from longbridge_app.rows import Credentials
from longbridge_app.worker import Worker
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, NeedsLogin, NeedsOperator, OrderRejected
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.silence import AfterSilence
from quant_platform_kit.ports.versioned_store import VersionedStore
from venue_sandbox.demo.market import choose_market
from venue_sandbox.demo.tour import report_of
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.longbridge import LongBridgePlatform
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import Platform

from .app_frame import buy, longbridge_login, orders, silent, until

Start = Callable[..., Server]
D = Decimal
ACCOUNT = "DUSBX1"
SETTLE = timedelta(seconds=1)
TIMEOUT = 3.0
START_SECONDS = 60.0
"""What the start of a process may take; a call within a test has ``TIMEOUT``."""


class App:
    """A process of the app: a broker, its market, and the two processes behind them."""

    def __init__(
        self,
        server: Server,
        library: str,
        store: VersionedStore,
        account: str = ACCOUNT,
        timeout: float = TIMEOUT,
        pace: Pace | None = None,
    ) -> None:
        self.server, self.library, self.store = server, library, store
        credentials = Credentials(library, **longbridge_login(server, account))
        self.trade, self.quote = Worker(credentials, timeout, pace), Worker(credentials, timeout)
        made = account_of(self.trade, self.quote, account, store, SETTLE)
        self.broker, self.market, self.clock, self.close = made.broker, made.market, made.clock, made.close

    def warm(self) -> None:
        """Start both processes, so that a test's time is not theirs."""
        timeout = self.trade.timeout
        self.trade.timeout = self.quote.timeout = START_SECONDS
        self.broker.connect()
        self.market.quotes(["SPY"])
        self.trade.timeout = self.quote.timeout = timeout


@pytest.fixture
def server(longbridge_venue: Start) -> Server:
    return longbridge_venue()


@pytest.fixture(params=["longbridge", "longport"])
def library(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(f"{request.param}.openapi", exc_type=ImportError)
    return request.param


@pytest.fixture
def app(server: Server, library: str, tmp_path: Path) -> Generator[App]:
    made = App(server, library, FileStore(tmp_path / "store"))
    made.warm()
    yield made
    made.close()


# --- nothing fails -------------------------------------------------------------------------------


def test_an_account_tells_its_currencies_apart(app: App) -> None:
    state = app.broker.account()
    assert (state.account_id, state.quantities) == (ACCOUNT, {})
    assert state.cash_by_currency == {"HKD": 780_000, "USD": 100_000}


def test_a_market_order_fills_costs_and_is_found_by_another_process(app: App, server: Server) -> None:
    app.broker.submit(buy())
    filled = until(app, "q1", OrderState.FILLED)
    assert (filled.filled_quantity, sum(fill.commission for fill in filled.fills)) == (3, 1)
    paid = sum(fill.quantity * fill.price + fill.commission for fill in filled.fills)
    state = app.broker.account()
    assert state.quantities == {"SPY": 3}
    assert state.cash_by_currency == {"HKD": 780_000, "USD": 100_000 - paid}
    assert abs(filled.fills[0].executed_at - app.clock.now()) < timedelta(minutes=1)
    app.broker.connect()
    assert app.broker.find("q1") == filled
    assert app.broker.submit(buy()) == filled
    assert len(orders(server)) == 1
    assert app.broker.find("never") is None


def test_an_id_is_used_for_one_order_only(app: App, server: Server) -> None:
    app.broker.submit(buy())
    with pytest.raises(OrderRejected, match="ids are used once"):
        app.broker.submit(buy(4))
    assert len(orders(server)) == 1


def test_a_limit_order_rests_is_listed_and_is_cancelled(app: App) -> None:
    assert app.broker.submit(buy(limit="50")).order == buy(limit="50")
    (listed,) = app.broker.open_orders()
    assert (listed.order, listed.state) == (buy(limit="50"), OrderState.ACKNOWLEDGED)
    cancelled = app.broker.cancel("q1")
    assert (cancelled.state, cancelled.filled_quantity) == (OrderState.CANCELLED, 0)
    assert app.broker.open_orders() == ()
    assert app.broker.cancel("q1") == cancelled
    with pytest.raises(BrokerError, match="not known"):
        app.broker.cancel("never")


def test_a_partly_filled_order_is_cancelled_with_its_part(app: App, server: Server) -> None:
    server.fault("partial_fill", share=0.5)
    app.broker.submit(buy(10))
    assert until(app, "q1", OrderState.PARTIALLY_FILLED).filled_quantity == 5
    cancelled = app.broker.cancel("q1")
    assert (cancelled.state, cancelled.filled_quantity) == (OrderState.CANCELLED, 5)


def test_a_fill_that_races_the_cancel_counts(app: App, server: Server) -> None:
    server.fault("unfilled")
    app.broker.submit(buy())
    server.fault("fill_races_cancel", operation="cancel")
    assert app.broker.cancel("q1").state is OrderState.FILLED


def test_an_order_of_yesterday_is_still_found(app: App, server: Server) -> None:
    app.broker.submit(buy())
    filled = until(app, "q1", OrderState.FILLED)
    server.fault("day_roll")
    again = App(server, app.library, app.store)
    assert again.broker.find("q1") == filled
    again.close()


def test_many_at_once_send_once(app: App, server: Server) -> None:
    said: list[Any] = []
    threads = [threading.Thread(target=lambda: said.append(app.broker.submit(buy()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 3
    assert len(orders(server)) == 1


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order("q1", "NOSUCHXX", Side.BUY, D(1)), "not known"),
        (Order("q1", "SPY", Side.BUY, D("1.5")), "whole number"),
        (Order("q1", "SPY", Side.BUY, D(0)), "positive"),
        (Order("q1", "SPY", Side.BUY, D(1), D(-1)), "finite"),
        (Order("q1", "700.HK", Side.BUY, D(100)), "trades in HKD"),
    ],
)
def test_what_makes_no_sense_never_leaves(
    longbridge_venue: Start, library: str, tmp_path: Path, order: Order, words: str
) -> None:
    server = longbridge_venue("--symbols", "SPY,700.HK")
    app = App(server, library, FileStore(tmp_path / "store"))
    with pytest.raises(OrderRejected, match=words):
        app.broker.submit(order)
    assert orders(server) == []
    app.close()


def test_a_rejected_order_says_so(app: App, server: Server) -> None:
    server.fault("reject", reason="not allowed here")
    with suppress(OrderRejected):
        app.broker.submit(buy())
    assert until(app, "q1", OrderState.REJECTED).text == "not allowed here"


def test_what_cannot_be_paid_in_usd_is_rejected_however_much_hkd_there_is(app: App) -> None:
    with suppress(OrderRejected):
        app.broker.submit(buy(400))
    assert "insufficient" in until(app, "q1", OrderState.REJECTED).text


# --- prices --------------------------------------------------------------------------------------


def test_quotes_carry_their_time_and_unknown_symbols_none(app: App) -> None:
    quotes = app.market.quotes(["SPY", "NOSUCHXX"])
    assert set(quotes) == {"SPY"}
    last = app.market.history(["SPY"], date(2023, 6, 1), 1).close[-1, 0]
    assert float(quotes["SPY"].previous_close or 0) == pytest.approx(last, rel=1e-3)
    assert abs(quotes["SPY"].as_of - app.clock.now()) < timedelta(minutes=1)


def test_history_ends_before_the_unfinished_bar(app: App) -> None:
    history = app.market.history(["SPY", "NOSUCHXX"], date(2023, 6, 1), 20)
    assert (len(history), history.last_session) == (20, date(2023, 6, 1))
    assert history.close[-1, 0] > 0
    assert history.close[-1, 1] != history.close[-1, 1]
    with pytest.raises(InvalidInput, match="1000 at most"):
        app.market.history(["SPY"], date(2023, 6, 1), 1000)


# --- an order that is not answered ---------------------------------------------------------------


def test_after_silence_only_longbridge_may_send_again(app: App, library: str) -> None:
    expected = AfterSilence.RESEND_SOON if library == "longbridge" else AfterSilence.BLOCK
    assert app.broker.traits.after_silence is expected
    assert app.broker.traits.replay_window == timedelta(minutes=10)


@pytest.mark.parametrize("kind", ["drop_after", "silent"])
def test_a_lost_acknowledgement_is_found_by_the_remark(app: App, server: Server, kind: str) -> None:
    server.fault(kind, order="q1")
    silent(app, buy())
    app.broker.connect()
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3
    assert app.broker.submit(buy()).filled_quantity == 3
    assert len(orders(server)) == 1


@pytest.mark.parametrize("kind", ["drop_before", "silent_drop"])
def test_a_lost_order_is_not_found_and_sent_again_fills_once_or_never(app: App, server: Server, kind: str) -> None:
    server.fault(kind, order="q1")
    silent(app, buy())
    app.broker.connect()
    assert app.broker.find("q1") is None
    if app.library == "longport":
        with pytest.raises(NeedsOperator, match="never sent again"):
            app.broker.submit(buy())
        assert orders(server) == []
        return
    app.broker.submit(buy())
    until(app, "q1", OrderState.FILLED)
    assert len(orders(server)) == 1


def test_an_order_that_is_accepted_late_and_sent_again_is_one(app: App, server: Server, library: str) -> None:
    if library == "longport":
        pytest.skip("longport never sends again")
    server.fault("delayed_accept", seconds=0.8)
    silent(app, buy())
    app.broker.connect()
    app.broker.submit(buy())
    time.sleep(1)
    assert len(orders(server)) == 1


def test_an_order_that_has_appeared_since_the_list_was_asked_for_is_found(app: App, server: Server) -> None:
    other = App(server, app.library, app.store)
    other.warm()
    assert app.broker.open_orders() == ()
    other.broker.submit(buy(limit="50"))
    assert app.broker.find("q1") is not None
    other.close()


def test_two_orders_for_one_are_listed_for_an_operator(app: App, server: Server, library: str) -> None:
    if library == "longbridge":
        pytest.skip("a client_request_id makes one order")
    server.fault("duplicate_order")
    app.broker.submit(buy())
    time.sleep(1.1)
    with pytest.raises(NeedsOperator, match=r"may be any of these at LongBridge: \d+ \(BUY 3 SPY market.*; \d+ \("):
        app.broker.find("q1")
    assert len(orders(server)) == 2


@pytest.mark.parametrize("status", [429, 500, 502, 504])
@pytest.mark.parametrize("applied", [True, False])
def test_an_order_answered_busy_is_silence(app: App, server: Server, status: int, applied: bool) -> None:
    server.fault("http_error", status=status, applied=applied)
    silent(app, buy())
    app.broker.connect()
    if applied:
        until(app, "q1", OrderState.FILLED)
    else:
        assert app.broker.find("q1") is None
    assert len(orders(server)) == int(applied)


def test_a_429_without_a_body_is_sent_again_by_the_library_itself(app: App, server: Server) -> None:
    server.fault("http_error", status=429, body="")
    with suppress(BrokerError):
        app.broker.submit(buy())
    until(app, "q1", OrderState.FILLED)
    assert len(orders(server)) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_a_look_up_is_repeated_while_longbridge_is_busy(app: App, server: Server, status: int) -> None:
    server.fault("http_error", operation="account", status=status, times=2)
    assert app.broker.account().cash_by_currency["USD"] == 100_000


def test_an_expired_token_says_so_and_no_order_leaves(app: App, server: Server) -> None:
    server.fault("expire_token", account=ACCOUNT)
    with pytest.raises(NeedsLogin, match=r"token expired \(401003\); make a new access token at LongBridge"):
        app.broker.account()
    with pytest.raises(BrokerError):
        app.broker.submit(buy())
    assert orders(server) == []


# --- what never answers --------------------------------------------------------------------------


def test_a_server_that_never_answers_holds_nobody_up(app: App, server: Server) -> None:
    server.fault("silent_drop", operation="*", times=None)
    for ask in (app.broker.account, app.broker.connect, app.broker.open_orders, lambda: app.market.quotes(["SPY"])):
        begun = time.monotonic()
        with pytest.raises(BrokerError, match="did not answer"):
            ask()
        assert time.monotonic() - begun < TIMEOUT + 1
    server.clear()
    app.broker.connect()
    assert app.broker.account().cash_by_currency["USD"] == 100_000
    assert set(app.market.quotes(["SPY"])) == {"SPY"}


def test_a_dead_quote_socket_ends_the_call_and_not_the_run(app: App, server: Server) -> None:
    process = app.quote.pid
    assert process is not None
    server.fault("dead_socket", socket="quote")
    begun = time.monotonic()
    beats = []

    def beat() -> None:
        while time.monotonic() - begun < 2:
            beats.append(time.monotonic())
            time.sleep(0.05)

    pulse = threading.Thread(target=beat)
    pulse.start()
    with pytest.raises(BrokerError, match="did not answer"):
        app.market.quotes(["SPY"])
    pulse.join()
    assert time.monotonic() - begun < TIMEOUT + 1
    assert len(beats) > 10, "nobody else in this process was held up"
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert set(app.market.quotes(["SPY"])) == {"SPY"}, "another process takes its place"


def test_half_open_connections_are_given_up(app: App, server: Server) -> None:
    server.fault("half_open")
    with pytest.raises(BrokerError):
        app.broker.account()
    app.broker.connect()
    assert app.broker.account().cash_by_currency["USD"] == 100_000


def test_a_process_that_was_killed_is_started_again(app: App) -> None:
    assert app.trade.pid is not None
    os.kill(app.trade.pid, signal.SIGKILL)
    assert app.broker.account().cash_by_currency["USD"] == 100_000


def test_gzipped_frames_are_read(app: App, server: Server) -> None:
    server.fault("gzip", state=True)
    assert set(app.market.quotes(["SPY"])) == {"SPY"}


def test_the_clock_is_the_venue_s(app: App) -> None:
    assert abs(app.clock.now() - datetime(2023, 6, 2, 16, tzinfo=UTC)) < timedelta(minutes=2)


# --- the service ---------------------------------------------------------------------------------


def test_the_service_decides_as_on_paper_and_trades(tmp_path: Path) -> None:
    market = choose_market()
    prices, due = market.file(tmp_path / "prices.csv"), market.due(date(2023, 5, 31))
    now = {"ENTER_NOW": "true"}
    digests = []
    kinds: list[tuple[type[Platform], dict[str, Any]]] = [
        (LongBridgePlatform, {"opens_at": due.isoformat()}),
        (PaperPlatform, {}),
    ]
    for kind, options in kinds:
        with kind(tmp_path / kind.name, prices, market.profile, settings=now, **options) as platform:
            report = report_of(platform, platform.fire(due))
            assert report.outcome is Outcome.COMPLETED, report.reasons
            assert [order.state for order in report.orders] == [OrderState.FILLED]
            assert report_of(platform, platform.fire(due)) == report
            assert len(platform.sent()) == 1
            digests.append(report.decision_digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "silent", "silent_drop", "delayed_accept"])
def test_a_run_whose_order_is_not_answered_completes_with_one_order(tmp_path: Path, kind: str) -> None:
    market = choose_market()
    prices, due = market.file(tmp_path / "prices.csv"), market.due(date(2023, 5, 31))
    settings = {"ENTER_NOW": "true", "LONGBRIDGE_TIMEOUT_SECONDS": "3"}
    with LongBridgePlatform(
        tmp_path / "longbridge", prices, market.profile, settings=settings, opens_at=due.isoformat()
    ) as platform:
        platform.venue.fault(kind, operation="submit")
        report = report_of(platform, platform.fire(due))
        assert report.outcome is Outcome.COMPLETED, report.reasons
        assert [order.state for order in report.orders] == [OrderState.FILLED]
        assert len(platform.sent()) == 1
