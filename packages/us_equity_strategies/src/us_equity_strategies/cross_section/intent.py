"""From shares of stocks to a decision: what is not in stocks is in T-bills."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.strategy import StrategyContext, StrategyDecision, StrategyManifest

from us_equity_strategies.cross_section.eligibility import Rows
from us_equity_strategies.cross_section.ranking import Ranking

__all__ = ["SAFE", "invest"]

SAFE = "BIL"


def invest(
    manifest: StrategyManifest,
    ctx: StrategyContext,
    ranking: Ranking,
    chosen: Rows,
    shares: FloatArray,
    diagnostics: Mapping[str, object],
) -> StrategyDecision:
    """Return the REBALANCE to some stocks and T-bills.

    Parameters
    ----------
    chosen
        Places in the ranking, shape (n,).
    shares
        Of the base, shape (n,), with a sum of 1 at most.
    """
    symbols: list[str] = [ranking.symbols[place] for place in chosen.tolist()]
    targets: dict[str, float] = dict(zip(symbols, shares.tolist(), strict=True))
    targets[SAFE] = max(0.0, 1.0 - fsum(targets.values()))
    reason = "month end: " + ", ".join(f"{name} {value}" for name, value in diagnostics.items())
    return manifest.rebalance(ctx, targets, reason, f"chosen: {', '.join(symbols) or 'none'}", diagnostics=diagnostics)
