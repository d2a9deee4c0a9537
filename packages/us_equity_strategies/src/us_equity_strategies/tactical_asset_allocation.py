"""Tactical asset allocation: Faber's five asset classes, each held only above its 10-month mean."""

from quant_platform_kit.domain.indicators import month_closes
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from us_equity_strategies.config import ProfileConfig

__all__ = ["TacticalAssetAllocation"]

ASSETS = ("SPY", "EFA", "IEF", "DBC", "VNQ")
SAFE = "BIL"
SHARE = 0.2
MEAN_MONTHS = 10


class TacticalAssetAllocation:
    """Month end: 20 % in each asset class above the mean of its last 10 month-end closes, the rest in BIL."""

    manifest = StrategyManifest(
        profile="tactical_asset_allocation",
        display_name="Tactical Asset Allocation",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY}),
        managed=(*ASSETS, SAFE),
        history_sessions=230,
        cadence=Cadence.MONTH_END,
        sources=("Faber: A Quantitative Approach to Tactical Asset Allocation (2007)",),
    )

    class Config(ProfileConfig):
        """No settings."""

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        history, manifest = ctx.market_history, self.manifest
        if absent := history.without_bar(ctx.as_of, manifest.symbols):
            return manifest.blocked(ctx, f"no bar on {ctx.as_of}: {', '.join(absent)}")
        closes = month_closes(history, MEAN_MONTHS - 1)
        if closes is None:
            return manifest.blocked(ctx, f"short history: {len(history)} sessions; needs {MEAN_MONTHS} month ends")
        now, mean = closes[-1], closes.mean(axis=0)
        columns = dict(zip(ASSETS, history.columns(ASSETS), strict=True))
        if unknown := [symbol for symbol, column in columns.items() if mean[column] != mean[column]]:
            return manifest.blocked(ctx, f"10-month mean unknown: {', '.join(unknown)}")
        if not ctx.session.ends_month:
            return manifest.hold(ctx, "not the last session of a month")
        above = [symbol for symbol, column in columns.items() if now[column] > mean[column]]
        targets = dict.fromkeys(above, SHARE) | {SAFE: SHARE * (len(ASSETS) - len(above))}
        return manifest.rebalance(ctx, targets, f"month end: above the 10-month mean: {', '.join(above) or 'none'}")
