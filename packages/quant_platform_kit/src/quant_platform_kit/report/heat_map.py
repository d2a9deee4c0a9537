"""Sharpe ratios over two settings of a sweep, as the rows of a table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sweeping import Sweep
from quant_platform_kit.report import formats
from quant_platform_kit.report.tables import HeatCell

__all__ = ["HeatMap", "heat_map"]

MOST = 10
"""Rows and columns: more values are put together."""
STEPS = 4
NONE = HeatCell("", "", "none")


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Means of Sharpe ratios.

    Attributes
    ----------
    across, down
        The settings; ``down`` is empty where only one differs.
    columns
        The values across, or the first of those that are put together.
    rows
        The value down, its cells, and its mean.
    together
        Whether values are put together.
    """

    across: str
    down: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...], HeatCell], ...]
    together: bool


@dataclass(frozen=True, slots=True)
class _Bins:
    """The values of a setting: first value of each bin, and the bin of each trial."""

    name: str
    labels: tuple[str, ...]
    of: tuple[int, ...]
    together: bool


def heat_map(found: Sweep) -> HeatMap:
    """Return the mean Sharpe ratio, in the sessions chosen on, by the two settings that have the most values."""
    bins = sorted((_bins(found, name) for name in found.varied), key=lambda each: -len(each.labels))
    across, down = bins[0], bins[1] if len(bins) > 1 else _Bins("", ("all",), (0,) * len(found.trials), False)
    sums, counts = np.zeros((2, len(down.labels), len(across.labels)))
    np.add.at(sums, (down.of, across.of), found.inside)
    np.add.at(counts, (down.of, across.of), 1)
    means = np.divide(sums, counts, out=np.full_like(sums, math.nan), where=counts > 0)
    middle = float(np.nanmedian(means))
    farthest = float(np.nanmax(np.abs(means - middle)))
    rows = tuple(
        (label, tuple(_cell(mean, middle, farthest) for mean in row.tolist()), _total(row))
        for label, row in zip(down.labels, means, strict=True)
    )
    return HeatMap(across.name, down.name, across.labels, rows, across.together or down.together)


def _bins(found: Sweep, name: str) -> _Bins:
    values = [_order(trial.config[name]) for trial in found.trials]
    distinct = sorted(set(values))
    count = min(MOST, len(distinct))
    place = {value: number * count // len(distinct) for number, value in enumerate(distinct)}
    firsts = {group: value for value, group in reversed(place.items())}
    labels = tuple(_label(firsts[group]) for group in range(count))
    return _Bins(name, labels, tuple(place[value] for value in values), len(distinct) > MOST)


def _order(value: object) -> tuple[float, str]:
    """Return what values are sorted by: numbers by their size, all else by its text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), ""
    return math.inf, str(value)


def _label(value: tuple[float, str]) -> str:
    return value[1] or f"{value[0]:.4g}".replace("-", formats.MINUS)


def _cell(mean: float, middle: float, farthest: float) -> HeatCell:
    if math.isnan(mean):
        return NONE
    strength = round(STEPS * abs(mean - middle) / farthest) if farthest else 0
    return _in_words(mean, f"{'up' if mean > middle else 'down'}{strength}" if strength else "level")


def _total(row: FloatArray) -> HeatCell:
    return _in_words(float(np.nanmean(row)), "")


def _in_words(mean: float, tone: str) -> HeatCell:
    text = formats.number(mean, 2)
    return HeatCell(text, text.replace("0.", ".", 1) if abs(mean) < 1 else text, tone)
