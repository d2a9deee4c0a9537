"""What the TWS API delivers becomes history, account and quotes; what cannot be meant is refused."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from ib_async import AccountValue, BarData, Future, Position, Stock
from ib_async import Ticker as LibraryTicker
from quant_platform_kit.adapters import ibkr_inputs
from quant_platform_kit.adapters.ibkr_inputs import account_state, duration, price_history, quote
from quant_platform_kit.domain.balances import BalanceRules, apart
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.portfolio import Balance, Quote, value_portfolio
from quant_platform_kit.domain.sessions import ExchangeCalendar

NAN = math.nan
WED, FRI, MON, TUE = date(2023, 11, 22), date(2023, 11, 24), date(2023, 11, 27), date(2023, 11, 28)
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2023, 11, 28, 15, 0, tzinfo=UTC)
ACCOUNT = "DUSBX1"


@dataclass(frozen=True)
class Bar:
    """A bar as any client library has it."""

    date: Any
    close: float


def bars(*days: Any) -> list[Bar]:
    return [Bar(day, 100.0 + number) for number, day in enumerate(days)]


# --- history --------------------------------------------------------------------------------------


def test_every_session_up_to_the_one_asked_for_is_a_row_and_a_missing_bar_is_nan(calendar: ExchangeCalendar) -> None:
    delivered = {"SPY": bars(WED, FRI, MON), "BIL": bars(MON)}
    history = price_history(delivered, ("SPY", "BIL", "AGG"), MON, 3, calendar)
    assert (history.symbols, history.dates.tolist()) == (("SPY", "BIL", "AGG"), [WED, FRI, MON])
    np.testing.assert_array_equal(history.close, [[100, NAN, NAN], [101, NAN, NAN], [102, 100, NAN]])


def test_the_unfinished_bar_of_the_day_is_dropped(calendar: ExchangeCalendar) -> None:
    history = price_history({"SPY": bars(FRI, MON, TUE)}, ["SPY"], MON, 2, calendar)
    assert (history.last_session, history.close[:, 0].tolist()) == (MON, [100, 101])


def test_older_bars_than_asked_for_are_left_out_whatever_their_order(calendar: ExchangeCalendar) -> None:
    history = price_history({"SPY": bars(MON, WED, FRI)}, ["SPY"], MON, 2, calendar)
    assert (history.dates.tolist(), history.close[:, 0].tolist()) == ([FRI, MON], [102, 100])


def test_a_history_until_a_weekend_ends_with_the_session_before(calendar: ExchangeCalendar) -> None:
    assert price_history({"SPY": bars(FRI)}, ["SPY"], date(2023, 11, 26), 1, calendar).last_session == FRI


@pytest.mark.parametrize(
    "told",
    [
        MON,
        "20231127",
        datetime(2023, 11, 27),  # noqa: DTZ001 - as the libraries parse a bar's date without a zone
        datetime(2023, 11, 27, tzinfo=NEW_YORK),
        datetime(2023, 11, 27, 21, tzinfo=UTC),
        datetime(2023, 11, 28, 2, tzinfo=UTC),
    ],
    ids=["date", "text", "naive", "New York", "UTC", "UTC after midnight"],
)
def test_a_bars_date_may_be_a_date_a_text_or_an_instant(calendar: ExchangeCalendar, told: Any) -> None:
    history = price_history({"SPY": bars(told)}, ["SPY"], TUE, 2, calendar)
    np.testing.assert_array_equal(history.close, [[100], [NAN]])


def test_the_bars_of_the_library_fit(calendar: ExchangeCalendar) -> None:
    delivered = [BarData(date=MON, close=455.5, volume=1.0, average=455.0, barCount=9)]
    assert price_history({"SPY": delivered}, ["SPY"], MON, 1, calendar).close.tolist() == [[455.5]]


@pytest.mark.parametrize(
    ("delivered", "message"),
    [
        (bars(date(2023, 11, 23)), "IBKR delivered a bar of SPY on 2023-11-23, which is not a session of XNYS; ask"),
        (bars(date(2023, 11, 25)), "a bar of SPY on 2023-11-25, which is not a session"),
        (bars(MON, "20231127"), "IBKR delivered two bars of SPY on 2023-11-27"),
        (bars("2023-11-27"), "a bar of SPY dated '2023-11-27'; a daily bar has YYYYMMDD"),
        (bars("20231127 10:00:00"), "a daily bar has YYYYMMDD"),
        ([Bar(MON, 0.0)], "close of SPY on 2023-11-27 is 0"),
        ([Bar(MON, -1.0)], "close of SPY on 2023-11-27 is -1"),
        ([Bar(MON, math.inf)], "close of SPY on 2023-11-27 is inf"),
    ],
)
def test_bars_that_cannot_be_meant_are_refused_by_name(
    calendar: ExchangeCalendar, delivered: list[Bar], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        price_history({"SPY": delivered}, ["SPY"], TUE, 5, calendar)


# --- duration -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [(1, "10 D"), (5, "16 D"), (20, "38 D"), (244, "365 D"), (245, "2 Y"), (494, "2 Y"), (495, "3 Y"), (2520, "11 Y")],
)
def test_a_duration_is_in_days_up_to_365_and_in_years_beyond(sessions: int, expected: str) -> None:
    assert duration(sessions) == expected


def test_a_duration_reaches_back_over_the_sessions_however_they_lie(calendar: ExchangeCalendar) -> None:
    """On whichever day it is asked, up to the one before the next session."""
    for sessions in (1, 2, 3, 5, 10, 21, 63, 126, 200, 244, 245, 252, 400, 494, 495, 600, 1260, 2520):
        number, unit = duration(sessions).split()
        reach = timedelta(days=int(number) * {"D": 1, "Y": 365}[unit])
        days = calendar.sessions
        widest = max(days[k + sessions] - days[k] for k in range(len(days) - sessions))
        assert widest <= reach


# --- account --------------------------------------------------------------------------------------


def value(tag: str, amount: str, currency: str = "USD", account: str = ACCOUNT) -> AccountValue:
    return AccountValue(account, tag, amount, currency, "")


def stock(symbol: str, units: float, currency: str = "USD", account: str = ACCOUNT) -> Position:
    return Position(account, Stock(symbol, "SMART", currency), units, 1.0)


RULES, EXACT = BalanceRules(), BalanceRules(Decimal(0), Decimal(0))
CASH = [value("CashBalance", "1000.25")]


def test_an_hkd_account_keeps_usd_and_hkd_apart_and_their_sum_out() -> None:
    state = account_state(
        ACCOUNT,
        [
            value("NetLiquidation", "819000", "HKD"),
            value("CashBalance", "780000.5", "HKD"),
            value("CashBalance", "5000", "USD"),
            value("CashBalance", "819000.5", "BASE"),
            value("BuyingPower", "1600000", "HKD"),
        ],
        [],
    )
    assert state.cash_by_currency == {"HKD": Decimal("780000.5"), "USD": Decimal(5000)}
    assert state.buying_power == 1_600_000
    assert value_portfolio(state, {}, ["SPY"], as_of=NOW).base == 5000


def test_swept_deposits_are_no_cash() -> None:
    rows = [value("NetLiquidation", "150"), value("CashBalance", "200"), value("TotalCashBalance", "120")]
    state = account_state(ACCOUNT, rows, [])
    assert (state.cash_by_currency, apart(state, RULES)) == ({"USD": 120}, None)
    assert "cash 120.00 USD and positions worth 0.00 USD" in (apart(state, EXACT) or "")
    by_value = [*rows[:2], value("TotalCashValue", "120"), value("AvailableFunds", "110")]
    assert account_state(ACCOUNT, by_value, []).may_spend("USD") == 110
    assert account_state(ACCOUNT, by_value, []).cash_by_currency == {"USD": 120}
    assert apart(account_state(ACCOUNT, [value("NetLiquidation", "1500"), value("CashBalance", "2000")], []), RULES)


def test_what_positions_are_worth_is_the_brokers_sum_in_its_base_currency() -> None:
    rows = [
        *(value("NetLiquidation", "1012", "HKD"), value("TotalCashBalance", "-100", "HKD")),
        *(value("TotalCashBalance", "90", "USD"), value("TotalCashBalance", "602", "BASE")),
        *(
            value("StockMarketValue", "400", "BASE"),
            value("AccruedCash", "10", "BASE"),
            value("SettledCash", "9", "HKD"),
        ),
        *(value("StockMarketValue", "51", "USD"), value("AvailableFunds", "500", "HKD")),
    ]
    state = account_state(ACCOUNT, rows, [stock("SPY", 3)])
    assert state.balance == Balance("HKD", Decimal(602), Decimal(410), Decimal(1012), {"HKD": Decimal(500)})
    assert (apart(state, EXACT), state.may_spend("USD")) == (None, 90)


def test_settled_cash_and_positions_of_an_account_in_one_currency() -> None:
    rows = [value("NetLiquidation", "300"), value("TotalCashBalance", "100"), value("SettledCash", "60")]
    state = account_state(ACCOUNT, [*rows, value("GrossPositionValue", "200")], [stock("SPY", 3)])
    assert state.balance == Balance("USD", Decimal(100), Decimal(200), Decimal(300), {}, {"USD": Decimal(40)})
    untold = account_state(ACCOUNT, rows, [stock("SPY", 3)])
    assert untold.balance is not None
    assert untold.balance.positions is None


def test_unsettled_proceeds_may_buy_in_a_cash_account_and_are_no_loan_in_a_margin_account() -> None:
    """A cash account's equity with loan value is settled cash, and its available funds are counted from there."""
    rows = [value("NetLiquidation", "300"), value("TotalCashBalance", "100"), value("SettledCash", "60")]
    reserved = [*rows, value("AvailableFunds", "50")]
    cash_account = [*reserved, value("EquityWithLoanValue", "60")]
    margin_account = [*reserved, value("EquityWithLoanValue", "300")]
    told = (account_state(ACCOUNT, kind, [stock("SPY", 3)]) for kind in (cash_account, margin_account, reserved))
    assert [state.may_spend("USD") for state in told] == [90, 50, 50]


