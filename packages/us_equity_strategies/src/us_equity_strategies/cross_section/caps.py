"""How much of a portfolio one name and one sector may be."""

from __future__ import annotations

import numpy as np
from quant_platform_kit.domain.prices import FloatArray

__all__ = ["cap_groups", "cap_names"]


def cap_names(weights: FloatArray, cap: float) -> FloatArray:
    """Return weights of which none is above ``cap``: the excess goes to those below in proportion to their weight.

    Parameters
    ----------
    weights
        Shape (n,), positive.

    Returns
    -------
    shape (n,), with the same sum; a smaller one where all are at the cap.
    """
    capped = np.zeros(len(weights), dtype=bool)
    total, now = weights.sum(), weights
    while (above := ~capped & (now > cap)).any():
        capped |= above
        rest = total - cap * capped.sum()
        now = np.where(capped, cap, weights * (rest / weights[~capped].sum()) if not capped.all() else cap)
    return now


def cap_groups(weights: FloatArray, groups: FloatArray, cap: float) -> FloatArray:
    """Return weights of which no group has more than ``cap``: one that has is scaled to it, the excess goes nowhere.

    Parameters
    ----------
    weights
        Shape (n,).
    groups
        The group of each weight, shape (n,).
    """
    capped = weights.copy()
    for group in np.unique(groups):
        rows = groups == group
        if (total := weights[rows].sum()) > cap:
            capped[rows] *= cap / total
    return capped
