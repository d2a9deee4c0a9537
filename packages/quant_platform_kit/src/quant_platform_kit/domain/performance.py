"""What a back-test found: the record of every session, and the figures drawn from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from quant_platform_kit.domain.orders import Fill
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.strategy import Action, StrategyDecision

__all__ = [
    "DAYS_PER_YEAR",
    "SESSIONS_PER_YEAR",
    "BacktestResult",
    "DecisionRecord",
    "EndedHolding",
    "RiskFree",
    "Summary",
    "TradedOrder",
    "drawdown",
    "growth_per_year",
    "returns_of",
    "summarise",
    "volatility",
    "yearly_ratio",
    "years_between",
]

SESSIONS_PER_YEAR = 252
DAYS_PER_YEAR = 365.25
_NOISE = 1e-12


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One evaluation.

    Attributes
    ----------
    digest
        The decision digest; see `StrategyDecision.digest`.
    blocked
        Why its plan was not executed; empty when it was, or when there was nothing to execute.
    """

    decision: StrategyDecision
    digest: str
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TradedOrder:
    """A fill of the back-test.

    Attributes
    ----------
    session
        Where it filled (exchange-local date); ``as_of`` is the session decided on.
    quote
        The price it was planned at; the fill's price differs by slippage.
    """

    as_of: date
    session: date
    quote: Decimal
    fill: Fill

    @property
    def notional(self) -> Decimal:
        """Quantity x fill price."""
        return self.fill.quantity * self.fill.price

    @property
    def cost(self) -> Decimal:
        """Commission and slippage, in the portfolio's currency."""
        return self.fill.commission + abs(self.fill.price - self.quote) * self.fill.quantity


@dataclass(frozen=True, slots=True)
class EndedHolding:
    """A holding whose prices ended: it was closed at its last close, without costs.

    Attributes
    ----------
    session
        Of the last close (exchange-local date).
    """

    symbol: str
    session: date
    units: Decimal
    price: Decimal

    @property
    def text(self) -> str:
        """The holding in words."""
        return f"{self.symbol}: prices end on {self.session}; {self.units:f} units were closed at {self.price:f}"


