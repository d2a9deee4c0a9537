"""Schwab's app on the real schwab-py against the venue: orders with no id of ours, and everything that goes wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.backtest_request import BacktestRequest
from quant_platform_kit.domain.errors import (
    BrokerError,
    InvalidInput,
    NeedsLogin,
    NeedsOperator,
    OrderRejected,
    Refused,
)
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.runtime.settings import read_part
from quant_platform_kit.services.research.backtest import FillAt
from schwab_app.broker import Delays
from schwab_app.compose import account_of
from schwab_app.connection import Connection, Deadline, Login
from schwab_app.intents import Intents
from schwab_app.login import exchange, schwab_command
from schwab_app.settings import SchwabAccess
from schwab_app.tokens import TokenFile
from venue_sandbox.demo.market import choose_market
from venue_sandbox.demo.tour import report_of
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.loopback import ask
from venue_sandbox.stands.schwab import SchwabPlatform

from .app_frame import buy, orders, silent, until

Start = Callable[..., Server]
D = Decimal
ACCOUNT = "DUSBX1"
AS_OF = date(2023, 5, 31)
DELAYS = Delays(timedelta(seconds=1))


class App:
    """A process of the app: a broker, its market, and how to begin another process on the same store and token."""

    def __init__(
        self, server: Server, folder: Path, timeout: float = 2.0, account: str = ACCOUNT, delays: Delays = DELAYS
    ) -> None:
        self.server, self.folder, self.timeout, self.account, self.delays = server, folder, timeout, account, delays
        self.tokens = TokenFile(folder / "token.json")
        if not (folder / "token.json").exists():
            self.tokens.write(server.control("POST", "login"))
        self.begin()

    def begin(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()
        address = ("127.0.0.1", self.server.port)
        self.connection = Connection(Login("sandbox-key", "sandbox-secret", self.tokens, address), self.timeout)
        made = account_of(self.connection, self.account, FileStore(self.folder / "store"), self.delays)
        self.broker, self.market, self.clock = made.broker, made.market, made.clock


@pytest.fixture
def server(schwab_venue: Start, schwab: Any) -> Server:
    """Return a venue; the client library is loaded before a call of it has its deadline."""
    return schwab_venue()


@pytest.fixture
def app(server: Server, tmp_path: Path) -> Generator[App]:
    made = App(server, tmp_path)
    made.broker.connect()
    yield made
    made.connection.close()


# --- nothing fails -------------------------------------------------------------------------------


def test_an_account_holds_its_cash(app: App) -> None:
    state = app.broker.account()
    assert (state.account_id, state.cash_by_currency, state.quantities) == (ACCOUNT, {"USD": 100_000}, {})
    assert state.buying_power == 100_000


def test_a_market_order_fills_and_is_found_by_another_process(app: App, server: Server) -> None:
    app.broker.submit(buy())
    filled = until(app, "q1", OrderState.FILLED)
    assert filled.filled_quantity == 3
    assert app.broker.account().quantities == {"SPY": 3}
    app.begin()
    app.broker.connect()
    assert app.broker.find("q1") == filled
    assert app.broker.submit(buy()) == filled, "the same id again: the same answer"
    assert len(orders(server)) == 1
    assert app.broker.find("never") is None


def test_an_id_is_used_for_one_order_only(app: App, server: Server) -> None:
    app.broker.submit(buy())
    with pytest.raises(OrderRejected, match="ids are used once"):
        app.broker.submit(buy(4))
    assert len(orders(server)) == 1


def test_a_limit_order_rests_is_listed_and_is_cancelled(app: App) -> None:
    app.broker.submit(buy(limit="50"))
    until(app, "q1", OrderState.ACKNOWLEDGED)
    (listed,) = app.broker.open_orders()
    assert listed.order == buy(limit="50")
    cancelled = app.broker.cancel("q1")
    assert (cancelled.state, cancelled.filled_quantity) == (OrderState.CANCELLED, 0)
    assert app.broker.open_orders() == ()
    assert app.broker.cancel("q1") == cancelled


def test_what_nobody_sent_is_not_cancelled(app: App) -> None:
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


def test_two_orders_alike_one_after_the_other_are_two(app: App, server: Server) -> None:
    app.broker.submit(buy())
    until(app, "q1", OrderState.FILLED)
    app.broker.submit(buy(reference="q2"))
    until(app, "q2", OrderState.FILLED)
    assert len(orders(server)) == 2
    assert app.broker.account().quantities == {"SPY": 6}


def test_many_at_once_send_once(app: App, server: Server) -> None:
    said: list[Any] = []
    threads = [threading.Thread(target=lambda: said.append(app.broker.submit(buy()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 4
    assert len(orders(server)) == 1


def test_executions_told_twice_count_once(app: App, server: Server) -> None:
    server.fault("duplicate_event")
    app.broker.submit(buy())
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order("q1", "NOSUCHXX", Side.BUY, D(1)), "Invalid symbol"),
        (Order("q1", "SPY", Side.BUY, D("1.5")), "whole number"),
        (Order("q1", "SPY", Side.BUY, D(0)), "positive"),
        (Order("q1", "SPY", Side.BUY, D(1), D("NaN")), "finite"),
    ],
)
def test_what_makes_no_sense_is_rejected_and_stays_so(app: App, server: Server, order: Order, words: str) -> None:
    with pytest.raises(OrderRejected, match=words):
        app.broker.submit(order)
    assert orders(server) == []
    if order.symbol != "SPY":
        found = app.broker.find("q1")
        assert found is not None
        assert found.state is OrderState.REJECTED


def test_what_cannot_be_paid_is_rejected_with_the_reason(app: App) -> None:
    with suppress(OrderRejected):
        app.broker.submit(buy(100_000))
    assert until(app, "q1", OrderState.REJECTED).text
    assert app.broker.account().cash_by_currency == {"USD": 100_000}


def test_a_rejected_order_says_so(app: App, server: Server) -> None:
    server.fault("reject", reason="not allowed here")
    app.broker.submit(buy())
    found = until(app, "q1", OrderState.REJECTED)
    assert (found.state, found.text) == (OrderState.REJECTED, "not allowed here")


# --- prices --------------------------------------------------------------------------------------


def test_quotes_carry_their_time_and_unknown_symbols_none(app: App) -> None:
    quotes = app.market.quotes(["SPY", "NOSUCHXX"])
    assert set(quotes) == {"SPY"}
    assert quotes["SPY"].as_of.tzinfo is UTC
    last = app.market.history(["SPY"], date(2023, 6, 1), 1).close[-1, 0]
    assert float(quotes["SPY"].previous_close or 0) == pytest.approx(last, rel=1e-3)
    assert abs(quotes["SPY"].as_of - app.clock.now()) < timedelta(minutes=1)


def test_history_ends_before_the_unfinished_bar_and_is_adjusted_for_splits(app: App, server: Server) -> None:
    thursday = date(2023, 6, 1)
    before = app.market.history(["SPY", "NOSUCHXX"], thursday, 20)
    closes = before.close
    assert closes.shape == (20, 2)
    assert before.last_session == thursday
    server.fault("split", symbol="SPY", ratio="2")
    after = app.market.history(["SPY"], thursday, 20)
    again = after.close
    assert again[-1, 0] == pytest.approx(closes[-1, 0] / 2, rel=1e-3)


def test_no_other_adjustment_is_served(app: App) -> None:
    with pytest.raises(InvalidInput, match="configure a price source"):
        account_of(app.connection, ACCOUNT, FileStore(app.folder), DELAYS, history=Adjustment.TOTAL_RETURN)


# --- an order that is not answered ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop_after", "silent"])
def test_a_lost_acknowledgement_is_found_by_what_tells_the_order_apart(app: App, server: Server, kind: str) -> None:
    app.broker.submit(buy(reference="q0"))
    until(app, "q0", OrderState.FILLED)
    server.fault(kind)
    silent(app, buy())
    app.begin()
    app.broker.connect()
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3
    assert len(orders(server)) == 2
    assert app.broker.find("q0") is not None


@pytest.mark.parametrize("kind", ["drop_before", "silent_drop"])
def test_a_lost_order_is_not_found_and_never_sent_again(app: App, server: Server, kind: str) -> None:
    server.fault(kind)
    silent(app, buy())
    app.broker.connect()
    assert app.broker.find("q1") is None
    with pytest.raises(NeedsOperator, match="never sent again"):
        app.broker.submit(buy())
    assert orders(server) == []
    with pytest.raises(OrderRejected, match="looks the same"):
        app.broker.submit(buy(reference="q2"))
    assert app.broker.submit(buy(4, "q3")).order.quantity == 4, "an order that looks otherwise goes out"


def test_an_order_that_is_accepted_late_is_found_late(app: App, server: Server) -> None:
    server.fault("delayed_accept", seconds=0.6)
    silent(app, buy())
    assert app.broker.find("q1") is None
    until(app, "q1", OrderState.FILLED)
    assert len(orders(server)) == 1


@pytest.mark.parametrize("kind", ["missing_location", "wrong_location"])
def test_without_a_true_location_the_new_order_is_taken(app: App, server: Server, kind: str) -> None:
    server.fault(kind)
    app.broker.submit(buy())
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3


def test_a_location_that_names_another_order_is_not_believed(app: App, server: Server) -> None:
    app.broker.submit(buy(7, "q0"))
    until(app, "q0", OrderState.FILLED)
    placed = Intents(FileStore(app.folder / "store"), ACCOUNT).placed("q0")
    assert placed is not None
    server.fault("wrong_location", order_id=placed.order_id)
    app.broker.submit(buy())
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3
    assert until(app, "q0", OrderState.FILLED).filled_quantity == 7


def test_two_orders_for_one_are_listed_for_an_operator(app: App, server: Server) -> None:
    server.fault("duplicate_order")
    assert app.broker.submit(buy()).state is OrderState.ACKNOWLEDGED
    with pytest.raises(NeedsOperator, match=r"may be any of these at Schwab: \d+ \(BUY 3 SPY market.*; \d+ \(") as told:
        app.broker.find("q1")
    assert str(told.value).count("entered") == 2
    assert len(orders(server)) == 2


def test_an_order_made_by_hand_meanwhile_makes_it_ambiguous(
    app: App, server: Server, schwab: Any, schwab_client: Callable[..., Any]
) -> None:
    server.fault("drop_after")
    silent(app, buy())
    account = app.connection.hash_of(ACCOUNT)
    app.connection.send(
        lambda client: client.place_order(account, schwab.orders.equities.equity_buy_market("SPY", 3)),
        "by hand",
        Deadline(2),
    )
    with pytest.raises(NeedsOperator, match="may be any of these"):
        app.broker.find("q1")


def test_an_order_by_hand_long_after_is_not_taken_for_ours(app: App, server: Server) -> None:
    server.fault("drop_before")
    silent(app, buy())
    server.fault("clock", forward=600)
    other = App(server, app.folder)
    other.broker.connect()
    assert other.broker.submit(buy(3, "q9", limit="50")).order.limit_price == 50
    assert other.broker.find("q1") is None
    other.connection.close()


@pytest.mark.parametrize("status", [429, 500, 502, 504])
@pytest.mark.parametrize("applied", [True, False])
def test_an_order_answered_busy_is_never_sent_blindly_again(
    app: App, server: Server, status: int, applied: bool
) -> None:
    server.fault("http_error", status=status, applied=applied, body="")
    silent(app, buy())
    if applied:
        until(app, "q1", OrderState.FILLED)
    else:
        assert app.broker.find("q1") is None
    assert len(orders(server)) == int(applied)
    assert server.requests()["submit"] == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_look_up_is_repeated_while_schwab_is_busy(app: App, server: Server, status: int) -> None:
    server.fault("http_error", operation="account", status=status, times=2, body="")
    assert app.broker.account().cash_by_currency == {"USD": 100_000}


def test_a_look_up_is_repeated_over_a_new_connection(app: App, server: Server) -> None:
    server.fault("drop_before", operation="account")
    assert app.broker.account().cash_by_currency == {"USD": 100_000}


def test_a_server_that_never_answers_holds_nobody_up(app: App, server: Server) -> None:
    server.fault("silent_drop", operation="*", times=None)
    for call in (app.broker.account, app.broker.connect, app.broker.open_orders):
        begun = time.monotonic()
        with pytest.raises(BrokerError, match="did not answer"):
            call()
        assert time.monotonic() - begun < app.timeout + 1
    server.clear()
    app.broker.connect()
    assert app.broker.account().cash_by_currency == {"USD": 100_000}


def test_half_open_connections_are_given_up(app: App, server: Server) -> None:
    app.broker.account()
    server.fault("half_open")
    with pytest.raises(BrokerError):
        app.broker.account()
    app.broker.connect()
    assert app.broker.account().cash_by_currency == {"USD": 100_000}


@pytest.mark.parametrize("kind", ["silent_drop", "http_error"])
def test_an_order_whose_surroundings_cannot_be_seen_is_not_sent_and_says_so(
    app: App, server: Server, kind: str
) -> None:
    server.fault(kind, operation="orders", times=None, **({"status": 502} if kind == "http_error" else {}))
    with pytest.raises(OrderRejected, match="not sent: Schwab did not answer its orders"):
        app.broker.submit(buy())
    server.clear()
    assert orders(server) == []
    assert app.broker.find("q1") is None, "nothing is left that an operator would have to settle"


def test_a_venue_that_is_gone_took_nothing(app: App, server: Server, schwab_venue: Start) -> None:
    app.clock.now()
    app.connection.close()
    server.kill()
    with pytest.raises(OrderRejected, match="not sent"):
        app.broker.submit(buy())
    assert Intents(FileStore(app.folder / "store"), ACCOUNT).known("q1") is None, "it never got so far"


def test_an_order_that_looks_like_a_lost_one_is_sent_when_that_one_can_appear_no_more(
    server: Server, tmp_path: Path
) -> None:
    app = App(server, tmp_path, timeout=0.5, delays=Delays(timedelta(seconds=0.2), timedelta(seconds=0.2)))
    app.broker.connect()
    server.fault("silent_drop")
    silent(app, buy())
    with pytest.raises(OrderRejected, match="looks the same"):
        app.broker.submit(buy(reference="q2"))
    time.sleep(1.2)
    app.broker.submit(buy(reference="q3"))
    assert until(app, "q3", OrderState.FILLED).filled_quantity == 3
    assert len(orders(server)) == 1
    app.connection.close()


def test_an_order_is_sent_again_under_a_new_access_token_when_the_old_one_is_refused(app: App, server: Server) -> None:
    server.fault("expire_access", operation="submit")
    app.broker.submit(buy())
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3
    assert len(orders(server)) == 1


# --- the login -----------------------------------------------------------------------------------


def test_a_token_about_to_expire_is_refreshed_and_written_back_whole(server: Server, tmp_path: Path) -> None:
    app = App(server, tmp_path)
    document = app.tokens.read()
    document["token"]["expires_at"] = int(time.time()) + 100
    app.tokens.write(document)
    app.begin()
    app.broker.connect()
    after = json.loads((tmp_path / "token.json").read_text())
    assert after["creation_timestamp"] == document["creation_timestamp"]
    assert after["token"]["access_token"] != document["token"]["access_token"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".token")] == []
    app.connection.close()


def test_an_access_token_that_was_ended_is_renewed_once(app: App, server: Server) -> None:
    server.fault("expire_access")
    assert app.broker.account().cash_by_currency == {"USD": 100_000}
    assert server.requests()["token"] == 1


def test_an_order_for_an_ended_access_token_goes_out_once(app: App, server: Server) -> None:
    server.fault("expire_access")
    app.broker.submit(buy())
    until(app, "q1", OrderState.FILLED)
    assert len(orders(server)) == 1


@pytest.mark.parametrize("kind", ["refresh_failure", "age_login"])
def test_a_login_that_ended_says_what_to_do(app: App, server: Server, kind: str) -> None:
    server.fault("expire_access")
    server.fault(kind, **({"times": None} if kind == "refresh_failure" else {}))
    with pytest.raises(NeedsLogin, match="run `quant login schwab`"):
        app.broker.account()
    with pytest.raises(BrokerError):
        app.broker.submit(buy())
    assert orders(server) == []


def test_a_new_login_is_taken_up_by_the_next_connection(app: App, server: Server) -> None:
    app.tokens.write(server.control("POST", "login"))
    app.broker.connect()
    assert app.broker.account().cash_by_currency == {"USD": 100_000}


def test_no_request_leaves_for_another_host(server: Server, tmp_path: Path) -> None:
    app = App(server, tmp_path)
    app.broker.connect()

    def elsewhere(client: Any) -> Any:
        return client.session.get("https://example.com/")

    with pytest.raises(BrokerError, match="was stopped"):
        app.connection.send(elsewhere, "elsewhere", Deadline(2))
    app.connection.close()


def test_another_account_is_refused(server: Server, tmp_path: Path) -> None:
    app = App(server, tmp_path, account="DUSBX9")
    with pytest.raises(Refused, match="not among those"):
        app.broker.connect()
    app.connection.close()


def test_the_clock_is_the_venue_s(app: App) -> None:
    assert abs(app.clock.now() - datetime(2023, 6, 2, 16, tzinfo=UTC)) < timedelta(minutes=2)


# --- the service ---------------------------------------------------------------------------------


class SplitPlatform(SchwabPlatform):
    """Schwab with a strategy that takes prices adjusted for splits, enabled."""

    app: ClassVar[str] = "split_schwab"


Serve = Callable[..., SplitPlatform]


@pytest.fixture
def due() -> datetime:
    return choose_market().due(AS_OF)


@pytest.fixture
def serve(site: Path, tmp_path: Path, due: datetime) -> Serve:
    """Return what makes a service, with settings of a test's own, and a venue where it is due."""
    prices = choose_market().file(tmp_path / "prices.csv")

    def run(**settings: str) -> SplitPlatform:
        given = {"ENTER_NOW": "true", "PYTHONPATH": str(site), **settings}
        return SplitPlatform(
            tmp_path / "schwab", prices, "split_dual_momentum", settings=given, opens_at=due.isoformat()
        )

    return run


