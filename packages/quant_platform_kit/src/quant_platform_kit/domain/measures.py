"""Figures of a curve beyond the `Summary`: of its risk, of its good and bad periods, and against a benchmark.

Everything is of the n - 1 returns between n consecutive sessions. Ratios of means and deviations are annualised with
252 sessions, growth with calendar years of 365.25 days. A figure that the returns do not define, such as a ratio to a
deviation of zero, is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_platform_kit.domain.performance import (
    DAYS_PER_YEAR,
    SESSIONS_PER_YEAR,
    RiskFree,
    drawdown,
    growth_per_year,
    returns_of,
    volatility,
    yearly_ratio,
    years_between,
)
from quant_platform_kit.domain.prices import FloatArray

__all__ = [
    "WINDOW",
    "Measures",
    "Periods",
    "Relative",
    "measures",
    "period_returns",
    "relative",
    "risk_free_rate",
    "rolling_beta",
    "rolling_sharpe",
    "rolling_volatility",
]

WINDOW = 126
"""Sessions of a rolling figure: half a year."""
TAIL = 0.05
"""Share of the days that value at risk leaves out."""
_NOISE = 1e-12
_YEAR = math.sqrt(SESSIONS_PER_YEAR)


@dataclass(frozen=True, slots=True)
class Periods:
    """The returns of days, months or years; the first and the last month and year may be shorter ones.

    Attributes
    ----------
    best, worst
        Fractions.
    win_rate
        Share of the periods with a return above zero.
    """

    best: float
    worst: float
    win_rate: float
    count: int


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of one curve.

    Attributes
    ----------
    cagr
        As in `Summary`.
    sharpe, sortino
        Mean of the returns above the risk-free ones / their sample deviation, / the root of the mean square of those
        below zero (all n - 1 of them counted); annualised.
    calmar
        ``cagr`` / depth of the deepest drawdown.
    ulcer
        Root of the mean square of the drawdowns at all closes, a fraction.
    var, cvar
        The 5 % quantile of the daily returns, interpolated, and the mean of those at or below it; losses are negative.
    skew, kurtosis
        Third and fourth standardised moment of the daily returns, the latter less 3.
    """

    cagr: float | None
    volatility: float
    max_drawdown: float
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    ulcer: float
    var: float
    cvar: float
    skew: float | None
    kurtosis: float | None
    day: Periods
    month: Periods
    year: Periods


@dataclass(frozen=True, slots=True)
class Relative:
    """Figures of a curve against its benchmark, of daily returns.

    Attributes
    ----------
    beta, alpha
        Slope of the returns above the risk-free ones on the benchmark's, and what is left of their mean, times 252.
    correlation
        Of the returns.
    tracking_error
        Sample deviation of the differences, annualised.
    information_ratio
        Mean of the differences / their sample deviation, annualised.
    """

    alpha: float | None
    beta: float | None
    correlation: float | None
    tracking_error: float
    information_ratio: float | None


def risk_free_rate(sessions: Sequence[date], rate: float) -> RiskFree:
    """Return what a rate per year, compounded over calendar days, earns between sessions."""
    days = np.diff(np.array([session.toordinal() for session in sessions], dtype=np.float64))
    return RiskFree(f"{rate:.2%} a year", (1 + rate) ** (days / DAYS_PER_YEAR) - 1)


def measures(sessions: Sequence[date], equity: FloatArray, risk_free: RiskFree | None = None) -> Measures:
    """Return the figures of a curve over its sessions; values above zero, shape (n,), n >= 2."""
    returns = returns_of(equity)
    excess = _above(returns, risk_free)
    below = drawdown(equity)
    growth = growth_per_year(float(equity[-1] / equity[0]), years_between(sessions))
    depth = -float(below.min())
    quantile = float(np.quantile(returns, TAIL))
    return Measures(
        cagr=growth,
        volatility=volatility(returns),
        max_drawdown=-depth,
        sharpe=yearly_ratio(excess, volatility(excess)),
        sortino=yearly_ratio(excess, math.sqrt(float((np.minimum(excess, 0) ** 2).mean())) * _YEAR),
        calmar=growth / depth if growth is not None and depth > _NOISE else None,
        ulcer=math.sqrt(float((below**2).mean())),
        var=quantile,
        cvar=float(returns[returns <= quantile].mean()),
        skew=_moment(returns, 3),
        kurtosis=None if (fourth := _moment(returns, 4)) is None else fourth - 3,
        day=_periods(returns),
        month=_periods(_values(period_returns(sessions, equity, lambda day: (day.year, day.month)))),
        year=_periods(_values(period_returns(sessions, equity, lambda day: (day.year,)))),
    )


