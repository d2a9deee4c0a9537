"""The regime of the market: how much of the base a rule dares to invest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from quant_platform_kit.domain.features import FeatureTable

from us_equity_strategies.cross_section.eligibility import Mask

__all__ = ["TREND", "Market", "Regime", "market"]

TREND = "sma200_gap"
"""The feature that tells whether a price stands above its mean of 200 sessions."""


class Regime(StrEnum):
    """How the market stands."""

    ON = "on"
    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Market:
    """How the market stands, and what that follows from.

    Attributes
    ----------
    trend
        Whether the benchmark stands above its mean of 200 sessions.
    breadth
        Share of the eligible stocks that stand above theirs.
    """

    regime: Regime
    trend: bool
    breadth: float

    @property
    def diagnostics(self) -> dict[str, object]:
        """The same as a decision tells it."""
        return {"regime": self.regime.value, "trend": self.trend, "breadth": round(self.breadth, 6)}


def market(table: FeatureTable, eligible: Mask, benchmark: str, *, soft: float, hard: float) -> Market:
    """Return how a benchmark and the eligible stocks stand.

    Parameters
    ----------
    eligible
        Which rows are eligible, shape (n,); at least one.
    benchmark
        A symbol of the rows whose trend is known.
    soft, hard
        Breadths below which the regime is soft, or hard where the benchmark does not trend up either.
    """
    trend = table[benchmark][TREND] > 0
    breadth = float((table.columns[TREND][eligible] > 0).mean())
    if not trend and breadth < hard:
        return Market(Regime.HARD, trend, breadth)
    return Market(Regime.SOFT if not trend or breadth < soft else Regime.ON, trend, breadth)
