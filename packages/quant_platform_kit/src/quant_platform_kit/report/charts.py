"""The charts of the report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from xml.etree.ElementTree import Element

import numpy as np
from markupsafe import Markup

from quant_platform_kit.domain.performance import drawdown
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.report import formats, svg
from quant_platform_kit.report.curves import Bar, Curve, Rolling
from quant_platform_kit.report.figures import Band
from quant_platform_kit.report.scales import (
    Scale,
    TimeTick,
    log_scale,
    round_values,
    time_ticks,
    value_ticks,
)
from quant_platform_kit.report.thinning import thin, turning_points

__all__ = [
    "TimeAxis",
    "bar_chart",
    "drawdown_chart",
    "equity_chart",
    "holdings_chart",
    "rolling_chart",
]

FLAT = -0.01
LEAST_DEPTH = 0.0005
MOST_BAR_LABELS = 6
ROLLING_BUCKETS = 300
WIDEST_BAR = 0.12


class TimeAxis:
    """The sessions and their places from the first (0) to the last (1), by calendar days."""

    def __init__(self, sessions: Sequence[date]) -> None:
        self.sessions = sessions
        days = np.array([(session - sessions[0]).days for session in sessions], dtype=np.float64)
        self.places: FloatArray = days / days[-1]

    def drawn(self) -> list[Element]:
        """Return its marks and labels."""
        return svg.time_axis(time_ticks(self.sessions[0], self.sessions[-1]))


def equity_chart(axis: TimeAxis, curves: Sequence[Curve]) -> Markup:
    """Return the value of the account and its benchmark, on a log scale; the first curve lies on top."""
    lows, highs = zip(*((float(curve.values.min()), float(curve.values.max())) for curve in curves), strict=True)
    scale = log_scale(min(lows), max(highs))
    labels = {scale.at(tick): formats.compact(tick) for tick in value_ticks(scale)}
    ends = "; ".join(
        f"{curve.name} from {formats.money(curve.values[0])} to {formats.money(curve.values[-1])}" for curve in curves
    )
    frame = svg.Frame("equity", "Equity at each close, log scale", f"{ends}.", 340)
    lines = [_thinned(axis, curve, scale) for curve in reversed(curves)]
    return svg.chart(frame, *svg.value_axis(labels), *axis.drawn(), svg.plane(*lines))


def drawdown_chart(axis: TimeAxis, curves: Sequence[Curve]) -> Markup:
    """Return how far each curve is below its highest so far, with the deepest point of the first one marked."""
    falls = [Curve(curve.name, curve.tone, drawdown(curve.values)) for curve in curves]
    scale = Scale(1.18 * min(FLAT, *(float(fall.values.min()) for fall in falls)), 0.0)
    ticks = round_values(scale.low, 0.0, 4)
    labels = {scale.at(tick): formats.percent(tick, _decimals(ticks, 100)) for tick in ticks}
    depths = "; ".join(f"{fall.name} at worst {formats.percent(float(fall.values.min()))}" for fall in falls)
    frame = svg.Frame("drawdown", "Distance below the highest value so far", f"{depths}.", 220)
    own = falls[0]
    kept = thin(own.values)
    shade = svg.area(own.tone, axis.places[kept], scale(own.values[kept]), base=1.0)
    lines = [_thinned(axis, fall, scale) for fall in reversed(falls)]
    deepest = _deepest(axis, own, scale)
    return svg.chart(frame, *svg.value_axis(labels), *axis.drawn(), svg.plane(shade, *lines), *deepest)


def holdings_chart(axis: TimeAxis, bands: Sequence[Band]) -> Markup:
    """Return the bands stacked to 100 %, the first at the bottom."""
    kept = turning_points(np.column_stack([band.weights for band in bands]))
    tops = np.cumsum([band.weights[kept] for band in bands], axis=0)
    scale = Scale(0.0, 1.0)
    labels = {tick: formats.percent(tick, 0) for tick in (0.0, 0.25, 0.5, 0.75, 1.0)}
    means = "; ".join(f"{band.name} {formats.percent(float(band.weights.mean()))}" for band in bands)
    frame = svg.Frame("holdings", "Share of the equity by holding", f"On average: {means}.", 300)
    layers = [
        svg.area(band.tone, axis.places[kept], scale(top))
        for band, top in reversed(list(zip(bands, tops, strict=True)))
    ]
    return svg.chart(frame, svg.plane(*layers), *svg.value_axis(labels), *axis.drawn())


def bar_chart(key: str, title: str, bars: Sequence[Bar], unit: str = "") -> Markup:
    """Return a bar per year; ``unit`` follows the labels of the value axis."""
    scale = Scale(0.0, 1.05 * (max(bar.value for bar in bars) or 1.0))
    axis = {scale.at(tick): formats.compact(tick) + unit for tick in round_values(0.0, scale.high, 4)}
    described = "; ".join(f"{bar.name}: {bar.text}" for bar in bars)
    frame = svg.Frame(key, title, f"{described}.", 180)
    drawn = [_bar(i, len(bars), scale.at(bar.value), bar) for i, bar in enumerate(bars)]
    return svg.chart(frame, *svg.value_axis(axis), *drawn, *_bar_labels(bars))


def rolling_chart(axis: TimeAxis, chart: Rolling) -> Markup:
    """Return figures of the sessions before each, drawn where there are as many; NaN is passed over."""
    known = np.concatenate([curve.values[~np.isnan(curve.values)] for curve in chart.curves])
    room = 0.05 * float(known.max() - known.min()) or 0.05
    scale = Scale(float(known.min()) - room, float(known.max()) + room)
    ticks = round_values(scale.low, scale.high, 4)
    labels = {scale.at(tick): chart.written(tick, _decimals(ticks, chart.factor)) for tick in ticks}
    ends = "; ".join(f"{curve.name} at the end {chart.written(float(curve.values[-1]), 2)}" for curve in chart.curves)
    frame = svg.Frame(chart.key, chart.title, f"{ends}.", 180)
    lines = [_rolling(axis, curve, scale) for curve in reversed(chart.curves)]
    return svg.chart(frame, *svg.value_axis(labels), *axis.drawn(), svg.plane(*lines))


def _rolling(axis: TimeAxis, curve: Curve, scale: Scale) -> Element:
    known = ~np.isnan(curve.values)
    values, places = curve.values[known], axis.places[-len(curve.values) :][known]
    kept = thin(values, ROLLING_BUCKETS)
    return svg.line(curve.tone, places[kept], scale(values[kept]))


def _thinned(axis: TimeAxis, curve: Curve, scale: Scale) -> Element:
    kept = thin(curve.values)
    return svg.line(curve.tone, axis.places[kept], scale(curve.values[kept]))


def _deepest(axis: TimeAxis, fall: Curve, scale: Scale) -> list[Element]:
    """Return a mark and a label at the lowest point; nothing when that rounds to 0.0 %."""
    lowest = int(fall.values.argmin())
    depth = float(fall.values[lowest])
    if depth > -LEAST_DEPTH:
        return []
    place = float(axis.places[lowest])
    side = "first" if place < 0.05 else "last" if place > 0.95 else ""
    at = {"x": svg.share(place), "y": svg.share(1 - scale.at(depth))}
    dot = svg.element("circle", {"class": fall.tone, "cx": at["x"], "cy": at["y"], "r": 3})
    text = {"class": f"mark {side}", **at, "dy": "1.4em"}
    return [dot, svg.element("text", text, text=formats.percent(depth))]


def _bar(place: int, count: int, height: float, bar: Bar) -> Element:
    width = min(0.72 / count, WIDEST_BAR)
    box = {
        "class": "bar",
        "x": svg.share((place + 0.5) / count - width / 2),
        "y": svg.share(1 - height),
        "width": svg.share(width),
        "height": svg.share(height),
    }
    return svg.element("rect", box, svg.element("title", {}, text=f"{bar.name}: {bar.text}"))


def _bar_labels(bars: Sequence[Bar]) -> list[Element]:
    every = -(-len(bars) // MOST_BAR_LABELS)
    ticks = [TimeTick((i + 0.5) / len(bars), bar.name, minor=False) for i, bar in enumerate(bars)][::every]
    return svg.time_axis(tuple(ticks), rules=False)


def _decimals(ticks: Sequence[float], factor: float) -> int:
    """Return how many decimals tell the ticks x factor apart."""
    return next((n for n in range(4) if all(round(tick * factor, n) == round(tick * factor, 9) for tick in ticks)), 4)
