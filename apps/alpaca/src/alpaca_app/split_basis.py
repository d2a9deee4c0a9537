"""Closes in the units of a session, whatever was split since: by the ratio of raw to split-adjusted daily closes.

Alpaca rounds adjusted prices, so a ratio is that of the splits only nearly. The ratio of two days is therefore taken
for the simplest fraction that the rounding leaves possible, and the raw close is divided by it: where nothing was split
between two days, a close stays as it was traded, to the last bit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from trading_playbook.dp20.bars import FloatArray

__all__ = ["closes_on_basis", "split_factor"]

MOST_PARTS = 100
"""Splits of more than so many parts, such as 1398 for 1000, are taken as the ratio says."""
ROUNDING = 5e-4
"""How far the ratio of rounded closes may be from that of the splits, as a share."""


def closes_on_basis(
    raw: Mapping[date, float], split: Mapping[date, float], days: Sequence[date], session: date
) -> FloatArray:
    """Return closes adjusted for splits, in the units of a session's own prices.

    Parameters
    ----------
    raw, split
        Closes as they were traded, and adjusted for all splits up to now.

    Returns
    -------
    FloatArray
        float64, NaN where a day has no close, shape (len(days),).
    """
    basis = _ratio_at(raw, split, session)
    return np.array([_close(raw, split, day, basis) for day in days], dtype=np.float64)


def split_factor(ratio: float) -> float:
    """Return into how many units one was split: the simplest fraction near a ratio; less than one where joined."""
    if ratio < 1:
        return 1 / split_factor(1 / ratio)
    for parts in range(1, MOST_PARTS + 1):
        near = round(ratio * parts) / parts
        if abs(near / ratio - 1) <= ROUNDING / parts:
            return near
    return ratio


def _ratio_at(raw: Mapping[date, float], split: Mapping[date, float], session: date) -> float:
    """Return raw to split-adjusted close of a session, or of the next one that has both; 1 after the newest."""
    known = sorted(raw.keys() & split.keys())
    at = bisect_left(known, session)
    return raw[known[at]] / split[known[at]] if at < len(known) else 1.0


def _close(raw: Mapping[date, float], split: Mapping[date, float], day: date, basis: float) -> float:
    if day not in raw or day not in split:
        return float("nan")
    return raw[day] / split_factor(raw[day] / split[day] / basis)