def test_shares_in_another_currency_are_not_left_out_of_what_positions_are_worth() -> None:
    rows = [value("NetLiquidation", "3000"), value("TotalCashBalance", "1000"), value("StockMarketValue", "500")]
    both = [*rows, value("StockMarketValue", "1400", "EUR"), value("TotalCashBalance", "0", "EUR")]
    held = [stock("SPY", 1), stock("SAP", 10, "EUR")]
    untold, told = (
        account_state(ACCOUNT, more, held) for more in (both, [*both, value("StockMarketValue", "2000", "BASE")])
    )
    assert untold.balance is not None
    assert (untold.balance.positions, apart(untold, EXACT)) == (None, None)
    assert apart(told, EXACT) is None


def test_what_futures_made_is_in_total_cash_already_and_beside_the_cash_balance() -> None:
    rows = [value("StockMarketValue", "1000"), value("FuturesPNL", "500"), value("NetLiquidation", "3500")]
    for cash in (value("TotalCashBalance", "2500"), value("CashBalance", "2000")):
        assert apart(account_state(ACCOUNT, [*rows, cash], [stock("SPY", 3)]), EXACT) is None


def test_values_and_positions_of_other_accounts_behind_the_login_are_left_out() -> None:
    others = [value("CashBalance", "9", account="DUSBX2"), value("BuyingPower", "9", account="DUSBX2")]
    state = account_state(ACCOUNT, [*CASH, *others], [stock("SPY", 3), stock("AGG", 4, account="DUSBX2")])
    assert (state.account_id, state.cash_by_currency) == (ACCOUNT, {"USD": Decimal("1000.25")})
    assert (state.quantities, state.buying_power) == ({"SPY": 3}, None)


