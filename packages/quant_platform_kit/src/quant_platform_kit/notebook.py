"""Back-tests in Python: the steps of `quant backtest`, and its files as frames of pandas.

>>> from quant_platform_kit import backtest, load_prices
>>> tested = backtest("global_etf_rotation", load_prices("prices.parquet"), "2008-06-02", "2023-12-29")
>>> tested.summary.cagr, tested.equity["equity"].plot()  # doctest: +SKIP
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_platform_kit.adapters.price_files import LongPrices, read_price_files
from quant_platform_kit.adapters.price_income import AskedIncome, Dividends
from quant_platform_kit.adapters.strategies import bind, strategy_of
from quant_platform_kit.backtest_request import BacktestRequest, Execution
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.performance import BacktestResult, Summary
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy
from quant_platform_kit.report.columns import decision_columns, equity_columns, order_columns
from quant_platform_kit.report.figures import TearSheet, tear_sheet
from quant_platform_kit.services.research.asked_costs import AskedCosts
from quant_platform_kit.services.research.backtest import FillAt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Backtest", "backtest", "load_prices"]


@dataclass(frozen=True, slots=True)
class Backtest:
    """A strategy over a period. Its frames are made when they are asked for.

    Attributes
    ----------
    result
        Session by session, as arrays.
    request
        What it was asked.
    """

    result: BacktestResult
    request: BacktestRequest

    @property
    def strategy(self) -> BoundStrategy:
        """The strategy with its configuration."""
        return self.request.strategy

    @property
    def summary(self) -> Summary:
        """Its figures, as in ``summary.json``."""
        return self.result.summary

    @property
    def tear_sheet(self) -> TearSheet:
        """Its figures of risk, of its periods and against the benchmark, as in ``summary.json``."""
        return tear_sheet(self.result)

    @property
    def equity(self) -> pd.DataFrame:
        """Equity, drawdown, cash and value of each holding at the close, by session; as in ``equity.parquet``."""
        return _frame(equity_columns(self.result), "session")

    @property
    def orders(self) -> pd.DataFrame:
        """Every fill, in order; as in ``orders.parquet``."""
        return _frame(order_columns(self.result))

    @property
    def decisions(self) -> pd.DataFrame:
        """Every decision by session: action, targets by symbol, digest, reasons, and what blocked its orders."""
        return _frame(decision_columns(self.result), "as_of")


def load_prices(*files: str | Path) -> LongPrices:
    """Read price files as one, with ``close`` and, where all have them, ``adj_close``, ``open`` and ``dividend``.

    Raises
    ------
    InvalidInput
        There is none, it cannot be read, or is of another format: then the message names the line that imports it.
    """
    if not files:
        raise InvalidInput("no price file was named; load_prices takes one or several")
    return read_price_files([Path(file) for file in files], ["close"], ["adj_close", "open", "dividend"])


def backtest(  # noqa: PLR0913 - what a back-test may be asked
    strategy: str | Strategy | BoundStrategy,
    prices: LongPrices,
    start: str | date,
    end: str | date,
    *,
    config: Mapping[str, object] | None = None,
    price_field: str = "adj_close",
    fill: str | FillAt = FillAt.NEXT_OPEN,
    execution: str | Execution = Execution.REALISTIC,
    cash: str | float | Decimal = 100_000,
    benchmark: str | None = None,
    commission_bps: str | float | Decimal | None = None,
    slippage_bps: str | float | Decimal | None = None,
    commission_per_share: str | float | Decimal | None = None,
    commission_minimum: str | float | Decimal | None = None,
    lots: str | float | Decimal | None = None,
    cash_yield: str | float | Decimal = 0,
    dividends: str | Dividends = Dividends.PRICED,
    believe: Iterable[tuple[str, str | date]] = (),
    snapshots: str | Path | None = None,
    risk_free: str | float | Decimal | None = None,
) -> Backtest:
    """Back-test a strategy through the same steps a live run takes.

    Parameters
    ----------
    strategy
        An installed profile by name, a file as ``my.py:MyStrategy``, or a strategy itself.
    prices
        From `load_prices`.
    start, end
        Sessions, both included; ISO dates as text.
    config
        Values of its configuration; not with a `BoundStrategy`, which has its own.
    price_field
        ``adj_close`` or ``close``: what decisions and fills are made of.
    fill
        ``next-open`` or ``next-close`` of the session after the one decided on.
    execution
        ``realistic`` or ``ideal``.
    cash
        To start with.
    benchmark
        To compare with; SPY where the prices have it.
    commission_bps, slippage_bps
        Basis points in place of those of ``execution``.
    commission_per_share, commission_minimum
        Of every share beside the basis points, and of every order at least.
    lots
        Orders are multiples of it, in place of what ``execution`` says.
    cash_yield
        What cash earns: a symbol whose total return it has, or a rate per year, 0.02 for 2 %.
    dividends
        ``priced``, as the prices have them, or ``cash``, booked on the ex-date.
    believe
        Odd prices that are right, as symbol and day.
    snapshots
        Where the feature snapshots of a snapshot-backed profile are published.
    risk_free
        What ratios of the tear sheet are above: a symbol of the prices as text, or a rate per year; else zero.

    Raises
    ------
    InvalidInput
        As `quant backtest` refuses it.
    """
    if price_field not in prices.columns:
        raise InvalidInput(f"price_field is {price_field!r}; {prices.path} has {', '.join(sorted(prices.columns))}")
    costs = AskedCosts(
        _number("commission_bps", commission_bps),
        _number("slippage_bps", slippage_bps),
        _number("commission_per_share", commission_per_share),
        _number("commission_minimum", commission_minimum),
        _number("lots", lots),
    )
    request = BacktestRequest(
        _bound(strategy, config),
        prices,
        _day("start", start),
        _day("end", end),
        price_field=price_field,
        fill=_member(FillAt, "fill", fill),
        execution=_member(Execution, "execution", execution),
        cash=_number("cash", cash) or Decimal(0),
        costs=costs,
        income=AskedIncome(str(cash_yield), _member(Dividends, "dividends", dividends)),
        benchmark=benchmark,
        believed=frozenset((symbol, _day("believe", day)) for symbol, day in believe),
        snapshots=None if snapshots is None else str(snapshots),
        risk_free=risk_free if isinstance(risk_free, str) else _number("risk_free", risk_free),
    )
    return Backtest(request.run(), request)


def _bound(strategy: str | Strategy | BoundStrategy, config: Mapping[str, object] | None) -> BoundStrategy:
    if isinstance(strategy, BoundStrategy):
        if config is not None:
            raise InvalidInput(
                "config was given with a strategy that is bound to its own; bind it anew, or leave it out"
            )
        return strategy
    return bind(strategy_of(strategy) if isinstance(strategy, str) else strategy, config)


def _day(name: str, value: str | date) -> date:
    return _made(
        name, value, lambda: value if isinstance(value, date) else date.fromisoformat(value), "a date, 2023-12-29"
    )


def _number(name: str, value: str | float | Decimal | None) -> Decimal | None:
    return None if value is None else _made(name, value, lambda: _finite(Decimal(str(value))), "a number")


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError
    return value


def _member(kind: Any, name: str, value: Any) -> Any:
    return _made(name, value, lambda: kind(value), f"one of {', '.join(each.value for each in kind)}")


def _made(name: str, value: object, make: Callable[[], Any], expected: str) -> Any:
    try:
        return make()
    except (ArithmeticError, ValueError):
        raise InvalidInput(f"{name} is {value!r}; it has to be {expected}") from None


def _frame(columns: Mapping[str, Any], index: str = "") -> pd.DataFrame:
    try:
        pandas: Any = import_module("pandas")
    except ImportError:
        raise InvalidInput("frames need pandas, which is not installed: pip install pandas") from None
    frame = pandas.DataFrame(dict(columns))
    return frame.set_index(index) if index else frame
