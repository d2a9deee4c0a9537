"""What Alpaca's documents mean: every status of the library has a state, and what contradicts itself is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from alpaca_app.beliefs import ORDER_STATES
from alpaca_app.library import load_trading
from alpaca_app.mapping import account_state, order_state, quote, report, why_no_trading
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.portfolio import AccountType

D = Decimal
ORDER = {
    "id": "o1",
    "client_order_id": "q1",
    "symbol": "SPY",
    "side": "buy",
    "type": "market",
    "qty": "3",
    "filled_qty": "0",
    "status": "new",
}
ACCOUNT = {
    "account_number": "PA1",
    "status": "ACTIVE",
    "currency": "USD",
    "cash": "900.5",
    "non_marginable_buying_power": "400.25",
    "buying_power": "1801",
    "equity": "1000.5",
    "long_market_value": "100",
    "short_market_value": "0",
    "multiplier": "2",
}


def fill(units: str, name: str = "f1", **other: Any) -> dict[str, Any]:
    told = {"id": name, "order_id": "o1", "qty": units, "price": "100.5"}
    return {**told, "transaction_time": "2023-06-02T16:00:00.5Z", **other}


def test_every_status_of_the_library_has_a_state() -> None:
    assert {status.value for status in load_trading().OrderStatus} == set(ORDER_STATES)
    assert len(ORDER_STATES) == 18


@pytest.mark.parametrize("status", ["replaced", "suspended", "calculated", "held", "stopped", "done_for_day"])
def test_what_is_no_fill_fills_nothing(status: str) -> None:
    found = report({**ORDER, "status": status}, [])
    assert found.filled_quantity == 0
    assert found.state is (OrderState.CANCELLED if status == "replaced" else OrderState.ACKNOWLEDGED)


def test_a_status_that_is_new_lives() -> None:
    assert order_state("teleported") is OrderState.ACKNOWLEDGED
    assert order_state(None) is OrderState.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("status", "filled", "fills", "state"),
    [
        ("filled", "3", [fill("1"), fill("2", "f2")], OrderState.FILLED),
        ("filled", "3", [fill("1")], OrderState.PARTIALLY_FILLED),
        ("filled", "3", [], OrderState.ACKNOWLEDGED),
        ("partially_filled", "1", [fill("1")], OrderState.PARTIALLY_FILLED),
        ("new", "0", [fill("1")], OrderState.PARTIALLY_FILLED),
        ("canceled", "1", [fill("1"), fill("1")], OrderState.CANCELLED),
        ("canceled", "1", [], OrderState.ACKNOWLEDGED),
        ("expired", "0", [fill("1", order_id="another")], OrderState.EXPIRED),
        ("rejected", "0", [], OrderState.REJECTED),
    ],
)
def test_an_order_has_come_to_its_end_when_its_fills_are_told(
    status: str, filled: str, fills: list[dict[str, Any]], state: OrderState
) -> None:
    assert report({**ORDER, "status": status, "filled_qty": filled}, fills).state is state


@pytest.mark.parametrize(
    ("changed", "fills"),
    [
        ({"status": "canceled", "filled_qty": "1"}, [fill("2")]),
        ({"filled_qty": "4"}, [fill("4")]),
        ({"qty": "many"}, []),
        ({"side": "both"}, []),
        ({"filled_qty": "1"}, [fill("-1")]),
    ],
)
def test_an_order_that_contradicts_itself_is_told(changed: dict[str, str], fills: list[dict[str, Any]]) -> None:
    with pytest.raises(NeedsOperator, match="q1"):
        report({**ORDER, **changed}, fills)


def test_what_may_be_spent_is_the_lesser_of_cash_and_what_needs_no_margin() -> None:
    for free, spent in (("400.25", D("400.25")), ("5000", D("900.5"))):
        state = account_state({**ACCOUNT, "non_marginable_buying_power": free}, [])
        assert state.may_spend("USD") == spent
        assert state.balance is not None
        assert state.balance.account_type is AccountType.MARGIN
    assert (state.balance.cash, state.balance.positions, state.balance.total) == (D("900.5"), 100, D("1000.5"))


def test_positions_are_units_short_ones_negative_and_what_is_no_share_has_a_longer_name() -> None:
    told = [
        {"symbol": "SPY", "asset_class": "us_equity", "side": "long", "qty": "1.5"},
        {"symbol": "QQQ", "asset_class": "us_equity", "side": "short", "qty": "-2"},
        {"symbol": "BTC/USD", "asset_class": "crypto", "side": "long", "qty": "0.1"},
    ]
    assert account_state(ACCOUNT, told).quantities == {"SPY": D("1.5"), "QQQ": -2, "BTC/USD crypto": D("0.1")}
    with pytest.raises(BrokerError, match="neither long nor short"):
        account_state(ACCOUNT, [{**told[0], "side": "flat"}])


@pytest.mark.parametrize(
    ("trades", "equity", "refused"), [(3, "24999", True), (2, "24999", False), (9, "25000", False), (None, "1", False)]
)
def test_a_pattern_day_trader_needs_equity_or_day_trades(trades: int | None, equity: str, refused: bool) -> None:
    told = {**ACCOUNT, "pattern_day_trader": True, "daytrade_count": trades, "equity": equity}
    assert bool(why_no_trading(told)) is refused
    assert not why_no_trading({**told, "pattern_day_trader": None})


@pytest.mark.parametrize(("days", "close"), [(("02", "01"), 101), (("01", "31"), 101), ((), None)])
def test_the_previous_close_is_that_of_the_session_before_the_trade(days: tuple[str, ...], close: int | None) -> None:
    bars = {"02": ("2023-06-02", 102), "01": ("2023-06-01", 101), "31": ("2023-05-31", 100)}
    named = {
        name: {"t": f"{bars[day][0]}T04:00:00Z", "c": bars[day][1]}
        for name, day in zip(("dailyBar", "prevDailyBar"), days, strict=False)
    }
    trade = {"p": 102.25, "t": "2023-06-02T16:00:00.123456Z"}
    found = quote("SPY", {"latestTrade": trade, "latestQuote": None, **named}, load_calendar("XNYS"))
    assert found is not None
    assert (found.price, found.previous_close) == (D("102.25"), close)


def test_without_a_trade_the_middle_is_the_price_and_without_both_there_is_none() -> None:
    calendar = load_calendar("XNYS")
    offer = {"bp": 100, "ap": 101, "t": "2023-06-02T16:00:00Z"}
    found = quote("SPY", {"latestTrade": None, "latestQuote": offer}, calendar)
    assert found is not None
    assert found.price == D("100.5")
    assert quote("SPY", {"latestTrade": {"p": 100}, "latestQuote": {**offer, "bp": 0}}, calendar) is None
