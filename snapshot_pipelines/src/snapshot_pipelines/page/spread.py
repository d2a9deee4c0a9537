"""How the values of a feature are spread over the members, drawn beside those of the snapshot before."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from markupsafe import Markup
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.report import formats, svg
from quant_platform_kit.report.scales import Scale, TimeTick, round_values

from snapshot_pipelines.page.words import is_dollars, tick_text, value_text

__all__ = ["Spread", "spread"]

BINS, HEIGHT = 32, 120
EDGES = (1.0, 99.0)
"""Percentiles at the ends of the drawing: what lies beyond them is counted at the end."""
LABELS, CLOSEST, EDGE = 4, 0.2, 0.05
ROOM = 1.08


@dataclass(frozen=True, slots=True)
class Spread:
    """A drawing with the words beside it."""

    name: str
    known: str
    median: str
    before: str
    chart: Markup


def spread(name: str, values: FloatArray, before: FloatArray | None) -> Spread | None:
    """Return how values of members are spread; None where none is known.

    Parameters
    ----------
    values
        Of all members, NaN where it is unknown, shape (n,).
    before
        The same of the snapshot before, shape (m,); None without one.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    earlier = before[~np.isnan(before)] if before is not None else np.empty(0)
    places, low, high = _places(name, known, earlier)
    here, there = (_shares(places(found)) for found in (known, earlier))
    scale = Scale(0.0, ROOM * max(here.max(), there.max()))
    of_before = value_text(name, float(np.median(earlier))) if len(earlier) else ""
    words = f"known for {'all' if len(known) == len(values) else f'{len(known)} of'} {len(values)} members"
    median = value_text(name, float(np.median(known)))
    frame = svg.Frame(f"spread-{name}", f"{name}: how it is spread", f"Median {median}; {words}.", HEIGHT)
    bars = [
        _bar(at, scale.at(share), f"{formats.percent(share)} of members")
        for at, share in enumerate(here.tolist())
        if share
    ]
    line = [svg.plane(svg.line("peer", *_outline(there, scale)))] if len(earlier) else []
    axis = svg.time_axis(_ticks(name, places, low, high), rules=False)
    return Spread(name, words, median, of_before, svg.chart(frame, _floor(), *bars, *line, *axis))


class _Places:
    """Where values stand on the axis, 0 to 1; amounts by their logarithm."""

    def __init__(self, low: float, high: float, *, log: bool) -> None:
        self.scale = Scale(low, high, log=log)

    def __call__(self, values: FloatArray) -> FloatArray:
        if not len(values):
            return values
        return np.clip(self.scale(np.clip(values, self.scale.low, self.scale.high)), 0, 1)


def _places(name: str, known: FloatArray, earlier: FloatArray) -> tuple[_Places, float, float]:
    both = np.concatenate([known, earlier])
    log = is_dollars(name) and bool((both > 0).all())
    low, high = (float(edge) for edge in np.percentile(both, EDGES))
    if not high > low:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    return _Places(low, high, log=log), low, high


def _shares(places: FloatArray) -> FloatArray:
    counts, _ = np.histogram(places, bins=BINS, range=(0, 1))
    return counts / max(1, len(places))


def _bar(at: int, height: float, text: str) -> Element:
    box = {
        "class": "bar",
        "x": svg.share((at + 0.06) / BINS),
        "y": svg.share(1 - height),
        "width": svg.share(0.88 / BINS),
        "height": svg.share(height),
    }
    return svg.element("rect", box, svg.element("title", {}, text=text))


def _outline(shares: FloatArray, scale: Scale) -> tuple[FloatArray, FloatArray]:
    """Return the steps over the bars of the snapshot before."""
    edges = np.repeat(np.linspace(0, 1, BINS + 1), 2)[1:-1]
    return edges, np.repeat(scale(shares), 2)


def _floor() -> Element:
    return svg.element("line", {"class": "rule", "x1": "0", "x2": "100%", "y1": "100%", "y2": "100%"})


def _ticks(name: str, places: _Places, low: float, high: float) -> tuple[TimeTick, ...]:
    if places.scale.log:
        decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        values = [step * 10.0**power for power in decades for step in (1, 3)]
    else:
        values = round_values(low, high, LABELS)
    ticks: list[TimeTick] = []
    for value in values:
        place = places.scale.at(value)
        if EDGE <= place <= 1 - EDGE and (not ticks or place - ticks[-1].place >= CLOSEST):
            ticks.append(TimeTick(place, tick_text(name, value, values), minor=False))
    return tuple(ticks)
