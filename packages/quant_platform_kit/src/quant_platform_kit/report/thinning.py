"""Fewer points to draw, and the same picture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.prices import FloatArray

__all__ = ["thin", "turning_points"]

EVENLY = 500
TURNS = 250


def thin(values: FloatArray, buckets: int = 700) -> NDArray[np.int64]:
    """Return at most 2 x buckets + 2 ascending indices: the ends, and the lowest and highest value of each bucket."""
    n = len(values)
    if n <= 2 * buckets:
        return np.arange(n)
    edges = np.linspace(0, n, buckets + 1).astype(np.int64)
    kept = {0, n - 1}
    for start, stop in pairwise(edges.tolist()):
        part = values[start:stop]
        kept |= {start + int(part.argmin()), start + int(part.argmax())}
    return np.array(sorted(kept))


def turning_points(weights: FloatArray) -> NDArray[np.int64]:
    """Return ascending indices to draw weights (n, k) at: evenly spread ones, and both sides of the largest moves."""
    n = len(weights)
    moves = np.abs(np.diff(weights, axis=0)).sum(axis=1)
    turns = np.argsort(-moves, kind="stable")[:TURNS]
    spread = np.arange(0, n, -(-n // EVENLY))
    return np.unique(np.concatenate((spread, turns, turns + 1, [n - 1])))
