"""The charts of a sweep."""

from __future__ import annotations

from markupsafe import Markup

from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sweeping import Sweep
from quant_platform_kit.report import formats, svg
from quant_platform_kit.report.scales import Scale, TimeTick, round_values

__all__ = ["scatter_chart"]

AIR = 0.06
SMALL, LARGE = 3, 6


def scatter_chart(found: Sweep, inside: FloatArray, outside: FloatArray) -> Markup:
    """Return each trial as a point, its Sharpe ratio before the split to the right, after it upwards."""
    across, up = _scale(inside), _scale(outside)
    labels = {up.at(tick): formats.compact(tick) for tick in round_values(up.low, up.high)}
    ticks = tuple(
        TimeTick(across.at(tick), formats.compact(tick), minor=place % 2 == 1)
        for place, tick in enumerate(round_values(across.low, across.high))
    )
    order = [*(one for one in range(len(inside)) if one != found.best), found.best]
    points = [
        svg.element(
            "circle",
            {
                "class": "best" if one == found.best else "own",
                "cx": svg.share(across.at(float(inside[one]))),
                "cy": svg.share(1 - up.at(float(outside[one]))),
                "r": LARGE if one == found.best else SMALL,
            },
        )
        for one in order
    ]
    best, after = float(inside[found.best]), float(outside[found.best])
    told = f"The best before the split, {formats.number(best, 2)}, has {formats.number(after, 2)} after it."
    frame = svg.Frame("scatter", "Sharpe ratio before and after the split", told, 300)
    return svg.chart(frame, *svg.value_axis(labels), *svg.time_axis(ticks), *points)


def _scale(values: FloatArray) -> Scale:
    low, high = float(values.min()), float(values.max())
    room = AIR * (high - low) or 0.5
    return Scale(low - room, high + room)
