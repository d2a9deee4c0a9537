"""A snapshot-backed profile in a file of its own, as its text: five stocks, ranked by momentum."""

from __future__ import annotations

__all__ = ["PROFILE", "RELEASE", "STOCKS"]

STOCKS = ("AAA", "BBB", "CCC", "DDD", "EEE")
RELEASE = "snapshot-pipelines 0.1.0+g1279be5"
"""What built the snapshots: code that was committed."""
PROFILE = '''
from pydantic import BaseModel, ConfigDict
from quant_platform_kit.domain.features import FeatureContract, RankedRow
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode


class Small:
    """Ranks by momentum."""

    manifest = StrategyManifest(
        profile="small",
        display_name="Small",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.FEATURE_SNAPSHOT, InputName.PORTFOLIO_SNAPSHOT}),
        managed=("BIL",),
        history_sessions=0,
        sources=("me",),
        features=FeatureContract(("mom_6_1", "vol_63"), ("SPY",), ("sma200_gap",)),
        cadence=Cadence.MONTH_END,
    )

    class Config(BaseModel):
        """One setting."""

        model_config = ConfigDict(frozen=True, extra="forbid")
        holdings: int = 2

    def evaluate(self, ctx, config):
        """Decide."""
        return self.manifest.hold(ctx)

    def ranking(self, snapshot, config):
        """Return the stocks by momentum."""
        scores = {symbol: snapshot.rows[symbol]["mom_6_1"] for symbol in snapshot.stocks}
        best = sorted(scores, key=lambda symbol: (-scores[symbol], symbol))
        return [RankedRow(rank, symbol, round(scores[symbol], 9)) for rank, symbol in enumerate(best, 1)]


class Silent(Small):
    """The same without a ranking."""

    ranking = property()
'''