@pytest.mark.parametrize(
    ("units", "exact"),
    [(100.0, "100"), (0.1, "0.1"), (12.3456, "12.3456"), (-5.0, "-5"), (1e-4, "0.0001"), (Decimal("7.50"), "7.50")],
)
def test_units_are_exact_also_fractions(units: Any, exact: str) -> None:
    (held,) = account_state(ACCOUNT, CASH, [stock("SPY", units)]).quantities.values()
    assert (held, f"{held:f}") == (Decimal(exact), exact)


def test_a_position_of_zero_is_none() -> None:
    assert account_state(ACCOUNT, CASH, [stock("SPY", 0.0)]).quantities == {}


def test_what_is_no_stock_in_usd_stands_under_a_name_that_no_strategy_manages() -> None:
    future = Position(ACCOUNT, Future("SPY", "202312", "CME", localSymbol="SPYZ3"), 2.0, 1.0)
    nameless = Position(ACCOUNT, Future("ES", "202312", "CME"), 1.0, 1.0)
    state = account_state(ACCOUNT, CASH, [stock("SPY", 3), future, nameless, stock("T", 5, "CAD")])
    assert state.quantities == {"SPY": 3, "SPYZ3": 2, "ES FUT": 1, "T.CAD": 5}


@pytest.mark.parametrize(
    "values",
    [[], [value("BuyingPower", "1")], [value("CashBalance", "1", "BASE")], [value("CashBalance", "1", "USD", "X")]],
)
def test_an_account_without_cash_rows_is_refused_with_what_to_do(values: list[AccountValue]) -> None:
    with pytest.raises(BrokerError, match=r"account DUSBX1: .* no CashBalance; check that the login .* run again"):
        account_state(ACCOUNT, values, [])


