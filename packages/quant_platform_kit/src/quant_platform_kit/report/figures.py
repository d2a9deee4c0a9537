"""What the report shows beyond the `Summary`: pure functions of a back-test's record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.measures import Measures, Relative, measures, period_returns, relative
from quant_platform_kit.domain.performance import BacktestResult, DecisionRecord, drawdown
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.strategy import Action

__all__ = [
    "Band",
    "Fall",
    "MonthlyRow",
    "TearSheet",
    "YearOfReturns",
    "YearOfTrading",
    "blocked_days",
    "check",
    "holding_bands",
    "monthly_rows",
    "tear_sheet",
    "worst_falls",
    "years_of_returns",
    "years_of_trading",
]

FEWEST_SESSIONS = 2
MOST_BANDS = 10
MONTHS = range(1, 13)


@dataclass(frozen=True, slots=True)
class Fall:
    """A time below a previous high.

    Attributes
    ----------
    depth
        Equity at the trough / equity at the peak - 1, negative.
    peak
        The last session at the high.
    recovery
        The first session back at the high or above; None while still below at the end.
    days
        Calendar days from the peak to the recovery, or to the last session.
    """

    depth: float
    peak: date
    trough: date
    recovery: date | None
    days: int


@dataclass(frozen=True, slots=True)
class MonthlyRow:
    """A calendar year: 12 monthly returns, None where the back-test has no session, and their product."""

    year: int
    months: tuple[float | None, ...]
    total: float


@dataclass(frozen=True, slots=True)
class YearOfTrading:
    """A calendar year's trades.

    Attributes
    ----------
    turnover
        Notional bought and sold in the year / mean equity of the year, not annualised.
    costs
        Commission and slippage, in the portfolio's currency.
    """

    year: int
    turnover: float
    costs: float


@dataclass(frozen=True, slots=True)
class YearOfReturns:
    """A calendar year of a curve, counted from the last session of the year before.

    Attributes
    ----------
    total
        Its return.
    depth
        Its deepest drawdown below a high of the same year, or of the close before it; zero or negative.
    """

    year: int
    total: float
    depth: float


@dataclass(frozen=True, slots=True)
class TearSheet:
    """The figures of a back-test beyond its `Summary`.

    Attributes
    ----------
    benchmark, against
        The benchmark's own figures, and the back-test's against it; None without one.
    invested
        Mean share of the equity in holdings, at the close.
    sessions_invested
        Share of the sessions that end with a holding.
    risk_free
        What ratios are above; None: above zero.
    """

    measures: Measures
    benchmark: Measures | None
    against: Relative | None
    invested: float
    sessions_invested: float
    risk_free: str | None


@dataclass(frozen=True, slots=True)
class Band:
    """A layer of the holdings chart.

    Attributes
    ----------
    tone
        Name of its colour: ``c0`` to ``c9``, ``other`` or ``cash``.
    weights
        Share of the equity at each close, 0 to 1, shape (n,); the bands of a session sum to 1.
    """

    name: str
    tone: str
    weights: FloatArray


def check(result: BacktestResult) -> None:
    """Hold a result to what the report can draw.

    Raises
    ------
    InvalidInput
        Fewer than two sessions; a series of another length, with a value that is NaN or infinite, or with an equity or
        a benchmark that is not above zero.
    """
    count = len(result.sessions)
    if count < FEWEST_SESSIONS:
        raise InvalidInput(f"back-test of {result.profile} has {count} sessions; a report needs 2, widen the period")
    _check_series(result, "equity", result.equity, above=0)
    _check_series(result, "cash", result.cash)
    _check_series(result, "holdings", result.holdings)
    if result.benchmark is not None:
        _check_series(result, "benchmark", result.benchmark, above=0)


def _check_series(result: BacktestResult, name: str, values: FloatArray, above: float = -math.inf) -> None:
    if len(values) != len(result.sessions):
        rows = f"{name} of {result.profile} has {len(values)} rows"
        raise InvalidInput(f"{rows}; its sessions ask for {len(result.sessions)}, build the result from one run")
    bad = np.argwhere(~(np.isfinite(values) & (values > above)))
    if len(bad):
        value = f"{name} of {result.profile} is {values[tuple(bad[0])]} on {result.sessions[int(bad[0][0])]}"
        raise InvalidInput(f"{value}; a report draws finite numbers{', above zero' if above == 0 else ''}")


def worst_falls(sessions: Sequence[date], equity: FloatArray, count: int = 5) -> tuple[Fall, ...]:
    """Return the ``count`` deepest falls below a previous high, the deepest first, never overlapping."""
    below = drawdown(equity)
    under = np.concatenate(([False], below < 0, [False]))
    edges = np.flatnonzero(under[1:] != under[:-1])
    falls = [_fall(sessions, below, int(first), int(after)) for first, after in edges.reshape(-1, 2)]
    return tuple(sorted(falls, key=lambda fall: fall.depth)[:count])


def _fall(sessions: Sequence[date], below: FloatArray, first: int, after: int) -> Fall:
    """Return the fall of the sessions first <= i < after, all of them below the high of session first - 1."""
    trough = first + int(below[first:after].argmin())
    recovery = sessions[after] if after < len(sessions) else None
    peak = sessions[first - 1]
    days = ((recovery or sessions[-1]) - peak).days
    return Fall(float(below[trough]), peak, sessions[trough], recovery, days)


def monthly_rows(sessions: Sequence[date], equity: FloatArray) -> tuple[MonthlyRow, ...]:
    """Return a row for every calendar year of the sessions, ascending."""
    returns = period_returns(sessions, equity, lambda day: (day.year, day.month))
    rows: list[MonthlyRow] = []
    for year in _years(sessions):
        months = tuple(returns.get((year, month)) for month in MONTHS)
        rows.append(MonthlyRow(year, months, math.prod(1 + month for month in months if month is not None) - 1))
    return tuple(rows)


def tear_sheet(result: BacktestResult) -> TearSheet:
    """Return the figures of a back-test, and where there is a benchmark, of that and against it."""
    sessions, equity, peer, free = result.sessions, result.equity, result.benchmark, result.risk_free
    held = result.holdings.sum(axis=1)
    return TearSheet(
        measures=measures(sessions, equity, free),
        benchmark=None if peer is None else measures(sessions, peer, free),
        against=None if peer is None else relative(equity, peer, free),
        invested=float((held / equity).mean()),
        sessions_invested=float((held > 0).mean()),
        risk_free=free.name if free else None,
    )


def years_of_returns(sessions: Sequence[date], equity: FloatArray) -> tuple[YearOfReturns, ...]:
    """Return every calendar year that has a session, ascending."""
    years = np.array([session.year for session in sessions])
    rows: list[YearOfReturns] = []
    for year in np.unique(years).tolist():
        first, last = np.flatnonzero(years == year)[[0, -1]].tolist()
        curve = equity[max(first - 1, 0) : last + 1]
        rows.append(YearOfReturns(year, float(curve[-1] / curve[0]) - 1, float(drawdown(curve).min())))
    return tuple(rows)


def years_of_trading(result: BacktestResult) -> tuple[YearOfTrading, ...]:
    """Return the trading of every calendar year of the sessions, ascending, quiet years included."""
    notional = dict.fromkeys(_years(result.sessions), 0.0)
    costs = notional.copy()
    for trade in result.trades:
        notional[trade.session.year] += float(trade.notional)
        costs[trade.session.year] += float(trade.cost)
    years = np.array([session.year for session in result.sessions])
    return tuple(
        YearOfTrading(year, notional[year] / float(result.equity[years == year].mean()), costs[year])
        for year in notional
    )


def holding_bands(result: BacktestResult) -> tuple[Band, ...]:
    """Return the symbols ever held, the largest mean weight first, then cash; a value below zero counts as zero.

    When more than 10 symbols were held, the 9 largest are named and the rest make one band.
    """
    holdings = np.clip(result.holdings, 0, None)
    cash = np.clip(result.cash, 0, None)
    weights = holdings / (holdings.sum(axis=1) + cash)[:, None]
    held = [i for i in range(len(result.symbols)) if holdings[:, i].any()]
    held.sort(key=lambda i: -float(weights[:, i].mean()))
    named = held if len(held) <= MOST_BANDS else held[: MOST_BANDS - 1]
    bands = [Band(result.symbols[i], f"c{tone}", weights[:, i]) for tone, i in enumerate(named)]
    rest = held[len(named) :]
    if rest:
        bands.append(Band(f"{len(rest)} others", "other", weights[:, rest].sum(axis=1)))
    return (*bands, Band("Cash", "cash", 1 - weights.sum(axis=1)))


def blocked_days(result: BacktestResult) -> tuple[DecisionRecord, ...]:
    """Return the evaluations that were BLOCKED or whose plan was not executed."""
    return tuple(record for record in result.decisions if record.blocked or record.decision.action is Action.BLOCKED)


def _years(sessions: Sequence[date]) -> range:
    return range(sessions[0].year, sessions[-1].year + 1)
