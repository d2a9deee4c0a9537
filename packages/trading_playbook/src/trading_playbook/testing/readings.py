"""Figures at the bounds of the alerts and right beside them, for every kind of alert."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

from trading_playbook.figures import figures
from trading_playbook.observe.readings import Readings

__all__ = ["LAST", "SHOWN", "readings"]

LAST = date(2025, 3, 31)
SHOWN = {"errors": (0.05, math.nextafter(0.05, 1)), "idle": (4, 5), "slow": (600.0, math.nextafter(600, 601))}
"""By bound, a figure that does not alert and the next one that does."""


def readings(**changes: object) -> Readings:
    """Return figures that alert nobody, but for those that are given."""
    quiet = Readings("QQQ", LAST, figures([], LAST), 0.0, 1.0, 0.25, 2, 0.75, 0, 1)
    return replace(quiet, **changes)  # type: ignore[arg-type]
