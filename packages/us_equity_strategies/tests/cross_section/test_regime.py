"""The regime out of trend and breadth."""

from __future__ import annotations

import numpy as np
import pytest
from quant_platform_kit.domain.features import FeatureTable
from us_equity_strategies.cross_section.regime import Market, Regime, market

COUNT = 20


def stands(gap: float, above: int) -> Market:
    """Return the market of a benchmark with this gap and so many of twenty eligible stocks above their mean."""
    gaps = [0.01] * above + [-0.01] * (COUNT - above)
    table = FeatureTable([*(f"A{n:02}" for n in range(COUNT)), "SPY", "Z"], {"sma200_gap": np.array([*gaps, gap, 9.0])})
    return market(table, np.arange(COUNT + 2) < COUNT, "SPY", soft=0.55, hard=0.35)


@pytest.mark.parametrize(
    ("gap", "above", "regime"),
    [
        (0.01, 12, Regime.ON),
        (0.01, 11, Regime.ON),
        (0.01, 10, Regime.SOFT),
        (0.01, 0, Regime.SOFT),
        (0.0, 12, Regime.SOFT),
        (-0.01, 20, Regime.SOFT),
        (-0.01, 7, Regime.SOFT),
        (-0.01, 6, Regime.HARD),
        (0.0, 6, Regime.HARD),
    ],
)
def test_trend_and_breadth_make_the_regime_and_a_bound_is_on_the_good_side(
    gap: float, above: int, regime: Regime
) -> None:
    found = stands(gap, above)
    assert found.regime is regime
    assert found.diagnostics == {"regime": regime.value, "trend": gap > 0, "breadth": above / COUNT}


def test_a_stock_on_its_mean_does_not_stand_above_it() -> None:
    table = FeatureTable(["A", "B", "SPY"], {"sma200_gap": np.array([0.0, 0.1, 0.1])})
    assert market(table, np.array([True, True, False]), "SPY", soft=0.5, hard=0.4).breadth == 0.5
