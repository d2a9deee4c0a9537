"""Tech and communication pullback: leaders of two sectors, preferred after a fall of measured depth."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator
from quant_platform_kit.domain.features import FeatureContract, FeatureSnapshot, FeatureTable, RankedRow
from quant_platform_kit.domain.sectors import SECTOR_CODES, SECTOR_NAMES, UNKNOWN_SECTOR
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from us_equity_strategies.cross_section.blocking import too_few, unusable
from us_equity_strategies.cross_section.caps import cap_groups
from us_equity_strategies.cross_section.config import RegimeConfig
from us_equity_strategies.cross_section.eligibility import SECTOR, Mask, base_eligible, reads
from us_equity_strategies.cross_section.intent import SAFE, invest
from us_equity_strategies.cross_section.ranking import Ranking
from us_equity_strategies.cross_section.regime import TREND, market
from us_equity_strategies.cross_section.selection import held, select
from us_equity_strategies.cross_section.zscores import zscores

__all__ = ["TechCommunicationPullbackEnhancement"]

MOMENTUM_12, MOMENTUM_6, NEAR, HIGH = "mom_12_1", "mom_6_1", "sma20_gap", "high_63_gap"
VOLATILITY = "vol_63"
FEATURES = (MOMENTUM_6, MOMENTUM_12, NEAR, TREND, HIGH, VOLATILITY)
SHARES = np.array([0.35, 0.25, 0.25, 0.15])
"""Of a score: twelve months, six months, depth of the fall, distance from the mean of 20 sessions."""

_KNOWN = tuple(name for code, name in SECTOR_NAMES.items() if code != UNKNOWN_SECTOR)


class TechCommunicationPullbackEnhancement:
    """Month end: leaders of the sectors in its file that have fallen by a measured depth, less in bad markets."""

    manifest = StrategyManifest(
        profile="tech_communication_pullback_enhancement",
        display_name="Tech & Communication Pullback Enhancement",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.FEATURE_SNAPSHOT, InputName.PORTFOLIO_SNAPSHOT}),
        managed=(SAFE,),
        history_sessions=0,
        features=FeatureContract(reads(*FEATURES), ("QQQ",), (TREND,)),
        cadence=Cadence.MONTH_END,
        sources=(
            "Jegadeesh, Titman: Returns to Buying Winners and Selling Losers (1993), momentum that skips a month",
            "House strategy: leaders of two sectors after a pullback, exposure by trend and breadth",
        ),
    )

    class Config(RegimeConfig):
        """All of it stands in a file, so that no default decides what is traded.

        Attributes
        ----------
        sectors
            Names of the GICS sectors whose stocks are looked at.
        pullback_depth
            The fall from the highest close of 63 sessions that is liked best, as a share.
        pullback_limit
            The fall from which on a stock is no candidate.
        """

        profile: Literal["tech_communication_pullback_enhancement"]
        benchmark: Literal["QQQ", "SPY"]
        sectors: Annotated[tuple[str, ...], Field(min_length=1)]
        holdings: Annotated[int, Field(ge=1, le=60)]
        keep_rank: Annotated[int, Field(le=120)]
        pullback_depth: Annotated[float, Field(ge=0, le=0.5)]
        pullback_limit: Annotated[float, Field(lt=1)]

        @field_validator("sectors")
        @classmethod
        def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
            if unknown := [name for name in names if not SECTOR_CODES.get(name)]:
                raise ValueError(f"{unknown[0]!r} is no GICS sector; known: {', '.join(_KNOWN)}")
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{twice[0]!r} stands in it twice")
            return names

        @field_validator("pullback_limit")
        @classmethod
        def _lies_beyond_the_depth(cls, limit: float, info: ValidationInfo) -> float:
            if limit <= (depth := info.data.get("pullback_depth", 0.0)):
                raise ValueError(f"it is larger than pullback_depth, {depth}")
            return limit

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        manifest = self.manifest
        if why := unusable(manifest, ctx, config.benchmark):
            return manifest.blocked(ctx, why)
        table = ctx.feature_snapshot.table.ascending
        eligible = _eligible(table, config)
        if (found := int(eligible.sum())) < config.holdings:
            return manifest.blocked(ctx, too_few(manifest, found, config.holdings))
        if not ctx.session.ends_month:
            return manifest.hold(ctx, "not the last session of a month")
        ranking = _ranking(table, eligible, config)
        chosen = select(ranking, held(ctx.portfolio), config, config.max_per_sector)
        now = market(table, eligible, config.benchmark, soft=config.breadth_soft, hard=config.breadth_hard)
        each = min(config.name_cap, config.exposure(now.regime) / config.holdings)
        shares = cap_groups(np.full(len(chosen), each), ranking.column(SECTOR)[chosen], config.sector_cap)
        counts = {"eligible": found, "candidates": len(ranking.rows), "selected": len(chosen)}
        return invest(manifest, ctx, ranking, chosen, shares, {**now.diagnostics, **counts})

    def ranking(self, snapshot: FeatureSnapshot, config: Config) -> list[RankedRow]:
        """Return the candidates by score, whatever is held."""
        table = snapshot.table.ascending
        return _ranking(table, _eligible(table, config), config).listed()


def _eligible(table: FeatureTable, config: TechCommunicationPullbackEnhancement.Config) -> Mask:
    codes = [SECTOR_CODES[name] for name in config.sectors]
    return base_eligible(table, FEATURES, VOLATILITY, config.min_adv20_usd) & np.isin(table.columns[SECTOR], codes)


def _ranking(table: FeatureTable, eligible: Mask, config: TechCommunicationPullbackEnhancement.Config) -> Ranking:
    """Return those eligible that trend up and have not fallen too far, compared with all that are eligible."""
    rows = eligible.nonzero()[0]
    high = table.columns[HIGH][rows]
    pull = -np.abs(high + config.pullback_depth)
    twelve, six, near = (table.columns[name][rows] for name in (MOMENTUM_12, MOMENTUM_6, NEAR))
    score = (zscores(np.stack([twelve, six, pull, near], axis=1)) * SHARES).sum(axis=1)
    candidates = (table.columns[TREND][rows] > 0) & (high > -config.pullback_limit)
    return Ranking.of(table, rows[candidates], score[candidates])
