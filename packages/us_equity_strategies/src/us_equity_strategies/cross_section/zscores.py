"""How far values lie from the mean of their group, in deviations."""

from __future__ import annotations

import numpy as np
from quant_platform_kit.domain.prices import FloatArray

__all__ = ["zscores", "zscores_within"]

FARTHEST = 3.0
FLAT = 1e-12
"""A group whose deviation is smaller tells nothing apart: all its values are 0."""


def zscores(values: FloatArray) -> FloatArray:
    """Return (x - mean) / deviation (ddof 0) down axis 0, cut to [-3, 3]; 0 throughout where the deviation vanishes.

    Parameters
    ----------
    values
        Shape (n,) or (n, k) for k features at once. An unknown value (NaN) does not count, and gets 0.
    """
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    away = np.where(known, filled - filled.sum(axis=0) / count, 0.0)
    deviation = np.sqrt((away * away).sum(axis=0) / count)
    flat = deviation < FLAT
    return np.where(flat, 0.0, np.clip(away / np.where(flat, 1.0, deviation), -FARTHEST, FARTHEST))


def zscores_within(groups: FloatArray, values: FloatArray) -> FloatArray:
    """Return `zscores` of each group by itself.

    Parameters
    ----------
    groups
        The group of each row, shape (n,).
    values
        Shape (n,) or (n, k).
    """
    scores = np.zeros_like(values)
    for group in np.unique(groups):
        rows = groups == group
        scores[rows] = zscores(values[rows])
    return scores
