"""Russell 1000 multi-factor defensive: momentum, low risk and quality within sectors; less of it in bad markets."""

from typing import Annotated

import numpy as np
from pydantic import Field
from quant_platform_kit.domain.features import FeatureContract, FeatureSnapshot, FeatureTable, RankedRow
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sectors import UNKNOWN_SECTOR
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from us_equity_strategies.cross_section.blocking import too_few, unusable
from us_equity_strategies.cross_section.caps import cap_groups, cap_names
from us_equity_strategies.cross_section.config import Dollars, NameCap, RegimeConfig, SectorCap, Share
from us_equity_strategies.cross_section.eligibility import SECTOR, Mask, Rows, base_eligible, reads
from us_equity_strategies.cross_section.intent import SAFE, invest
from us_equity_strategies.cross_section.ranking import Ranking
from us_equity_strategies.cross_section.regime import TREND, market
from us_equity_strategies.cross_section.selection import held, select
from us_equity_strategies.cross_section.zscores import zscores_within

__all__ = ["Russell1000MultiFactorDefensive"]

BENCHMARK = "SPY"
MOMENTUM = ("mom_6_1", "mom_12_1")
VOLATILITY, BETA = "vol_126", "beta_252"
QUALITY = ("return_on_equity", "gross_margins")
FEATURES = (*MOMENTUM, TREND, VOLATILITY, BETA)
MOMENTUM_SHARE, RISK_SHARE, QUALITY_SHARE = 0.5, 0.3, 0.2


class Russell1000MultiFactorDefensive:
    """Month end: the 30 best of large US stocks by momentum, low risk and quality, less of them in bad markets."""

    manifest = StrategyManifest(
        profile="russell_1000_multi_factor_defensive",
        display_name="Russell 1000 Multi-Factor Defensive",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.FEATURE_SNAPSHOT, InputName.PORTFOLIO_SNAPSHOT}),
        managed=(SAFE,),
        history_sessions=0,
        features=FeatureContract(reads(*FEATURES), (BENCHMARK,), (TREND,)),
        cadence=Cadence.MONTH_END,
        sources=(
            "Jegadeesh, Titman: Returns to Buying Winners and Selling Losers (1993), momentum that skips a month",
            "Frazzini, Pedersen: Betting Against Beta (2014), low risk within sectors",
            "House strategy: three factors within sectors, exposure by trend and breadth",
        ),
    )

    class Config(RegimeConfig):
        """How many stocks, their caps, and what share of the base is invested in each regime."""

        holdings: Annotated[int, Field(ge=10, le=60)] = 30
        keep_rank: Annotated[int, Field(le=120)] = 45
        max_per_sector: Annotated[int, Field(ge=1, le=60)] = 7
        name_cap: NameCap = 0.05
        sector_cap: SectorCap = 0.25
        exposure_on: Share = 1.0
        exposure_soft: Share = 0.6
        exposure_hard: Share = 0.2
        breadth_soft: Share = 0.55
        breadth_hard: Share = 0.35
        min_adv20_usd: Dollars = 20e6

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        manifest = self.manifest
        if why := unusable(manifest, ctx, BENCHMARK):
            return manifest.blocked(ctx, why)
        table = ctx.feature_snapshot.table.ascending
        eligible = _eligible(table, config)
        if (found := int(eligible.sum())) < config.holdings:
            return manifest.blocked(ctx, too_few(manifest, found, config.holdings))
        if not ctx.session.ends_month:
            return manifest.hold(ctx, "not the last session of a month")
        ranking = _ranking(table, eligible)
        chosen = select(ranking, held(ctx.portfolio), config, config.max_per_sector)
        now = market(table, eligible, BENCHMARK, soft=config.breadth_soft, hard=config.breadth_hard)
        shares = _sleeve(ranking, chosen, config) * config.exposure(now.regime)
        counts = {"eligible": found, "selected": len(chosen)}
        return invest(manifest, ctx, ranking, chosen, shares, {**now.diagnostics, **counts})

    def ranking(self, snapshot: FeatureSnapshot, config: Config) -> list[RankedRow]:
        """Return the eligible stocks by score, whatever is held."""
        table = snapshot.table.ascending
        return _ranking(table, _eligible(table, config)).listed()


def _eligible(table: FeatureTable, config: RegimeConfig) -> Mask:
    known_sector = table.columns[SECTOR] > UNKNOWN_SECTOR
    return base_eligible(table, FEATURES, VOLATILITY, config.min_adv20_usd) & known_sector


def _ranking(table: FeatureTable, eligible: Mask) -> Ranking:
    """Return all eligible stocks by momentum, low risk and, where the snapshot has them, quality figures."""
    rows = eligible.nonzero()[0]
    quality = [name for name in QUALITY if name in table.columns]
    factors = np.stack([table.columns[name][rows] for name in (*MOMENTUM, VOLATILITY, BETA, *quality)], axis=1)
    z = zscores_within(table.columns[SECTOR][rows], factors)
    score = MOMENTUM_SHARE * z[:, 0:2].mean(axis=1) - RISK_SHARE * z[:, 2:4].mean(axis=1)
    if quality:
        score += QUALITY_SHARE * z[:, 4:].sum(axis=1) / len(QUALITY)
    else:
        score /= MOMENTUM_SHARE + RISK_SHARE
    return Ranking.of(table, rows, score)


def _sleeve(ranking: Ranking, chosen: Rows, config: RegimeConfig) -> FloatArray:
    """Return shares of the invested part: the calmer a stock, the more of it, up to the caps."""
    calm = 1 / ranking.column(VOLATILITY)[chosen]
    return cap_groups(cap_names(calm / calm.sum(), config.name_cap), ranking.column(SECTOR)[chosen], config.sector_cap)
