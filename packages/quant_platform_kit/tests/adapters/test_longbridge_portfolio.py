"""LongBridge's portfolio and prices in the terms of the kit: currencies apart, other markets never managed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.longbridge_inputs import account_state, closes, market_symbol, plain_symbol, quote
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.portfolio import Balance, value_portfolio

D = Decimal
ZERO = D(0)
AT = datetime(2023, 6, 2, 16, tzinfo=UTC)


@dataclass
class Cash:
    """Cash of one currency."""

    currency: str
    available_cash: Decimal
    frozen_cash: Decimal = ZERO
    settling_cash: Decimal = ZERO


@dataclass
class Told:
    """What an account is worth."""

    currency: str
    total_cash: Decimal | None = None
    net_assets: Decimal | None = None
    buy_power: Decimal | None = None


def told(currency: str = "HKD", **figures: Decimal) -> Told:
    return Told(currency, **figures)


@dataclass
class Holding:
    """One holding."""

    symbol: str
    quantity: Decimal
    currency: str = "USD"


@dataclass
class Price:
    """A last price."""

    symbol: str
    last_done: Decimal
    timestamp: datetime = AT
    prev_close: Decimal | None = None


@dataclass
class Bar:
    """A candlestick."""

    close: Decimal
    timestamp: datetime


def test_currencies_stand_apart_and_are_never_summed() -> None:
    state = account_state("HK-1", [Cash("HKD", D(780_000)), Cash("USD", D("5000.50"))], [], told(buy_power=D(6000)))
    assert state.cash_by_currency == {"HKD": 780_000, "USD": D("5000.50")}
    assert (state.account_id, state.buying_power) == ("HK-1", 6000)


def test_cash_is_what_is_free_and_held_for_orders_and_still_to_settle() -> None:
    state = account_state("SG-1", [Cash("USD", D(100), D(20), D(3))], [])
    assert state.cash_by_currency == {"USD": 123}


def test_what_working_orders_hold_may_not_be_spent_and_the_total_is_in_the_base_currency() -> None:
    rows = [Cash("HKD", D(78)), Cash("USD", D(100), D(20), D(3))]
    state = account_state("HK-1", rows, [], told(total_cash=D(1037), net_assets=D(1037), buy_power=D(50)))
    spendable = {"HKD": D(50), "USD": D(103)}
    unsettled = {"HKD": ZERO, "USD": D(3)}
    assert state.balance == Balance("HKD", D(1037), ZERO, D(1037), spendable, unsettled)
    assert (state.cash_by_currency["USD"], state.may_spend("USD"), state.may_spend("HKD")) == (123, 103, 50)


def test_what_positions_are_worth_is_not_told() -> None:
    state = account_state("HK-1", [Cash("USD", D(100))], [Holding("SPY.US", D(1))], told("USD", net_assets=D(300)))
    assert state.balance == Balance("USD", D(100), None, D(300), {"USD": D(100)}, {"USD": ZERO})


def test_an_account_without_usd_has_none_and_is_not_sized_by_another_currency() -> None:
    state = account_state("HK-1", [Cash("HKD", D(780_000)), Cash("CNH", D(0))], [])
    assert state.cash_by_currency == {"HKD": 780_000, "USD": 0}
    assert value_portfolio(state, {}, ["SPY"], as_of=AT).base == 0


@pytest.mark.parametrize("rows", [[], [Cash("USD", D(1)), Cash("USD", D(2))]])
def test_cash_that_cannot_be_told_is_refused(rows: list[Cash]) -> None:
    with pytest.raises(BrokerError, match="LongBridge"):
        account_state("HK-1", rows, [])


def test_shares_in_usd_lose_their_market_and_no_other() -> None:
    held = [
        Holding("SPY.US", D(3)),
        Holding("SPY.US", D("1.5")),
        Holding("BRK.B.US", D(2)),
        Holding("700.HK", D(100), "HKD"),
        Holding("D05.SG", D(10), "SGD"),
        Holding("EFA.US", D(0)),
    ]
    state = account_state("HK-1", [Cash("USD", D(0))], held)
    assert state.quantities == {"SPY": D("4.5"), "BRK.B": 2, "700.HK": 100, "D05.SG": 10}
    assert value_portfolio(state, {}, ["EFA"], as_of=AT).unmanaged.keys() == {"SPY", "BRK.B", "700.HK", "D05.SG"}


@pytest.mark.parametrize(
    ("kit", "longbridge"), [("SPY", "SPY.US"), ("BRK.B", "BRK.B.US"), ("700.HK", "700.HK"), ("D05.SG", "D05.SG")]
)
def test_symbols_there_and_back(kit: str, longbridge: str) -> None:
    assert (market_symbol(kit), plain_symbol(longbridge)) == (longbridge, kit)


def test_a_quote_has_six_decimals_and_its_own_time() -> None:
    made = quote(Price("SPY.US", D("331.3")))
    assert made is not None
    assert (made.symbol, str(made.price), made.as_of) == ("SPY", "331.300000", AT)
    assert made.previous_close is None
    assert quote(Price("SPY.US", D(0))) is None


@pytest.mark.parametrize(("told", "before"), [(D("330.1"), D("330.1")), (D(0), None), (None, None)])
def test_a_quote_carries_the_previous_close_that_longbridge_tells(told: Decimal | None, before: Decimal | None) -> None:
    made = quote(Price("SPY.US", D("331.3"), prev_close=told))
    assert made is not None
    assert made.previous_close == before


def test_candlesticks_are_dated_where_the_exchange_is() -> None:
    midnight = datetime(2023, 6, 2, 4, tzinfo=UTC)  # in New York
    found = closes({"SPY": [Bar(D("331.3"), midnight)]}, load_calendar("XNYS"))
    assert found == {"SPY": [(date(2023, 6, 2), 331.3)]}
