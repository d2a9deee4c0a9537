"""Which stocks of a snapshot a rule looks at."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.domain.features import IS_STOCK, FeatureTable

__all__ = ["SECTOR", "Mask", "Rows", "base_eligible", "reads"]

Mask = NDArray[np.bool_]
"""Which rows of a snapshot, shape (n,)."""
Rows = NDArray[np.intp]
"""Rows of a snapshot by number, or places in a ranking, shape (k,)."""


HISTORY, LIQUIDITY, SECTOR = "history", "adv20_usd", "sector_code"
LEAST_HISTORY = 274
"""Sessions without a gap that a stock needs: as many as the longest feature reads."""


def reads(*features: str) -> tuple[str, ...]:
    """Return the columns of a contract: what eligibility reads of every stock, then the rule's own features."""
    return (HISTORY, LIQUIDITY, *features)


def base_eligible(table: FeatureTable, features: Collection[str], volatility: str, least_liquidity: float) -> Mask:
    """Return which rows a rule may hold, shape (n,): an unknown value makes a row ineligible and nothing else.

    Parameters
    ----------
    features
        Columns that have to be known.
    volatility
        The one of them that has to be positive.
    least_liquidity
        Mean of price x volume over 20 sessions, in US dollars.
    """
    found = table.columns[HISTORY] >= LEAST_HISTORY
    for label in (IS_STOCK, "member", "primary"):
        found &= table.columns[label] == 1
    found &= table.columns[LIQUIDITY] >= least_liquidity
    for name in features:
        found &= np.isfinite(table.columns[name])
    return found & (table.columns[volatility] > 0)
