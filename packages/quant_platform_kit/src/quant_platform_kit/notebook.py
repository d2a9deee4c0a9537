"""Back-tests and sweeps in Python: the steps of `quant backtest` and `quant sweep`, their files as frames of pandas.

>>> from quant_platform_kit import backtest, load_prices
>>> tested = backtest("global_etf_rotation", load_prices("prices.parquet"), "2008-06-02", "2023-12-29")
>>> tested.summary.cagr, tested.equity["equity"].plot()  # doctest: +SKIP
>>> tried = sweep("tqqq_growth_income", "prices.parquet", "2011-01-03", "2023-12-29", "out", random=200)
>>> tried.best, tried.deflated_sharpe, tried.results.plot("config_drift", "in_sharpe")  # doctest: +SKIP
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from warnings import warn

from quant_platform_kit.adapters.price_files import LongPrices, read_price_files
from quant_platform_kit.adapters.price_income import AskedIncome, Dividends
from quant_platform_kit.adapters.strategies import GivenConfig, bind, strategy_of
from quant_platform_kit.adapters.workers import Workers, parse_workers
from quant_platform_kit.backtest_request import BacktestRequest, Execution
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.performance import BacktestResult, Summary
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy
from quant_platform_kit.domain.sweeping import Sweep as Swept
from quant_platform_kit.report.columns import decision_columns, equity_columns, order_columns
from quant_platform_kit.report.figures import TearSheet, tear_sheet
from quant_platform_kit.report.sweep_columns import curve_columns, trial_columns
from quant_platform_kit.report.sweep_files import PAGE
from quant_platform_kit.services.research.asked_costs import AskedCosts
from quant_platform_kit.services.research.backtest import FillAt
from quant_platform_kit.sweep_request import (
    Backend,
    Place,
    plan_of,
    points_of,
    settings_rows,
    sweepable,
    swept,
    swept_backtest,
    workers_of,
    write,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Backtest", "Sweep", "backtest", "load_prices", "sweep"]


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


@dataclass(frozen=True, slots=True)
class Sweep:
    """Many configurations over a period. Its frames are made when they are asked for.

    Attributes
    ----------
    found
        Trial by trial, as arrays, with what is left of the best of them.
    page
        The page, a file.
    """

    found: Swept
    page: Path

    @property
    def results(self) -> pd.DataFrame:
        """A row per trial: its configuration, Sharpe ratios and figures; as in ``results.parquet``."""
        return _frame(trial_columns(self.found))

    @property
    def best(self) -> pd.Series:
        """The row of the trial with the best Sharpe ratio in the sessions chosen on."""
        results: Any = self.results
        return results.iloc[self.found.best]

    @property
    def equity(self) -> pd.DataFrame:
        """Equity at the close of every trial, by session; as in ``equity.parquet``."""
        return _frame(curve_columns(self.found), "session")

    @property
    def deflated_sharpe(self) -> float:
        """Probability that the best is better than luck, by all trials that the journal counts."""
        return self.found.deflated

    @property
    def probability_of_overfitting(self) -> float | None:
        """How often the best of one half of the sessions is no better than the median in the other."""
        return self.found.overfitting


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
    asked = Asked(
        price_field=price_field,
        fill=fill,
        execution=execution,
        cash=cash,
        commission_bps=commission_bps,
        slippage_bps=slippage_bps,
        commission_per_share=commission_per_share,
        commission_minimum=commission_minimum,
        lots=lots,
        cash_yield=cash_yield,
        dividends=dividends,
        believe=believe,
    )
    earned = risk_free if isinstance(risk_free, str) else _number("risk_free", risk_free)
    request = replace(
        _request(_bound(strategy, config), prices, start, end, asked),
        benchmark=benchmark,
        risk_free=earned,
        snapshots=None if snapshots is None else str(snapshots),
    )
    return Backtest(request.run(), request)


class Asked(TypedDict, total=False):
    """What back-tests and sweeps may be asked alike: see `backtest`."""

    price_field: str
    fill: str | FillAt
    execution: str | Execution
    cash: str | float | Decimal
    commission_bps: str | float | Decimal | None
    slippage_bps: str | float | Decimal | None
    commission_per_share: str | float | Decimal | None
    commission_minimum: str | float | Decimal | None
    lots: str | float | Decimal | None
    cash_yield: str | float | Decimal
    dividends: str | Dividends
    believe: Iterable[tuple[str, str | date]]


def _request(
    strategy: BoundStrategy, prices: LongPrices, start: str | date, end: str | date, asked: Asked
) -> BacktestRequest:
    price_field = asked.get("price_field", "adj_close")
    if price_field not in prices.columns:
        raise InvalidInput(f"price_field is {price_field!r}; {prices.path} has {', '.join(sorted(prices.columns))}")
    dividends = _member(Dividends, "dividends", asked.get("dividends", Dividends.PRICED))
    return BacktestRequest(
        strategy,
        prices,
        _day("start", start),
        _day("end", end),
        price_field=price_field,
        fill=_member(FillAt, "fill", asked.get("fill", FillAt.NEXT_OPEN)),
        execution=_member(Execution, "execution", asked.get("execution", Execution.REALISTIC)),
        cash=_number("cash", asked.get("cash", 100_000)) or Decimal(0),
        costs=AskedCosts(**{field.name: _number(field.name, asked.get(field.name)) for field in fields(AskedCosts)}),
        income=AskedIncome(str(asked.get("cash_yield", 0)), dividends),
        believed=frozenset((symbol, _day("believe", day)) for symbol, day in asked.get("believe", ())),
    )


def sweep(  # noqa: PLR0913 - what a sweep may be asked
    strategy: str | Strategy,
    prices: str | Path | Sequence[str | Path],
    start: str | date,
    end: str | date,
    out: str | Path,
    *,
    grid: Mapping[str, str | Iterable[object]] | None = None,
    random: int | None = None,
    seed: int = 0,
    split: str | date | None = None,
    walk_forward: str | None = None,
    config: Mapping[str, object] | None = None,
    workers: int | str | None = None,
    backend: str | None = None,
    journal: str | Path | None = None,
    **asked: Unpack[Asked],
) -> Sweep:
    """Back-test a strategy with many configurations; an interrupted one goes on where it stopped.

    Parameters
    ----------
    strategy
        An installed profile by name, a file as ``my.py:MyStrategy``, or a strategy itself.
    prices
        Price files: trials are counted by what is in them.
    out
        Folder of the results; the journal of all trials is beside it.
    grid
        Values by setting, or ``low:high:step`` as text, or ``low:high`` to draw from.
    random, seed
        Draw so many points, of ``grid`` or of all that has bounds.
    split
        Choose before this day, judge from it on.
    walk_forward
        ``5y/1y``: choose on five years, hold for one, go on.
    config
        Settings that all trials have.
    workers
        Processes, all cores if absent, or the address of a Dask scheduler.
    backend
        ``loky`` or ``dask``.
    journal
        Where trials are counted instead.

    The others are those of `backtest`.

    Raises
    ------
    InvalidInput
        As `quant sweep` refuses it.
    """
    found = sweepable(strategy_of(strategy) if isinstance(strategy, str) else strategy)
    given, plan = GivenConfig(config or {}), plan_of(None if split is None else _day("split", split), walk_forward)
    who = workers_of(
        None if workers is None else _workers(str(workers)),
        None if backend is None else _member(Backend, "backend", backend),
    )
    place = Place(Path(out), None if journal is None else Path(journal))
    axes = [f"{name}={_told(values)}" for name, values in (grid or {}).items()]
    points = points_of(axes, random, seed, found.Config, given.values)
    files = [prices] if isinstance(prices, str | Path) else prices
    request = _request(bind(found, {**given.values, **points[0]}), load_prices(*files), start, end, asked)
    subject = swept_backtest(request, given)
    tried, new = swept(subject, points, plan, place, who)
    if new:
        warn(new, stacklevel=2)
    write(tried, plan, place, settings_rows(request, subject))
    return Sweep(tried, place.out / PAGE)


def _workers(text: str) -> Workers:
    try:
        return parse_workers(text)
    except InvalidInput as error:
        raise InvalidInput(f"workers: {error}") from None


def _told(values: str | Iterable[object]) -> str:
    return values if isinstance(values, str) else ",".join(map(str, values))


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
