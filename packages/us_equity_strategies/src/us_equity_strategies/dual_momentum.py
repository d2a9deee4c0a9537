"""Dual momentum: Antonacci's Global Equities Momentum."""

from quant_platform_kit.domain.indicators import total_return
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from us_equity_strategies.config import ProfileConfig

__all__ = ["DualMomentum"]

DOMESTIC, FOREIGN, BONDS, HURDLE = "SPY", "EFA", "AGG", "BIL"
MONTHS = 12


class DualMomentum:
    """Month end: US or foreign shares, whichever led over 12 months, if US shares beat T-bills; bonds otherwise."""

    manifest = StrategyManifest(
        profile="dual_momentum",
        display_name="Dual Momentum (GEM)",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY}),
        managed=(DOMESTIC, FOREIGN, BONDS),
        watched=(HURDLE,),
        history_sessions=299,
        cadence=Cadence.MONTH_END,
        sources=("Antonacci: Dual Momentum Investing (2014), Global Equities Momentum",),
    )

    class Config(ProfileConfig):
        """No settings."""

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        history, manifest = ctx.market_history, self.manifest
        if absent := history.without_bar(ctx.as_of, manifest.symbols):
            return manifest.blocked(ctx, f"no bar on {ctx.as_of}: {', '.join(absent)}")
        returns = total_return(history, MONTHS)
        if returns is None:
            return manifest.blocked(ctx, f"short history: {len(history)} sessions; needs {MONTHS} month ends")
        named = {symbol: float(returns[history.column(symbol)]) for symbol in (DOMESTIC, FOREIGN, HURDLE)}
        if unknown := [symbol for symbol, value in named.items() if value != value]:
            return manifest.blocked(ctx, f"12-month return unknown: {', '.join(unknown)}")
        if not ctx.session.ends_month:
            return manifest.hold(ctx, "not the last session of a month")
        chosen = BONDS
        if named[DOMESTIC] > named[HURDLE]:
            chosen = FOREIGN if named[FOREIGN] > named[DOMESTIC] else DOMESTIC
        reason = "month end: 12-month returns " + ", ".join(f"{symbol} {value:.2%}" for symbol, value in named.items())
        return manifest.rebalance(ctx, {chosen: 1.0}, reason, diagnostics={"returns": named})