def relative(equity: FloatArray, benchmark: FloatArray, risk_free: RiskFree | None = None) -> Relative:
    """Return the figures of a curve against another over the same sessions, both of shape (n,)."""
    own, peer = returns_of(equity), returns_of(benchmark)
    ahead = own - peer
    own_excess, peer_excess = _above(own, risk_free), _above(peer, risk_free)
    beta = _slope(own_excess, peer_excess)
    both = math.sqrt(_covariance(own, own) * _covariance(peer, peer))
    return Relative(
        alpha=None if beta is None else float((own_excess - beta * peer_excess).mean()) * SESSIONS_PER_YEAR,
        beta=beta,
        correlation=_covariance(own, peer) / both if both > _NOISE**2 else None,
        tracking_error=volatility(ahead),
        information_ratio=yearly_ratio(ahead, volatility(ahead)),
    )


def period_returns(
    sessions: Sequence[date], equity: FloatArray, period: Callable[[date], tuple[int, ...]]
) -> dict[tuple[int, ...], float]:
    """Return the return of each period in which sessions lie, the first one counted from the first session."""
    last = {period(session): value for session, value in zip(sessions, equity.tolist(), strict=True)}
    before, returns = float(equity[0]), dict[tuple[int, ...], float]()
    for key, value in last.items():
        returns[key] = value / before - 1
        before = value
    return returns


def rolling_sharpe(equity: FloatArray, risk_free: RiskFree | None = None) -> FloatArray:
    """Return the Sharpe ratio of the last `WINDOW` returns at each session from there on, NaN without a deviation."""
    parts = _windows(_above(returns_of(equity), risk_free))
    deviations = parts.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(deviations > _NOISE, parts.mean(axis=1) / deviations * _YEAR, np.nan)


def rolling_volatility(equity: FloatArray) -> FloatArray:
    """Return the volatility of the last `WINDOW` returns at each session from there on."""
    return _windows(returns_of(equity)).std(axis=1, ddof=1) * _YEAR


def rolling_beta(equity: FloatArray, benchmark: FloatArray) -> FloatArray:
    """Return the slope of the last `WINDOW` returns on the benchmark's, NaN where that did not move."""
    own, peer = _windows(returns_of(equity)), _windows(returns_of(benchmark))
    off = peer - peer.mean(axis=1, keepdims=True)
    spread = (off**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > _NOISE, (own * off).sum(axis=1) / spread, np.nan)


def _windows(returns: FloatArray) -> FloatArray:
    """Return every run of `WINDOW` returns, shape (m, WINDOW); m = 0 where there are fewer."""
    if len(returns) < WINDOW:
        return np.empty((0, WINDOW))
    return np.lib.stride_tricks.sliding_window_view(returns, WINDOW)


def _above(returns: FloatArray, risk_free: RiskFree | None) -> FloatArray:
    return returns if risk_free is None else returns - risk_free.returns


def _covariance(one: FloatArray, other: FloatArray) -> float:
    return float(((one - one.mean()) * (other - other.mean())).sum()) / (len(one) - 1) if len(one) > 1 else 0.0


def _slope(values: FloatArray, on: FloatArray) -> float | None:
    variance = _covariance(on, on)
    return _covariance(values, on) / variance if variance > _NOISE**2 else None


def _moment(values: FloatArray, order: int) -> float | None:
    off = values - values.mean()
    deviation = math.sqrt(float((off**2).mean()))
    return float((off**order).mean()) / deviation**order if deviation > _NOISE else None


def _values(returns: dict[tuple[int, ...], float]) -> FloatArray:
    return np.array(list(returns.values()))


def _periods(returns: FloatArray) -> Periods:
    return Periods(float(returns.max()), float(returns.min()), float((returns > 0).mean()), len(returns))
