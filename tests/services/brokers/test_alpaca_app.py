"""Alpaca's app on the real alpaca-py against the venue: ids that are taken once, and everything that goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alpaca_app import connection
from alpaca_app.addresses import Addresses
from alpaca_app.compose import Login, account_of
from alpaca_app.library import load_trading
from alpaca_app.settings import Keys
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import BrokerError, NeedsLogin, OrderRejected, Refused
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.portfolio import AccountType
from quant_platform_kit.domain.strategy import Adjustment
from trading_playbook.sources.installed import Feed
from venue_sandbox.servers.launch import Server

from .app_frame import buy, orders, silent, until

Start = Callable[..., Server]
D = Decimal
ACCOUNT = "DUSBX1"
SETTLE = timedelta(seconds=1)


class App:
    """A process of the app: a broker, its market, and how to begin another process on the same store."""

    def __init__(self, server: Server, folder: Path, timeout: float = 2.0) -> None:
        self.server, self.folder, self.timeout = server, folder, timeout
        self.begin()

    def begin(self, name: str = ACCOUNT, secret: str = "sandbox-secret", **how: Any) -> None:
        self.close()
        url = f"http://127.0.0.1:{self.server.port}"
        keys, addresses = Keys("sandbox-key", secret), Addresses(url, url, is_sandbox=how.pop("is_sandbox", True))
        login = Login(keys, addresses, self.timeout, how.pop("feed", Feed.IEX))
        self.made = account_of(login, name, FileStore(self.folder / "store"), SETTLE, **how)
        self.broker, self.market, self.clock = self.made.broker, self.made.market, self.made.clock

    def close(self) -> None:
        if hasattr(self, "made"):
            self.made.close()


@pytest.fixture
def server(start: Start, tmp_path: Path) -> Server:
    """Return a venue; the client library is loaded before a call of it has its deadline."""
    load_trading()
    words = ("--folder", str(tmp_path / "venue"), "--clock", "2023-06-02T16:00:00+00:00")
    return start("venues.alpaca", *words, "--account", f"{ACCOUNT}=100000", "--requests-per-minute", "0")


@pytest.fixture
def app(server: Server, tmp_path: Path) -> Generator[App]:
    made = App(server, tmp_path)
    made.broker.connect()
    yield made
    made.close()


# --- nothing fails -------------------------------------------------------------------------------


def test_an_account_holds_its_cash_and_adds_up(app: App, server: Server) -> None:
    server.fault("position", account=ACCOUNT, symbol="SPY", quantity="10")
    state = app.broker.account()
    assert (state.account_id, state.cash_by_currency, state.quantities) == (ACCOUNT, {"USD": 100_000}, {"SPY": 10})
    assert state.balance is not None
    assert state.balance.cash is not None
    assert state.balance.positions is not None
    assert state.balance.cash + state.balance.positions == state.balance.total
    assert state.balance.account_type is AccountType.CASH


def test_what_open_buys_need_may_not_be_spent(app: App, server: Server) -> None:
    server.fault("unfilled")
    app.broker.submit(buy(100))
    free = app.broker.account().may_spend("USD")
    assert 0 < free < 100_000


def test_an_order_fills_and_is_found_by_another_process(app: App, server: Server) -> None:
    app.broker.submit(buy())
    filled = until(app, "q1", OrderState.FILLED)
    assert filled.filled_quantity == 3
    app.begin()
    app.broker.connect()
    assert app.broker.find("q1") == filled
    assert app.broker.submit(buy()) == filled, "the same id again: the same answer"
    assert len(orders(server)) == 1
    assert app.broker.find("never") is None


def test_parts_of_a_share_are_traded(app: App) -> None:
    app.broker.submit(Order("q1", "SPY", Side.BUY, D("0.123456789")))
    assert until(app, "q1", OrderState.FILLED).filled_quantity == D("0.123456789")
    assert app.broker.account().quantities == {"SPY": D("0.123456789")}


def test_a_limit_order_rests_is_listed_and_is_cancelled(app: App) -> None:
    app.broker.submit(buy(limit="50.25"))
    until(app, "q1", OrderState.ACKNOWLEDGED)
    (listed,) = app.broker.open_orders()
    assert listed.order == buy(limit="50.25")
    cancelled = app.broker.cancel("q1")
    assert (cancelled.state, cancelled.filled_quantity) == (OrderState.CANCELLED, 0)
    assert app.broker.open_orders() == ()
    assert app.broker.cancel("q1") == cancelled


def test_an_order_of_last_week_is_found_with_its_fills(app: App, server: Server) -> None:
    app.broker.submit(buy())
    filled = until(app, "q1", OrderState.FILLED)
    server.fault("day_roll", sessions=5)
    app.begin()
    app.broker.connect()
    assert app.broker.find("q1") == filled


def test_more_fills_than_a_page_has_are_all_told(app: App, server: Server) -> None:
    server.fault("duplicate_event", times=60)
    for number in range(52):
        app.broker.submit(buy(1, f"q{number}"))
    until(app, "q51", OrderState.FILLED)
    app.begin()
    assert until(app, "q0", OrderState.FILLED).filled_quantity == 1
    assert server.requests()["fills"] >= 2


def test_many_at_once_send_once(app: App, server: Server) -> None:
    said: list[Any] = []
    threads = [threading.Thread(target=lambda: said.append(app.broker.submit(buy()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 4
    assert len(orders(server)) == 1


# --- an order that is not answered ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop_after", "silent"])
def test_a_lost_acknowledgement_is_found(app: App, server: Server, kind: str) -> None:
    server.fault(kind)
    silent(app, buy())
    app.begin()
    app.broker.connect()
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3
    assert len(orders(server)) == 1


@pytest.mark.parametrize("kind", ["drop_before", "silent_drop"])
def test_a_lost_order_is_not_found_and_may_be_sent_again(app: App, server: Server, kind: str) -> None:
    server.fault(kind)
    silent(app, buy())
    assert app.broker.may_have_left("q1")
    assert app.broker.find("q1") is None
    app.broker.submit(buy())
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3
    assert len(orders(server)) == 1


@pytest.mark.parametrize("status", [429, 500, 504])
@pytest.mark.parametrize("applied", [True, False])
def test_an_order_answered_busy_is_sent_once(app: App, server: Server, status: int, applied: bool) -> None:
    server.fault("http_error", operation="submit", status=status, applied=applied, body="")
    silent(app, buy())
    assert server.requests()["submit"] == 1
    assert len(orders(server)) == int(applied)
    assert (app.broker.find("q1") is None) is not applied


@pytest.mark.parametrize("status", [429, 504])
def test_the_count_of_posts_catches_a_library_that_sends_again(
    app: App, server: Server, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check: Any = connection._check

    def lenient(response: Any, place: str) -> None:
        if response.status_code != status:
            check(response, place)

    monkeypatch.setattr(connection, "_check", lenient)
    app.timeout = 5
    app.begin()
    app.broker.connect()
    server.fault("http_error", operation="submit", status=status, applied=True, body="")
    app.broker.submit(buy())
    assert server.requests()["submit"] == 2, "alpaca-py sends an order again by itself"
    assert len(orders(server)) == 1, "and Alpaca knows the id"


def test_an_id_that_is_taken_is_an_order_that_is_there(app: App, server: Server) -> None:
    server.fault("duplicate_order")
    assert app.broker.submit(buy()).order == buy()
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3
    assert len(orders(server)) == 1


def test_an_id_that_is_taken_by_another_order_is_refused(app: App, server: Server) -> None:
    app.broker.submit(buy())
    until(app, "q1", OrderState.FILLED)
    with pytest.raises(OrderRejected, match="ids are used once"):
        app.broker.submit(buy(4))
    app.folder /= "another"
    app.begin()
    with pytest.raises(OrderRejected, match="ids are used once"):
        app.broker.submit(buy(4))
    assert len(orders(server)) == 1


def test_any_other_422_is_a_refusal(app: App, server: Server) -> None:
    server.fault("http_error", operation="submit", status=422)
    with pytest.raises(OrderRejected, match="HTTP 422"):
        app.broker.submit(buy())
    assert orders(server) == []


def test_an_order_that_is_accepted_late_is_found_late_and_never_doubled(app: App, server: Server) -> None:
    server.fault("delayed_accept", seconds=0.8)
    silent(app, buy())
    assert app.broker.find("q1") is None
    app.broker.submit(buy())
    until(app, "q1", OrderState.FILLED)
    time.sleep(1)
    assert [D(order["filled"]) for order in orders(server)] == [3]


def test_fills_that_are_told_late_are_waited_for(app: App, server: Server) -> None:
    app.broker.submit(buy())
    server.fault("http_error", operation="fills", status=400, times=1)
    with pytest.raises(BrokerError):
        until(app, "q1", OrderState.FILLED)
    assert until(app, "q1", OrderState.FILLED).filled_quantity == 3


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order("q1", "NOSUCHXX", Side.BUY, D(1)), "NOSUCHXX is not known to Alpaca"),
        (Order("q1", "SPY", Side.BUY, D(0)), "positive"),
        (Order("q1", "SPY", Side.BUY, D(1), D("NaN")), "finite"),
        (Order("q1", "SPY", Side.BUY, D("1.5"), D(100)), "whole number"),
        (Order("q1", "QQQ", Side.BUY, D(1)), "QQQ is not tradable at Alpaca"),
        (Order("q1", "TLT", Side.BUY, D("0.5")), "trades no parts of it"),
        (Order("q1", "AGG", Side.BUY, D(1)), "AGG is inactive at Alpaca"),
    ],
)
def test_what_is_not_traded_is_rejected_in_a_line_and_never_sent(
    app: App, server: Server, order: Order, words: str
) -> None:
    server.fault("asset_state", symbol="QQQ", tradable=False)
    server.fault("asset_state", symbol="TLT", fractionable=False)
    server.fault("asset_state", symbol="AGG", status="inactive")
    with pytest.raises(OrderRejected, match=words) as refused:
        app.broker.submit(order)
    assert "\n" not in str(refused.value)
    assert server.requests().get("submit", 0) == 0


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": "ONBOARDING"}, "its status is ONBOARDING, not ACTIVE"),
        ({"trading_blocked": True}, "its trading is blocked"),
        ({"account_blocked": True}, "its trading is blocked"),
        ({"trade_suspended_by_user": True}, "you have suspended its trading"),
    ],
)
def test_an_account_that_may_not_trade_is_not_begun_with(
    app: App, server: Server, state: dict[str, Any], words: str
) -> None:
    server.fault("account_state", account=ACCOUNT, **state)
    with pytest.raises(BrokerError, match=words):
        app.broker.connect()


def test_what_cannot_be_paid_is_rejected_with_the_reason(app: App, server: Server) -> None:
    with pytest.raises(OrderRejected, match="HTTP 403: insufficient buying power"):
        app.broker.submit(buy(100_000))
    assert orders(server) == []


def test_wrong_keys_say_what_to_check(app: App) -> None:
    app.begin(secret="wrong")
    with pytest.raises(NeedsLogin, match=r"HTTP 401.*ALPACA_PAPER"):
        app.broker.connect()


def test_keys_of_another_account_are_refused(app: App) -> None:
    app.begin("DUSBX2")
    with pytest.raises(Refused, match="those of account DUSBX1, not of DUSBX2"):
        app.broker.connect()


def test_an_account_of_the_sandbox_is_none_of_alpaca(app: App) -> None:
    app.begin(is_sandbox=False)
    with pytest.raises(Refused, match="not where it belongs"):
        app.broker.connect()


def test_a_server_that_never_answers_holds_nobody_up(app: App, server: Server) -> None:
    server.fault("silent_drop", operation="*", times=None)
    for call in (app.broker.account, app.broker.connect, app.broker.open_orders):
        begun = time.monotonic()
        with pytest.raises(BrokerError):
            call()
        assert time.monotonic() - begun < app.timeout + 1
    server.clear()
    app.broker.connect()
    assert app.broker.account().cash_by_currency == {"USD": 100_000}


# --- prices --------------------------------------------------------------------------------------


def test_quotes_carry_time_and_previous_close_and_unknown_symbols_none(app: App) -> None:
    quotes = app.market.quotes(["SPY", "NOSUCHXX"])
    assert set(quotes) == {"SPY"}
    assert quotes["SPY"].as_of.tzinfo is UTC
    last = app.market.history(["SPY"], date(2023, 6, 1), 1).close[-1, 0]
    assert float(quotes["SPY"].previous_close or 0) == pytest.approx(last, rel=1e-3)


def test_a_symbol_that_trades_seldom_has_an_old_price(app: App, server: Server) -> None:
    server.fault("seldom", symbol="SPY", seconds=1800)
    age = app.clock.now() - app.market.quotes(["SPY"])["SPY"].as_of
    assert timedelta(minutes=29) < age < timedelta(minutes=31)


def test_a_feed_that_is_not_paid_for_says_what_to_set(app: App) -> None:
    app.begin(feed=Feed.SIP)
    with pytest.raises(BrokerError, match="ALPACA_FEED=iex"):
        app.market.quotes(["SPY"])


@pytest.mark.parametrize("adjustment", list(Adjustment))
def test_history_is_of_finished_sessions_in_every_adjustment(app: App, server: Server, adjustment: Adjustment) -> None:
    app.begin(history=adjustment)
    thursday = date(2023, 6, 1)
    before = app.market.history(["SPY", "NOSUCHXX"], thursday, 20)
    assert before.close.shape == (20, 2)
    assert before.last_session == thursday
    server.fault("split", symbol="SPY", ratio="2")
    after = app.market.history(["SPY"], thursday, 20).close[-1, 0]
    assert after == pytest.approx(before.close[-1, 0] / (1 if adjustment is Adjustment.RAW else 2), rel=1e-3)


def test_closes_of_today_wait_until_they_are_finished(app: App, server: Server) -> None:
    friday = date(2023, 6, 2)
    assert app.market.history(["SPY"], friday, 2).close[-1, 0] != app.market.history(["SPY"], friday, 2).close[-2, 0]
    server.fault("clock", instant=datetime(2023, 6, 2, 20, 30, tzinfo=UTC).isoformat())
    app.begin()
    assert app.market.history(["SPY"], friday, 1).close[-1, 0] > 0
