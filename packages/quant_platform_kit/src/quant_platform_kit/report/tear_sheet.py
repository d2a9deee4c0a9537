"""The tear sheet as rows of text: figures beside the benchmark's, good and bad periods, calendar years, returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from quant_platform_kit.domain.measures import Measures, Periods, rolling_beta, rolling_sharpe, rolling_volatility
from quant_platform_kit.domain.performance import BacktestResult, returns_of
from quant_platform_kit.report import formats
from quant_platform_kit.report.curves import Bar, Curve, Rolling
from quant_platform_kit.report.figures import TearSheet, years_of_returns
from quant_platform_kit.report.scales import round_values

__all__ = [
    "Figure",
    "YearRow",
    "against_rows",
    "curves_of",
    "figure_rows",
    "fraction",
    "period_rows",
    "ratio",
    "return_bars",
    "rolling_charts",
    "year_rows",
]

NONE = "\N{EM DASH}"
MOST_BINS = 40
ENDS = 0.005
"""Share of the returns at either end that one bar takes together."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A named figure of one or several curves, as text."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class YearRow:
    """A calendar year: returns of each curve, what the first is ahead of the second, and the deepest falls."""

    year: int
    totals: tuple[str, ...]
    ahead: str
    depths: tuple[str, ...]


def fraction(value: float | None, digits: int = 1) -> str:
    """Return a fraction in percent; a dash for none."""
    return NONE if value is None else formats.percent(value, digits)


def ratio(value: float | None) -> str:
    """Return a ratio with two decimals; a dash for none."""
    return NONE if value is None else formats.number(value, 2)


FIGURES: tuple[tuple[str, Callable[[Measures], str]], ...] = (
    ("Growth per year (CAGR)", lambda m: fraction(m.cagr)),
    ("Volatility", lambda m: fraction(m.volatility)),
    ("Sharpe ratio", lambda m: ratio(m.sharpe)),
    ("Sortino ratio", lambda m: ratio(m.sortino)),
    ("Maximum drawdown", lambda m: fraction(m.max_drawdown)),
    ("Calmar ratio", lambda m: ratio(m.calmar)),
    ("Ulcer index", lambda m: fraction(m.ulcer)),
    ("Value at risk, 5 % of days", lambda m: fraction(m.var, 2)),
    ("Expected shortfall (CVaR)", lambda m: fraction(m.cvar, 2)),
    ("Skew of daily returns", lambda m: ratio(m.skew)),
    ("Kurtosis, above normal", lambda m: ratio(m.kurtosis)),
)
PERIODS: tuple[tuple[str, Callable[[Measures], Periods]], ...] = (
    ("Day", lambda m: m.day),
    ("Month", lambda m: m.month),
    ("Year", lambda m: m.year),
)


def figure_rows(each: Sequence[Measures]) -> list[Figure]:
    """Return the figures of some curves, a row for each figure."""
    return [Figure(name, tuple(write(one) for one in each)) for name, write in FIGURES]


def period_rows(each: Sequence[Measures]) -> list[Figure]:
    """Return best, worst and share won of days, months and years, a row for each."""
    rows: list[Figure] = []
    for name, of in PERIODS:
        rows += [
            Figure(f"Best {name.lower()}", tuple(fraction(of(one).best) for one in each)),
            Figure(f"Worst {name.lower()}", tuple(fraction(of(one).worst) for one in each)),
            Figure(f"{name}s won", tuple(fraction(of(one).win_rate) for one in each)),
        ]
    return rows


def against_rows(sheet: TearSheet) -> list[Figure]:
    """Return the figures against the benchmark, and of how much was invested."""
    rows: list[Figure] = []
    if found := sheet.against:
        rows += [
            Figure("Alpha, a year", (fraction(found.alpha),)),
            Figure("Beta", (ratio(found.beta),)),
            Figure("Correlation", (ratio(found.correlation),)),
            Figure("Tracking error", (fraction(found.tracking_error),)),
            Figure("Information ratio", (ratio(found.information_ratio),)),
        ]
    return [
        *rows,
        Figure("Invested on average", (fraction(sheet.invested),)),
        Figure("Sessions invested", (fraction(sheet.sessions_invested),)),
    ]


def curves_of(result: BacktestResult) -> list[Curve]:
    """Return the back-test's curve, and the benchmark's where there is one."""
    curves = [Curve(result.display_name, "own", result.equity)]
    if result.benchmark is not None:
        curves.append(Curve(result.benchmark_symbol or "Benchmark", "peer", result.benchmark))
    return curves


def year_rows(result: BacktestResult) -> list[YearRow]:
    """Return the calendar years, ascending."""
    each = [years_of_returns(result.sessions, curve.values) for curve in curves_of(result)]
    return [
        YearRow(
            same[0].year,
            tuple(fraction(one.total) for one in same),
            formats.percent(same[0].total - same[1].total, sign=True) if len(same) > 1 else "",
            tuple(fraction(one.depth) for one in same),
        )
        for same in zip(*each, strict=True)
    ]


def return_bars(result: BacktestResult) -> list[Bar]:
    """Return how many daily returns lie in each of some bins of one width; the outermost take all beyond them."""
    returns = 100 * returns_of(result.equity)
    low, high = np.quantile(returns, (ENDS, 1 - ENDS)).tolist()
    if not high > low:
        return []
    edges = [round(edge, 9) for edge in round_values(low, high, MOST_BINS)]
    counts, _ = np.histogram(np.clip(returns, edges[0], edges[-1]), edges)
    return [
        Bar(formats.compact(first), float(count), f"{count} days from {first:g} to {last:g} %")
        for (first, last), count in zip(pairwise(edges), counts.tolist(), strict=True)
    ]


def rolling_charts(result: BacktestResult) -> list[Rolling]:
    """Return the rolling figures that are defined anywhere; none where the back-test is too short for its window."""
    curves = curves_of(result)
    own, free = result.equity, result.risk_free
    each = [
        Rolling("sharpe", "Sharpe ratio", "x", _each(curves, lambda curve: rolling_sharpe(curve.values, free))),
        Rolling("volatility", "Volatility", "%", _each(curves, lambda curve: rolling_volatility(curve.values))),
    ]
    if (peer := result.benchmark) is not None:
        each.append(Rolling("beta", "Beta", "x", _each(curves[:1], lambda _: rolling_beta(own, peer))))
    return [chart for chart in each if all(not np.isnan(curve.values).all() for curve in chart.curves)]


def _each(curves: Sequence[Curve], figure: Callable[[Curve], np.ndarray]) -> tuple[Curve, ...]:
    return tuple(Curve(curve.name, curve.tone, figure(curve)) for curve in curves)