@dataclass(frozen=True, slots=True)
class RiskFree:
    """What cash would have earned.

    Attributes
    ----------
    name
        A symbol, or a rate in words.
    returns
        From each session to the next, fractions, shape (n - 1,).
    """

    name: str
    returns: FloatArray


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a back-test over [start, end].

    Attributes
    ----------
    final_multiple
        Equity at the end / equity at the start.
    max_drawdown
        Deepest fall of the daily equity below its highest so far, negative.
    cagr
        Compound growth per calendar year of 365.25 days; None where a few days extrapolate beyond any number.
    volatility, sharpe
        Of daily returns, annualised with 252 sessions; the Sharpe ratio is against zero, None without volatility.
    sessions
        Sessions in [start, end].
    runs, rebalance_decisions, blocked_decisions
        Evaluations with start <= as_of < end: all, those that ended in REBALANCE, in BLOCKED.
    blocked_plans
        REBALANCE decisions that a gate or a missing price kept from being executed.
    sessions_traded
        Sessions with at least one fill.
    turnover
        Traded notional, buys and sells, per year / mean equity.
    costs
        Commission and slippage, in the portfolio's currency.
    interest, dividends
        What cash and holdings earned beside their prices, in the portfolio's currency.
    decisions_digest
        SHA-256 over the digests of the counted evaluations, one a line.
    """

    final_multiple: float
    max_drawdown: float
    cagr: float | None
    volatility: float
    sharpe: float | None
    sessions: int
    runs: int
    rebalance_decisions: int
    blocked_decisions: int
    blocked_plans: int
    sessions_traded: int
    turnover: float
    costs: float
    decisions_digest: str
    interest: float = 0.0
    dividends: float = 0.0


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """A back-test, session by session. All series are finite; equity and benchmark are positive.

    Attributes
    ----------
    sessions
        The n sessions of [start, end].
    equity
        Cash + holdings at each session's close, shape (n,), in the portfolio's currency; the first is the cash.
    cash
        Cash at each session's close, shape (n,).
    symbols
        The k managed symbols; of a profile that is told them day by day, those that were held.
    holdings
        Value of each at the close, shape (n, k), 0 = none held.
    benchmark
        Closes of the benchmark scaled to the starting cash, shape (n,), or None.
    decisions
        One per evaluation with start <= as_of < end.
    final
        The decision on the last session: reported, neither counted nor filled.
    ended
        Holdings that were closed because their prices ended.
    earned
        Interest and dividends booked in each session, length n; empty where nothing was to be earned.
    notes
        What a reader has to know beside the figures, one sentence each.
    risk_free
        What ratios of the tear sheet are above; None: above zero. The summary's are above zero always.
    """

    profile: str
    display_name: str
    sessions: tuple[date, ...]
    equity: FloatArray
    cash: FloatArray
    symbols: tuple[str, ...]
    holdings: FloatArray
    decisions: tuple[DecisionRecord, ...]
    final: DecisionRecord
    trades: tuple[TradedOrder, ...]
    summary: Summary
    benchmark_symbol: str | None = None
    benchmark: FloatArray | None = None
    ended: tuple[EndedHolding, ...] = ()
    earned: tuple[tuple[Decimal, Decimal], ...] = ()
    notes: tuple[str, ...] = ()
    risk_free: RiskFree | None = None


def drawdown(equity: FloatArray) -> FloatArray:
    """Return equity / its highest so far - 1, shape (n,), zero or negative."""
    return equity / np.maximum.accumulate(equity) - 1


def summarise(
    sessions: Sequence[date],
    equity: FloatArray,
    decisions: Sequence[DecisionRecord],
    trades: Sequence[TradedOrder],
    decisions_digest: str,
    earned: Sequence[tuple[Decimal, Decimal]] = (),
) -> Summary:
    """Draw the figures of `Summary` from a back-test's record."""
    returns = returns_of(equity)
    years = years_between(sessions)
    multiple = float(equity[-1] / equity[0])
    actions = [record.decision.action for record in decisions]
    traded = float(sum((trade.notional for trade in trades), Decimal(0)))
    return Summary(
        final_multiple=multiple,
        max_drawdown=float(drawdown(equity).min()),
        cagr=growth_per_year(multiple, years),
        volatility=volatility(returns),
        sharpe=yearly_ratio(returns, volatility(returns)),
        sessions=len(sessions),
        runs=len(decisions),
        rebalance_decisions=actions.count(Action.REBALANCE),
        blocked_decisions=actions.count(Action.BLOCKED),
        blocked_plans=sum(bool(record.blocked) and record.decision.intent is not None for record in decisions),
        sessions_traded=len({trade.session for trade in trades}),
        turnover=traded / years / float(equity.mean()),
        costs=float(sum((trade.cost for trade in trades), Decimal(0))),
        decisions_digest=decisions_digest,
        interest=float(sum((interest for interest, _ in earned), Decimal(0))),
        dividends=float(sum((dividends for _, dividends in earned), Decimal(0))),
    )


def returns_of(equity: FloatArray) -> FloatArray:
    """Return the returns from each value to the next, shape (n - 1,)."""
    return equity[1:] / equity[:-1] - 1


def volatility(returns: FloatArray) -> float:
    """Return the sample deviation of daily returns, annualised with 252 sessions; 0 of a single one."""
    return float(returns.std(ddof=1)) * math.sqrt(SESSIONS_PER_YEAR) if len(returns) > 1 else 0.0


def yearly_ratio(returns: FloatArray, deviation: float) -> float | None:
    """Return the mean of daily returns, times 252, / a yearly deviation; None where that is zero."""
    return float(returns.mean()) * SESSIONS_PER_YEAR / deviation if deviation > _NOISE else None


def years_between(sessions: Sequence[date]) -> float:
    """Return the calendar years of 365.25 days from the first to the last of some sessions."""
    return (sessions[-1] - sessions[0]).days / DAYS_PER_YEAR


def growth_per_year(multiple: float, years: float) -> float | None:
    """Return the compound growth per year; None where a few days extrapolate beyond any number."""
    try:
        return multiple ** (1 / years) - 1
    except OverflowError:
        return None
