"""Nasdaq and S&P 500 smart DCA: a monthly contribution, larger after a fall, smaller after a run-up; never sells."""

from decimal import Decimal

from pydantic import Field
from quant_platform_kit.domain.indicators import highest, sma
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from us_equity_strategies.config import ProfileConfig

__all__ = ["NasdaqSp500SmartDca"]

SYMBOLS = ("QQQ", "SPY")
HIGH_SESSIONS, MEAN_SESSIONS = 252, 200
CHEAP, DEAR = 0.90, 1.15
MORE, LESS = Decimal("1.5"), Decimal("0.5")


class NasdaqSp500SmartDca:
    """First session of a month: buy QQQ and SPY for half the amount each, times 1.5 when cheap and 0.5 when dear."""

    manifest = StrategyManifest(
        profile="nasdaq_sp500_smart_dca",
        display_name="Nasdaq & S&P 500 Smart DCA",
        target_mode=TargetMode.VALUE,
        required_inputs=frozenset({InputName.MARKET_HISTORY, InputName.PORTFOLIO_SNAPSHOT}),
        managed=SYMBOLS,
        history_sessions=HIGH_SESSIONS,
        cadence=Cadence.MONTH_START,
        sources=("House strategy: dollar-cost averaging scaled by the distance from high and mean",),
    )

    class Config(ProfileConfig):
        """The monthly contribution in the portfolio's currency."""

        monthly_amount: Decimal = Field(default=Decimal(1000), gt=0, le=10_000_000)

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        history, manifest = ctx.market_history, self.manifest
        if absent := history.without_bar(ctx.as_of, SYMBOLS):
            return manifest.blocked(ctx, f"no bar on {ctx.as_of}: {', '.join(absent)}")
        high, mean = highest(history, HIGH_SESSIONS), sma(history, MEAN_SESSIONS)
        if high is None or mean is None:
            return manifest.blocked(ctx, f"short history: {len(history)} sessions; needs {HIGH_SESSIONS}")
        columns = dict(zip(SYMBOLS, history.columns(SYMBOLS), strict=True))
        if unknown := [s for s, c in columns.items() if high[c] != high[c] or mean[c] != mean[c]]:
            return manifest.blocked(ctx, f"a bar is missing in the last {HIGH_SESSIONS} sessions: {', '.join(unknown)}")
        if not ctx.session.starts_month:
            return manifest.hold(ctx, "not the first session of a month")
        close = history.close[-1]
        share = config.monthly_amount / len(SYMBOLS)
        amounts = {s: share * _multiplier(float(close[c]), float(high[c]), float(mean[c])) for s, c in columns.items()}
        targets = {symbol: ctx.portfolio.value(symbol) + amount for symbol, amount in amounts.items()}
        reason = "month start: buy " + ", ".join(f"{symbol} for {amount:.2f}" for symbol, amount in amounts.items())
        return manifest.rebalance(ctx, targets, reason, buy_only=True, diagnostics={"amounts": amounts})


def _multiplier(close: float, high: float, mean: float) -> Decimal:
    if close < CHEAP * high:
        return MORE
    return LESS if close > DEAR * mean else Decimal(1)
