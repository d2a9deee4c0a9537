"""Snapshots that nothing can be decided on, in words."""

from __future__ import annotations

from quant_platform_kit.domain.features import FeatureSnapshot, FeatureTable
from quant_platform_kit.domain.strategy import StrategyContext, StrategyManifest

from us_equity_strategies.cross_section.regime import TREND

__all__ = ["too_few", "unusable"]


def unusable(manifest: StrategyManifest, ctx: StrategyContext, benchmark: str | None = None) -> str | None:
    """Return why nothing can be decided on the snapshot in a context, with what to do; None if it can.

    Parameters
    ----------
    benchmark
        The symbol whose trend has to be known, for a rule that reads one.
    """
    why = _why_not(ctx.feature_snapshot, ctx, benchmark)
    return f"feature snapshot {manifest.profile}: {why}" if why else None


def _why_not(snapshot: FeatureSnapshot | None, ctx: StrategyContext, benchmark: str | None) -> str | None:
    if snapshot is None:
        return f"there is none for {ctx.as_of}; build and publish it"
    return _untimely(snapshot, ctx) or (_unknown_trend(snapshot.table, benchmark) if benchmark else None)


def _untimely(snapshot: FeatureSnapshot, ctx: StrategyContext) -> str | None:
    as_of, due = snapshot.as_of, snapshot.newest_due
    if as_of > ctx.as_of:
        return f"as_of {as_of} is after the session decided on, {ctx.as_of}; publish that of {ctx.as_of}"
    if due is not None and as_of < due:
        behind = f"{snapshot.age} sessions before {ctx.as_of}"
        return f"stale: as_of {as_of} is {behind}; the newest month end is {due}; build and publish it"
    if ctx.session.ends_month and as_of != ctx.as_of:
        return f"as_of {as_of} is not {ctx.as_of}, the month end decided on; build and publish it"
    return None


def _unknown_trend(table: FeatureTable, benchmark: str) -> str | None:
    if benchmark not in table:
        return f"no row for {benchmark}; build it with the prices of {benchmark}"
    trend = table[benchmark][TREND]
    return f"{TREND} of {benchmark} is unknown; build it with 200 sessions of {benchmark}" if trend != trend else None


def too_few(manifest: StrategyManifest, found: int, needed: int) -> str:
    """Return why nothing can be decided with so few eligible stocks."""
    return (
        f"feature snapshot {manifest.profile}: {found} stocks are eligible, {needed} are needed; look at its coverage "
        "and rebuild it"
    )
