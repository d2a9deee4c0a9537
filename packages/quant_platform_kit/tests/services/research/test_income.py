"""Interest on cash and dividends in cash, worked by hand, and a fund that was held for fourteen years."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quant_platform_kit import backtest as notebook_backtest
from quant_platform_kit import load_prices
from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.adapters.price_income import AskedIncome, Dividends
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.income import Income
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.planning import IDEAL
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import (
    Adjustment,
    BoundStrategy,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.report.columns import equity_columns
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest

from .buy_and_hold import buy_and_hold

NAN = float("nan")
MON, TUE, WED, THU, FRI = DAYS = tuple(date(2023, 11, 27 + n) if n < 4 else date(2023, 12, 1) for n in range(5))
CLOSE = {"AAA": [100.0, 102.0, 104.0, 103.0, 105.0], "BBB": [50.0, 50.0, 51.0, 51.5, 53.0]}
OPEN = {"AAA": [99.0, 101.0, 103.0, 104.0, 102.0], "BBB": [50.0, 50.0, 50.5, 52.0, 52.5]}
DATA = Path(os.environ.get("TEST_DATA_DIR", "../shared/data")) / "etf_daily.parquet"
FIRST, LAST = "2010-03-15", "2023-12-29"

Market = Callable[..., PriceTable]
Scripted = Callable[..., BoundStrategy]
Weights = Mapping[date, dict[str, float]]


def long(columns: Mapping[str, Mapping[str, list[float]]], adjustment: Adjustment = Adjustment.SPLIT) -> LongPrices:
    """Return rows of a week, column by column and symbol by symbol."""
    symbols = tuple(columns["close"])
    return LongPrices(
        path=Path("prices.parquet"),
        days=np.tile(np.array(DAYS, dtype="datetime64[D]"), len(symbols)),
        symbols=symbols,
        codes=np.repeat(np.arange(len(symbols)), len(DAYS)),
        columns={name: np.concatenate([one[symbol] for symbol in symbols]) for name, one in columns.items()},
        adjustment=adjustment,
    )


@pytest.fixture
def played(market: Market, scripted: Scripted, calendar: ExchangeCalendar) -> Callable[..., BacktestResult]:
    """Return what back-tests a week of weights by day, with 10,100 in cash."""

    def play(weights: Weights, income: Income | None, benchmark: str | None = None) -> BacktestResult:
        def decide(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
            wanted = weights.get(ctx.as_of)
            return manifest.rebalance(ctx, wanted) if wanted else manifest.hold(ctx)

        policy = ExecutionPolicy(TargetMode.VALUE, IDEAL)
        settings = BacktestSettings(MON, FRI, Decimal(10_100), FillAt.NEXT_OPEN, policy, benchmark, income=income)
        return backtest(scripted(decide), market(MON, CLOSE, open=OPEN), calendar, settings)

    return play


# --- interest --------------------------------------------------------------------------------------


def test_cash_that_is_never_spent_grows_by_its_rate_a_year(
    played: Callable[..., BacktestResult], calendar: ExchangeCalendar
) -> None:
    income = AskedIncome("0.02").of(long({"close": CLOSE}), "close", (), DAYS, calendar)
    result = played({}, income)
    assert result.summary.cagr == pytest.approx(0.02, rel=1e-9)
    assert result.summary.interest == pytest.approx(10_100 * (1.02 ** (4 / 365.25) - 1), rel=1e-9)
    assert result.summary.dividends == 0


def test_cash_has_the_return_of_a_symbol_and_what_is_spent_earns_nothing(
    played: Callable[..., BacktestResult], calendar: ExchangeCalendar
) -> None:
    # BIL makes 1 % on Tuesday, and 2 % over Wednesday, when it has no bar, and Thursday: 102.99... of its 101.
    prices = long({"close": {"BIL": [100.0] * 5}, "adj_close": {"BIL": [100, 101, NAN, 103.02, 103.02]}})
    income = AskedIncome("BIL").of(prices, "close", (), DAYS, calendar)
    assert played({}, income).equity.tolist() == pytest.approx([10_100, 10_201, 10_201, 10_405.02, 10_405.02])
    # Monday decides on AAA: the night to Tuesday earns 101, and 10,201 buy 101 units at 101. Then there is no cash.
    spent = played({MON: {"AAA": 1.0}}, income)
    assert spent.cash.tolist() == pytest.approx([10_100, 0, 0, 0, 0])
    assert spent.equity.tolist() == pytest.approx([10_100, 101 * 102, 101 * 104, 101 * 103, 101 * 105])
    assert equity_columns(spent)["interest"] == pytest.approx([0, 101, 0, 0, 0])


def test_a_debt_earns_nothing() -> None:
    income = Income({TUE: Decimal("0.1")})
    assert income.earned(TUE, Decimal(-50), {}) == (0, 0)
    assert income.earned(TUE, Decimal(50), {}) == (5, 0)
    assert income.earned(WED, Decimal(50), {}) == (0, 0)


# --- dividends -------------------------------------------------------------------------------------


def test_a_dividend_is_paid_on_what_was_held_before_its_ex_date(
    played: Callable[..., BacktestResult], calendar: ExchangeCalendar
) -> None:
    # 100 AAA are bought at Tuesday's open, too late for its dividend, and sold at Thursday's, in time for that one.
    paid = {"AAA": [9.0, 3.0, 0.5, 0.25, 7.0], "BBB": [0.0, 0.0, 0.0, 0.0, 0.0]}
    income = AskedIncome("0", Dividends.CASH).of(
        long({"close": CLOSE, "dividend": paid}), "close", CLOSE, DAYS, calendar
    )
    result = played({MON: {"AAA": 1.0}, WED: {"AAA": 0.0}}, income, "AAA")
    assert equity_columns(result)["dividends"] == [0, 0, 50, 25, 0]
    assert result.cash.tolist() == [10_100, 0, 50, 50 + 25 + 10_400, 10_475]
    assert result.equity.tolist() == [10_100, 10_200, 10_450, 10_475, 10_475]
    assert (result.summary.interest, result.summary.dividends) == (0, 75)
    # The benchmark puts each of its dividends into more of itself.
    units = np.cumprod([1, 105 / 102, 104.5 / 104, 103.25 / 103, 112 / 105])
    assert result.benchmark is not None
    assert result.benchmark.tolist() == pytest.approx((10_100 * np.array(CLOSE["AAA"]) / 100 * units).tolist())


def test_nothing_is_earned_unless_it_was_asked_for(
    played: Callable[..., BacktestResult], calendar: ExchangeCalendar
) -> None:
    prices = long({"close": CLOSE, "dividend": CLOSE})
    assert AskedIncome().of(prices, "close", CLOSE, DAYS, calendar) is None
    assert not AskedIncome().columns
    result = played({MON: {"AAA": 1.0}}, None)
    assert (result.earned, result.summary.interest, result.summary.dividends) == ((), 0, 0)
    assert not {"interest", "dividends"} & equity_columns(result).keys()


# --- what is refused -------------------------------------------------------------------------------

ZEROS = [0.0] * 5
PAID = {"AAA": [0.0, 0.0, 4.0, 0.0, 0.0], "BBB": ZEROS}
GOOD: dict[str, Mapping[str, list[float]]] = {"close": CLOSE, "dividend": PAID}
CASH = AskedIncome("0", Dividends.CASH)
REFUSED: dict[str, tuple[AskedIncome, dict[str, Any], str, Adjustment, str]] = {
    "prices that have dividends in them": (CASH, GOOD, "adj_close", Adjustment.SPLIT, "--price-field adj_close"),
    "closes that are not adjusted": (CASH, GOOD, "close", Adjustment.RAW, "prices.parquet are raw"),
    "closes of total return": (CASH, GOOD, "close", Adjustment.TOTAL_RETURN, "are total_return"),
    "no column of dividends": (CASH, {"close": CLOSE}, "close", Adjustment.SPLIT, "has no column dividend"),
    "dividends that are not supplied": (
        CASH,
        GOOD | {"dividend": {"AAA": [NAN] * 5, "BBB": [0, 0, 0, NAN, 0]}},
        "close",
        Adjustment.SPLIT,
        "does not supply the dividends of AAA, BBB: that of AAA on 2023-11-28 is empty",
    ),
    "a dividend that is negative": (
        CASH,
        GOOD | {"dividend": {"AAA": [0, 0, 0, -1.5, 0], "BBB": ZEROS}},
        "close",
        Adjustment.SPLIT,
        "dividend of AAA on 2023-11-30 is -1.5",
    ),
    "closes of one symbol that are of total return": (
        CASH,
        GOOD | {"adj_close": CLOSE},
        "close",
        Adjustment.SPLIT,
        "closes of AAA in prices.parquet have dividends taken out already",
    ),
    "a yield of a symbol without total return": (
        AskedIncome("AAA"), GOOD, "close", Adjustment.SPLIT, "--cash-yield AAA: prices.parquet has no adj_close",
    ),
    "a yield of a symbol that is not there": (
        AskedIncome("BIL"), GOOD, "close", Adjustment.SPLIT, "--cash-yield BIL: prices.parquet has no prices of it",
    ),
    "a yield of a symbol that begins too late": (
        AskedIncome("AAA"),
        GOOD | {"adj_close": {"AAA": [NAN, 1, 1, 1, 1], "BBB": ZEROS}},
        "close",
        Adjustment.SPLIT,
        "its prices run from 2023-11-28 to 2023-12-01, and the back-test from 2023-11-27",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "columns", "field", "adjustment", "words"), REFUSED.values(), ids=REFUSED)
def test_what_the_prices_do_not_tell_is_refused(
    asked: AskedIncome,
    columns: dict[str, Any],
    field: str,
    adjustment: Adjustment,
    words: str,
    calendar: ExchangeCalendar,
) -> None:
    with pytest.raises(InvalidInput) as refused:
        asked.of(long(columns, adjustment), field, CLOSE, DAYS, calendar)
    assert words in str(refused.value)


def test_adjusted_closes_that_show_the_dividends_are_taken(calendar: ExchangeCalendar) -> None:
    # Before Wednesday's dividend of 4 adjusted closes are lower by 4 / 102.
    adjusted = {"AAA": [100 * 98 / 102, 102 * 98 / 102, 104, 103, 105], "BBB": CLOSE["BBB"]}
    income = CASH.of(long(GOOD | {"adj_close": adjusted}), "close", CLOSE, DAYS, calendar)
    assert income
    assert income.dividends == {WED: {"AAA": Decimal(4)}}


@pytest.mark.parametrize("rate", ["-0.01", "0.26", "2", "NaN", "Infinity", "bil", "2%", ""])
def test_a_rate_has_bounds_and_a_symbol_its_letters(rate: str) -> None:
    with pytest.raises(InvalidInput, match=r"--cash-yield is '.*'; it is a rate between 0 and 0\.25 a year"):
        AskedIncome(rate)


# --- real prices -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def funds() -> LongPrices:
    if not DATA.is_file():
        pytest.skip(f"real prices are not here: {DATA} does not exist; set TEST_DATA_DIR to the folder of prices")
    return load_prices(DATA)


@pytest.fixture
def holding(scripted: Scripted) -> Callable[..., BoundStrategy]:
    """Return a maker of strategies that buy some funds in equal parts on the first day, and hold them."""

    def make(*symbols: str) -> BoundStrategy:
        def decide(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
            if ctx.as_of != date.fromisoformat(FIRST):
                return manifest.hold(ctx)
            return manifest.rebalance(ctx, dict.fromkeys(symbols, 1 / len(symbols)))

        return scripted(decide, managed=symbols)

    return make


def test_a_fund_that_is_held_makes_what_pandas_says_with_dividends_as_cash_and_reinvested(
    funds: LongPrices, holding: Callable[..., BoundStrategy]
) -> None:
    spy, plain = holding("SPY"), buy_and_hold(DATA, "SPY", FIRST, LAST, 100_000)
    same = {"execution": "ideal", "fill": "next-close"}
    cash = notebook_backtest(spy, funds, FIRST, LAST, **same, lots=1, price_field="close", dividends="cash")
    adjusted = notebook_backtest(spy, funds, FIRST, LAST, **same)
    assert cash.orders["quantity"].tolist() == [plain["shares"]]
    assert cash.summary.dividends == pytest.approx(plain["dividends"], abs=0.005)
    assert cash.result.equity[-1] == pytest.approx(plain["as_cash"], abs=0.005)
    assert adjusted.result.equity[-1] == pytest.approx(plain["reinvested"], rel=1e-8)
    apart = float(adjusted.result.equity[-1] - cash.result.equity[-1])
    assert apart == pytest.approx(plain["reinvested"] - plain["as_cash"], abs=0.01)
    assert apart > 10_000
    assert "pay dates are not known" in cash.result.notes[0]
    assert all(later >= before for before, later in pairwise(cash.result.cash[1:].tolist()))


def test_funds_whose_dividends_are_not_supplied_are_refused_by_name(
    funds: LongPrices, holding: Callable[..., BoundStrategy]
) -> None:
    with pytest.raises(InvalidInput, match="does not supply the dividends of EEM, VGK: that of EEM on 2010-03-16"):
        notebook_backtest(holding("SPY", "EEM", "VGK"), funds, FIRST, LAST, price_field="close", dividends="cash")


def test_whole_shares_of_adjusted_closes_are_said_to_be_too_many(
    funds: LongPrices, holding: Callable[..., BoundStrategy]
) -> None:
    tested = notebook_backtest(holding("SPY"), funds, FIRST, "2010-06-30")
    frame = tested.orders.iloc[0]
    rows = (funds.codes == funds.symbols.index("SPY")) & (funds.days == np.datetime64(frame["session"]))
    times = float(funds.columns["close"][rows][0] / funds.columns["adj_close"][rows][0])
    assert times > 1.25
    assert f"{times:.2f} (SPY on {frame['session']}) to {times:.2f}" in tested.result.notes[0]
    assert not notebook_backtest(holding("SPY"), funds, FIRST, "2010-06-30", execution="ideal").result.notes
