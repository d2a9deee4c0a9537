"""What a pointer reads from the charts, as JSON types for the page's script."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import numpy as np

from quant_platform_kit.domain.performance import drawdown
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.report.charts import TimeAxis
from quant_platform_kit.report.curves import Curve, Rolling
from quant_platform_kit.report.figures import Band
from quant_platform_kit.report.thinning import turning_points

__all__ = ["curve_readings", "holdings_readings", "rolling_readings"]

SMALL_MONEY = 10_000
MONEY, PERCENT = "", "%"
"""Units, as the script knows them; any other is a plain number."""


def curve_readings(axis: TimeAxis, curves: Sequence[Curve]) -> dict[str, object]:
    """Return every session's values and distances below the high: even rows for equity, odd rows for drawdowns."""
    rows: list[dict[str, object]] = []
    for curve in curves:
        rows.append(_row(curve.name, curve.tone, MONEY, _amounts(curve.values)))
        rows.append(_row("below its high", curve.tone, PERCENT, _percents(drawdown(curve.values))))
    return _reading(axis, axis.sessions, rows, zeros=True)


def holdings_readings(axis: TimeAxis, bands: Sequence[Band]) -> dict[str, object]:
    """Return the weights at the drawn sessions, for the holdings chart."""
    kept = turning_points(np.column_stack([band.weights for band in bands]))
    places: list[int] = kept.tolist()
    rows = [_row(band.name, band.tone, PERCENT, _percents(band.weights[kept])) for band in bands]
    return _reading(axis, [axis.sessions[i] for i in places], rows, zeros=False)


def rolling_readings(axis: TimeAxis, charts: Sequence[Rolling]) -> dict[str, object]:
    """Return the values of rolling figures, chart after chart, in the sessions that have them."""
    rows = [
        _row(f"{chart.title}, {curve.name}", curve.tone, chart.unit, _figures(curve.values, chart.unit))
        for chart in charts
        for curve in chart.curves
    ]
    return _reading(axis, axis.sessions[-len(charts[0].curves[0].values) :], rows, zeros=True)


def _row(name: str, tone: str, unit: str, values: Sequence[float | None]) -> dict[str, object]:
    return {"name": name, "tone": tone, "unit": unit, "values": values}


def _amounts(values: FloatArray) -> list[float]:
    rounded = np.round(values, 0 if values.max() >= SMALL_MONEY else 2)
    listed: list[float] = rounded.tolist()
    return [int(value) if value == int(value) else value for value in listed]


def _percents(values: FloatArray) -> list[float]:
    listed: list[float] = (np.round(100 * values, 1) + 0.0).tolist()
    return listed


def _figures(values: FloatArray, unit: str) -> list[float | None]:
    rounded: list[float] = np.round(100 * values if unit == PERCENT else values, 2).tolist()
    return [None if value != value else value for value in rounded]


def _reading(
    axis: TimeAxis, sessions: Sequence[date], rows: list[dict[str, object]], *, zeros: bool
) -> dict[str, object]:
    """Return the sessions as a start and the days from one to the next, the rows, and whether to show their zeros."""
    days = [session.toordinal() for session in sessions]
    gaps = [0, *(after - before for before, after in pairwise(days))]
    ends = {"first": axis.sessions[0].isoformat(), "last": axis.sessions[-1].isoformat()}
    return {**ends, "start": sessions[0].isoformat(), "gaps": gaps, "rows": rows, "zeros": zeros}
