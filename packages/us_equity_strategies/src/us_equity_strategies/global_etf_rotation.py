"""Global ETF rotation: quarterly top two of 22 ETFs by 13612W momentum, with canaries that call off risk any day."""

from quant_platform_kit.domain.indicators import momentum_13612w
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from us_equity_strategies.config import ProfileConfig

__all__ = ["GlobalEtfRotation"]

POOL = tuple(sorted("QQQ IWM EFA EEM EWJ VNQ TLT IEF LQD HYG GLD DBC XLK XLF XLE XLV XLI XLY XLP XLU XLB SMH".split()))
CANARIES = ("SPY", "EFA", "EEM", "AGG")
SAFE = "BIL"
SLOTS = 2
HELD_BONUS = 0.02
TREND_SESSIONS = 200


class GlobalEtfRotation:
    """Quarter end: the two best scores above their 200-day mean; any day: all in BIL when every canary is bad."""

    manifest = StrategyManifest(
        profile="global_etf_rotation",
        display_name="Global ETF Rotation",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY, InputName.PORTFOLIO_SNAPSHOT}),
        managed=(*POOL, SAFE),
        watched=CANARIES,
        optional=frozenset({*POOL, *CANARIES}),
        history_sessions=299,
        cadence=Cadence.QUARTER_END,
        sources=(
            "Keller, Keuning: Breadth Momentum and Vigilant Asset Allocation (2017), momentum 13612W and canaries",
        ),
    )

    class Config(ProfileConfig):
        """No settings."""

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide; a symbol with an unknown value counts as bad (canary) or ineligible (pool)."""
        history = ctx.market_history
        momentum = momentum_13612w(history)
        if momentum is None or len(history) < TREND_SESSIONS:
            return self.manifest.blocked(ctx, f"short history: {len(history)} sessions; needs 200 and 12 month ends")
        if history.last_session != ctx.as_of:
            return self.manifest.blocked(ctx, f"prices end on {history.last_session}")
        if not any(momentum[history.column(canary)] >= 0 for canary in CANARIES):
            return self.manifest.rebalance(ctx, {SAFE: 1.0}, "emergency: every canary's 13612W is negative or unknown")
        if not ctx.session.ends_quarter:
            return self.manifest.hold(ctx, "not the last session of a quarter")
        return self._rotate(ctx, momentum)

    def _rotate(self, ctx: StrategyContext, momentum: FloatArray) -> StrategyDecision:
        history = ctx.market_history
        above = history.close[-1] > history.close[-TREND_SESSIONS:].mean(axis=0)
        held = {position.symbol for position in ctx.portfolio.positions}
        scores = {
            symbol: float(momentum[column]) + (HELD_BONUS if symbol in held else 0.0)
            for symbol, column in zip(POOL, history.columns(POOL), strict=True)
            if above[column] and momentum[column] == momentum[column]
        }
        chosen = sorted(scores, key=lambda symbol: (-scores[symbol], symbol))[:SLOTS]
        targets = {symbol: 1 / SLOTS for symbol in chosen}
        if empty := SLOTS - len(chosen):
            targets[SAFE] = empty / SLOTS
        reason = "quarter end: " + (", ".join(f"{symbol} {scores[symbol]:.4f}" for symbol in chosen) or "none eligible")
        return self.manifest.rebalance(ctx, targets, reason, diagnostics={"scores": scores})
