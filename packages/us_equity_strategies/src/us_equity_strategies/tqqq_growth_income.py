"""TQQQ growth and income: leveraged Nasdaq 100 above its 200-day mean, T-bills below, an income sleeve when large."""

from decimal import Decimal

from pydantic import Field
from quant_platform_kit.domain.indicators import sma
from quant_platform_kit.domain.portfolio import PortfolioSnapshot
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from us_equity_strategies.config import ProfileConfig
from us_equity_strategies.drift import in_place, values

__all__ = ["TqqqGrowthIncome"]

BENCHMARK, LEVERAGED, SAFE = "QQQ", "TQQQ", "BIL"
SLEEVE = ("XLP", "XLU", "LQD")
SLEEVE_SHARE = 0.2
SLEEVE_FROM, SLEEVE_KEEP = Decimal(150_000), Decimal(135_000)
TREND_SESSIONS = 200
BAND = 0.01


class TqqqGrowthIncome:
    """Decided every session: 45/45/10 TQQQ/QQQ/BIL while QQQ trends up, all in BIL while it does not."""

    manifest = StrategyManifest(
        profile="tqqq_growth_income",
        display_name="TQQQ Growth & Income",
        target_mode=TargetMode.VALUE,
        required_inputs=frozenset({InputName.BENCHMARK_HISTORY, InputName.PORTFOLIO_SNAPSHOT}),
        managed=(LEVERAGED, BENCHMARK, SAFE, *SLEEVE),
        benchmarks=(BENCHMARK,),
        history_sessions=TREND_SESSIONS,
        cadence=Cadence.SESSION,
        sources=("House strategy: 200-day trend filter on QQQ with a 1 % band",),
    )

    class Config(ProfileConfig):
        """How far a weight may drift from its target before it is traded, as a share of the base."""

        drift: float = Field(default=0.05, ge=0, le=0.5)

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        history, portfolio = ctx.benchmark_history, ctx.portfolio
        if history.without_bar(ctx.as_of, [BENCHMARK]):
            return self.manifest.blocked(ctx, f"{BENCHMARK} has no bar on {ctx.as_of}")
        trend = sma(history, TREND_SESSIONS)
        column = history.column(BENCHMARK)
        if trend is None or trend[column] != trend[column]:
            return self.manifest.blocked(ctx, f"{BENCHMARK} needs {TREND_SESSIONS} sessions without a gap")
        ratio = float(history.close[-1, column] / trend[column])
        close, mean = float(history.close[-1, column]), float(trend[column])
        up = close > mean * (1 + BAND) or (close >= mean * (1 - BAND) and portfolio.quantity(LEVERAGED) > 0)
        weights = self._weights(up, portfolio)
        if in_place(portfolio, weights, config.drift):
            return self.manifest.hold(ctx, "every weight is within drift of its target")
        reason = f"trend {'on' if up else 'off'}: {BENCHMARK} at {ratio:.4f} of its 200-day mean"
        return self.manifest.rebalance(ctx, values(portfolio, weights), reason, diagnostics={"close_to_mean": ratio})

    def _weights(self, up: bool, portfolio: PortfolioSnapshot) -> dict[str, float]:
        regime = {LEVERAGED: 0.45, BENCHMARK: 0.45, SAFE: 0.10} if up else {SAFE: 1.0}
        weights = dict.fromkeys(self.manifest.managed, 0.0) | regime
        if not _sleeve_active(portfolio):
            return weights
        weights = {symbol: weight * (1 - SLEEVE_SHARE) for symbol, weight in weights.items()}
        return weights | dict.fromkeys(SLEEVE, SLEEVE_SHARE / len(SLEEVE))


def _sleeve_active(portfolio: PortfolioSnapshot) -> bool:
    if portfolio.base > SLEEVE_FROM:
        return True
    return portfolio.base > SLEEVE_KEEP and any(portfolio.quantity(symbol) > 0 for symbol in SLEEVE)
