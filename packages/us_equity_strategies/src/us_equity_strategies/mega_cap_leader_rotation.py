"""Mega cap leader rotation: the four strongest of the fifty most traded US stocks, each sized by its volatility."""

from typing import Annotated

import numpy as np
from pydantic import Field
from quant_platform_kit.domain.features import FeatureContract, FeatureSnapshot, FeatureTable, RankedRow
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from us_equity_strategies.cross_section.blocking import too_few, unusable
from us_equity_strategies.cross_section.config import Dollars, SelectionConfig
from us_equity_strategies.cross_section.eligibility import Rows, base_eligible, reads
from us_equity_strategies.cross_section.intent import SAFE, invest
from us_equity_strategies.cross_section.ranking import Ranking, largest_first
from us_equity_strategies.cross_section.regime import TREND
from us_equity_strategies.cross_section.selection import held, select
from us_equity_strategies.cross_section.zscores import zscores

__all__ = ["MegaCapLeaderRotation"]

MOMENTUM = ("mom_6_1", "mom_12_1")
VOLATILITY, TRADED = "vol_63", "dvol63_usd"
FEATURES = (*MOMENTUM, TREND, VOLATILITY, TRADED)


class MegaCapLeaderRotation:
    """Month end: the four leaders by momentum among the fifty most traded stocks, those in an uptrend only."""

    manifest = StrategyManifest(
        profile="mega_cap_leader_rotation",
        display_name="Mega Cap Leader Rotation",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.FEATURE_SNAPSHOT, InputName.PORTFOLIO_SNAPSHOT}),
        managed=(SAFE,),
        history_sessions=0,
        features=FeatureContract(reads(*FEATURES)),
        cadence=Cadence.MONTH_END,
        sources=(
            "Jegadeesh, Titman: Returns to Buying Winners and Selling Losers (1993), momentum that skips a month",
            "House strategy: leaders among the most traded stocks, sized to a target volatility",
        ),
    )

    class Config(SelectionConfig):
        """How many stocks are compared and held, and the volatility from which on less of one is held.

        The target is a year's deviation of returns; each of the ``holdings`` slots is worth an equal share of the base.
        """

        universe: Annotated[int, Field(ge=10, le=200)] = 50
        holdings: Annotated[int, Field(ge=1, le=20)] = 4
        keep_rank: Annotated[int, Field(le=40)] = 6
        target_vol: Annotated[float, Field(gt=0, le=2)] = 0.25
        min_adv20_usd: Dollars = 20e6

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        manifest = self.manifest
        if why := unusable(manifest, ctx):
            return manifest.blocked(ctx, why)
        table = ctx.feature_snapshot.table.ascending
        universe = _universe(table, config)
        if len(universe) < config.universe:
            return manifest.blocked(ctx, too_few(manifest, len(universe), config.universe))
        if not ctx.session.ends_month:
            return manifest.hold(ctx, "not the last session of a month")
        ranking = _ranking(table, universe)
        chosen = select(ranking, held(ctx.portfolio), config)
        shares = np.minimum(1.0, config.target_vol / ranking.column(VOLATILITY)[chosen]) / config.holdings
        counts = {"eligible": len(universe), "candidates": len(ranking.rows), "selected": len(chosen)}
        return invest(manifest, ctx, ranking, chosen, shares, counts)

    def ranking(self, snapshot: FeatureSnapshot, config: Config) -> list[RankedRow]:
        """Return the candidates by score, whatever is held."""
        table = snapshot.table.ascending
        return _ranking(table, _universe(table, config)).listed()


def _universe(table: FeatureTable, config: MegaCapLeaderRotation.Config) -> Rows:
    """Return the most traded of the eligible stocks."""
    rows = base_eligible(table, FEATURES, VOLATILITY, config.min_adv20_usd).nonzero()[0]
    return np.sort(rows[largest_first(table.columns[TRADED][rows])[: config.universe]])


def _ranking(table: FeatureTable, universe: Rows) -> Ranking:
    """Return those of the universe that trend up, by momentum compared with the whole universe."""
    z = zscores(np.stack([table.columns[name][universe] for name in MOMENTUM], axis=1))
    up = table.columns[TREND][universe] > 0
    return Ranking.of(table, universe[up], z.mean(axis=1)[up])