def test_the_service_decides_as_the_back_test_and_trades(serve: Serve, due: datetime) -> None:
    market = choose_market()
    strategy = bind(import_module("split_strategy").CATALOG["split_dual_momentum"])
    first, last = market.tested[0], market.tested[-1]
    asked = BacktestRequest(strategy, market.prices, first, last, price_field="close", fill=FillAt.NEXT_CLOSE)
    tested = {one.decision.as_of: one.digest for one in asked.run().decisions}
    with serve() as platform:
        report = report_of(platform, platform.fire(due))
        assert report.outcome is Outcome.COMPLETED, report.reasons
        assert [order.state for order in report.orders] == [OrderState.FILLED]
        assert report.decision_digest == tested[AS_OF]
        assert report_of(platform, platform.fire(due)) == report
        assert len(platform.sent()) == 1


def test_an_acknowledged_order_that_is_never_there_blocks_and_names_what_to_do(serve: Serve, due: datetime) -> None:
    with serve(SCHWAB_SETTLE_SECONDS="1") as platform:
        platform.venue.fault("phantom_order")
        report = report_of(platform, platform.fire(due))
        assert report.outcome is Outcome.BLOCKED
        assert [order.text for order in report.orders] == ["the broker acknowledged it, and does not show it any more"]
        assert any("quant resolve" in line for line in report.todo), report.todo
        assert platform.sent() == []