@pytest.mark.parametrize("amount", ["", "n/a", "NaN", "Infinity"])
def test_an_amount_that_is_no_number_is_refused(amount: str) -> None:
    with pytest.raises(BrokerError, match=f"account DUSBX1: CashBalance USD is '{amount}', not a number"):
        account_state(ACCOUNT, [value("CashBalance", amount)], [])


# --- quotes ---------------------------------------------------------------------------------------

TRADED = datetime(2023, 11, 28, 14, 59, 58, tzinfo=UTC)
RECEIVED = datetime(2023, 11, 28, 14, 59, 59, tzinfo=UTC)


@dataclass
class Ticker:
    """A ticker of ``ib_insync``, which has no time of the last trade."""

    last: float = NAN
    bid: float = NAN
    ask: float = NAN
    close: float = 99.0
    time: datetime | None = RECEIVED
    contract: Any = Stock("SPY", "SMART", "USD")  # noqa: RUF009 - nobody changes it


@dataclass
class TimedTicker(Ticker):
    """A ticker of ``ib_async``."""

    lastTimestamp: datetime | None = None
    delayedLastTimestamp: datetime | None = None


@pytest.mark.parametrize(
    ("last", "bid", "ask", "expected"),
    [
        (455.5, 455.0, 456.0, "455.5"),
        (455.1234567, NAN, NAN, "455.123457"),
        (NAN, 455.0, 456.0, "455.5"),
        (-1.0, 455.01, 455.02, "455.015"),
        (0.0, 455.0, 456.0, "455.5"),
        (math.inf, 455.0, 456.0, "455.5"),
        (NAN, -1.0, 456.0, None),
        (NAN, 455.0, -1.0, None),
        (NAN, 0.0, 456.0, None),
        (NAN, 455.0, math.inf, None),
        (NAN, NAN, NAN, None),
        (1e-9, NAN, NAN, None),
    ],
)
def test_a_quote_is_the_last_price_else_the_middle_and_never_yesterdays_close(
    last: float, bid: float, ask: float, expected: str | None
) -> None:
    made = quote(Ticker(last, bid, ask), NOW)
    assert made == (None if expected is None else Quote("SPY", Decimal(expected), RECEIVED, Decimal(99)))


@pytest.mark.parametrize(("told", "before"), [(454.25, Decimal("454.25")), (-1.0, None), (NAN, None), (0.0, None)])
def test_a_quote_carries_the_previous_close_that_the_gateway_tells(told: float, before: Decimal | None) -> None:
    ticker = LibraryTicker(contract=Stock("SPY", "SMART", "USD"))
    ticker.last, ticker.close = 455.5, told
    made = quote(ticker, NOW)
    assert made is not None
    assert made.previous_close == before


@pytest.mark.parametrize(
    ("ticker", "expected"),
    [
        (TimedTicker(1.0, lastTimestamp=TRADED), TRADED),
        (TimedTicker(1.0, delayedLastTimestamp=TRADED), TRADED),
        (TimedTicker(1.0, lastTimestamp=TRADED.replace(tzinfo=None)), TRADED),
        (TimedTicker(1.0, lastTimestamp=TRADED.astimezone(timezone(timedelta(hours=-5)))), TRADED),
        (TimedTicker(1.0), RECEIVED),
        (Ticker(1.0), RECEIVED),
        (Ticker(1.0, time=None), NOW),
    ],
    ids=["traded", "delayed", "without a zone", "another zone", "received", "ib_insync", "no time at all"],
)
def test_a_quote_is_as_old_as_its_trade_where_that_is_known(ticker: Ticker, expected: datetime) -> None:
    made = quote(ticker, NOW)
    assert made is not None
    assert (made.as_of, made.as_of.tzinfo) == (expected, UTC)


def test_the_ticker_of_the_library_fits() -> None:
    ticker = LibraryTicker(contract=Stock("SPY", "SMART", "USD"))
    ticker.close = 454.0
    assert quote(ticker, NOW) is None
    ticker.last, ticker.lastTimestamp = 455.5, TRADED
    assert quote(ticker, NOW) == Quote("SPY", Decimal("455.5"), TRADED, Decimal(454))


# --- no library -----------------------------------------------------------------------------------


def test_the_module_imports_no_client_library() -> None:
    tree = ast.parse(Path(ibkr_inputs.__file__).read_text("utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in imported if name.startswith(("ib_", "ibapi"))]
