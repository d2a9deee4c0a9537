"""SOXL/SOXX trend and income: leveraged semiconductors sized by volatility while they trend up, T-bills otherwise."""

from collections.abc import Mapping

from pydantic import Field
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

__all__ = ["SoxlSoxxTrendIncome"]

LEVERAGED, UNDERLYING, SAFE = "SOXL", "SOXX", "BIL"
BAND = 0.01
INVESTED = 0.95
MOST_LEVERAGED = 0.70
VOLATILITY_BUDGET = 0.45
LEVERAGE = 3
CLOSE, TREND, VOLATILITY = "close", "sma_140", "realised_vol_20"


class SoxlSoxxTrendIncome:
    """Decided every session: SOXL by its volatility budget, SOXX for the rest, 5 % cash; all BIL in a downtrend."""

    manifest = StrategyManifest(
        profile="soxl_soxx_trend_income",
        display_name="SOXL/SOXX Trend & Income",
        target_mode=TargetMode.VALUE,
        required_inputs=frozenset({InputName.DERIVED_INDICATORS, InputName.PORTFOLIO_SNAPSHOT}),
        managed=(LEVERAGED, UNDERLYING, SAFE),
        indicators={UNDERLYING: (CLOSE, TREND, VOLATILITY)},
        history_sessions=140,
        cadence=Cadence.SESSION,
        sources=("House strategy: 140-day trend filter on SOXX with a 1 % band, volatility-sized leverage",),
    )

    class Config(ProfileConfig):
        """How far a weight may drift from its target before it is traded, as a share of the base."""

        drift: float = Field(default=0.05, ge=0, le=0.5)

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        known, portfolio = ctx.derived_indicators[UNDERLYING], ctx.portfolio
        if unknown := [name for name in (CLOSE, TREND, VOLATILITY) if known[name] != known[name]]:
            return self.manifest.blocked(
                ctx, f"{UNDERLYING}: {', '.join(unknown)} cannot be known: short history or a gap"
            )
        up = _trends_up(known, portfolio)
        weights = self._weights(up, known[VOLATILITY])
        if in_place(portfolio, weights, config.drift):
            return self.manifest.hold(ctx, "every weight is within drift of its target")
        reason = (
            f"trend {'up' if up else 'down'}: {UNDERLYING} at {known[CLOSE] / known[TREND]:.4f} of its 140-day mean"
        )
        return self.manifest.rebalance(ctx, values(portfolio, weights), reason, diagnostics=dict(known))

    def _weights(self, up: bool, volatility: float) -> dict[str, float]:
        if not up:
            return {LEVERAGED: 0.0, UNDERLYING: 0.0, SAFE: 1.0}
        leveraged = min(MOST_LEVERAGED, VOLATILITY_BUDGET / (LEVERAGE * volatility)) if volatility else MOST_LEVERAGED
        return {LEVERAGED: leveraged, UNDERLYING: INVESTED - leveraged, SAFE: 0.0}


def _trends_up(known: Mapping[str, float], portfolio: PortfolioSnapshot) -> bool:
    if known[CLOSE] > known[TREND] * (1 + BAND):
        return True
    holds = portfolio.quantity(LEVERAGED) > 0 or portfolio.quantity(UNDERLYING) > 0
    return known[CLOSE] >= known[TREND] * (1 - BAND) and holds