def test_two_orders_for_one_block_the_run_with_the_candidates(serve: Serve, due: datetime) -> None:
    with serve(ALLOCATION_FRACTION="0.4") as platform:
        platform.venue.fault("duplicate_order", operation="submit")
        report = report_of(platform, platform.fire(due))
        assert report.outcome is Outcome.BLOCKED
        assert len(platform.sent()) == 2
        assert "may be any of these at Schwab" in str(report)
        assert any("quant resolve" in line for line in report.todo), report.todo


def test_a_lost_order_blocks_and_names_what_to_do(serve: Serve, due: datetime) -> None:
    with serve() as platform:
        platform.venue.fault("drop_before", operation="submit")
        report = report_of(platform, platform.fire(due))
        assert report.outcome is Outcome.BLOCKED
        assert any("quant resolve" in line for line in report.todo), report.todo
        assert platform.sent() == []


# --- quant login schwab --------------------------------------------------------------------------


def test_a_login_is_made_and_kept(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "token.json"
    settings = {
        "SCHWAB_APP_KEY": "sandbox-key",
        "SCHWAB_APP_SECRET": "sandbox-secret",
        "SCHWAB_TOKEN_PATH": str(place),
        "SCHWAB_API_URL": f"http://127.0.0.1:{server.port}",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def browser(text: str, **_: object) -> str:
        address = next(word for word in said if word.startswith("https://api.schwabapi.com/v1/oauth/authorize"))
        path = address.removeprefix("https://api.schwabapi.com")
        return ask(server.port, "GET", path).headers["Location"]

    said: list[str] = []
    monkeypatch.setattr("schwab_app.login.typer.prompt", browser)
    monkeypatch.setattr("schwab_app.login.typer.echo", lambda text: said.extend(text.split()))
    schwab_command()
    app = App(server, tmp_path)
    app.broker.connect()
    assert app.broker.account().cash_by_currency == {"USD": 100_000}
    app.connection.close()
    with pytest.raises(InvalidInput, match="has to begin with"):
        exchange(read_part(SchwabAccess), None, "https://example.com/?code=1")


@pytest.mark.parametrize("kind", ["drop_after", "silent", "delayed_accept", "missing_location", "wrong_location"])
def test_a_run_whose_order_is_not_answered_completes_with_one_order(serve: Serve, due: datetime, kind: str) -> None:
    with serve(SCHWAB_TIMEOUT_SECONDS="3") as platform:
        platform.venue.fault(kind, operation="submit")
        report = report_of(platform, platform.fire(due))
        assert report.outcome is Outcome.COMPLETED, report.reasons
        assert [order.state for order in report.orders] == [OrderState.FILLED]
        assert len(platform.sent()) == 1


def test_a_service_killed_after_its_order_left_finds_it_and_sends_no_other(serve: Serve, due: datetime) -> None:
    with serve(LEASE_SECONDS="12") as platform:
        platform.venue.fault("silent", operation="submit")
        trigger = threading.Thread(target=lambda: platform.fire(due))
        trigger.start()
        end = time.monotonic() + 60
        while not platform.sent():
            assert time.monotonic() < end
            time.sleep(0.02)
        platform.kill_service()
        trigger.join()
        platform.start_service()
        time.sleep(12)
        report = report_of(platform, platform.fire(due, retries=5))
        assert report.outcome is Outcome.COMPLETED, report.reasons
        assert [order.state for order in report.orders] == [OrderState.FILLED]
        assert len(platform.sent()) == 1


def test_a_login_that_ended_is_503_until_somebody_logs_in(serve: Serve, due: datetime) -> None:
    with serve() as platform:
        platform.venue.fault("expire_access")
        platform.venue.fault("age_login")
        (attempt,) = platform.fire(due).attempts
        assert attempt.status == 503
        assert "quant login schwab" in attempt.body
        TokenFile(platform.folder / "token.json").write(platform.venue.control("POST", "login"))
        assert report_of(platform, platform.fire(due)).outcome is Outcome.COMPLETED
