"""SVG that keeps its text readable at every width.

A chart is an ``<svg>`` without a view box: labels stand at percentages and keep their size in pixels, while lines and
areas live in a nested ``<svg>`` (the plane) that is stretched to the chart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, tostring

import numpy as np
from markupsafe import Markup

from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.report.scales import TimeTick

__all__ = ["Frame", "area", "chart", "element", "line", "plane", "share", "time_axis", "value_axis"]

WIDTH = 4000
HEIGHT = 2000
NEAR_EDGE = 0.99


@dataclass(frozen=True, slots=True)
class Frame:
    """What a chart is called and how high it is.

    Attributes
    ----------
    key
        Its name within the page, unique.
    title, description
        For readers who do not see it.
    height
        Of the plot without its labels, CSS pixels.
    """

    key: str
    title: str
    description: str
    height: int


def element(tag: str, attributes: Mapping[str, object], *children: Element, text: str | None = None) -> Element:
    """Return an element with its children or its text; every value is escaped when it is written."""
    made = Element(tag, {name: str(value) for name, value in attributes.items()})
    made.text = text
    made.extend(children)
    return made


def share(fraction: float) -> str:
    """Return a fraction as an SVG percentage."""
    return f"{100 * fraction:.2f}%"


def chart(frame: Frame, *children: Element) -> Markup:
    """Return the chart as markup, titled and described."""
    title, description = f"{frame.key}-title", f"{frame.key}-desc"
    attributes = {
        "class": "chart",
        "role": "img",
        "aria-labelledby": f"{title} {description}",
        "width": "100%",
        "height": frame.height,
    }
    named = (
        element("title", {"id": title}, text=frame.title),
        element("desc", {"id": description}, text=frame.description),
    )
    return Markup(tostring(element("svg", attributes, *named, *children), encoding="unicode"))


def plane(*children: Element) -> Element:
    """Return the stretched part of a chart."""
    box = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "preserveAspectRatio": "none", "width": "100%", "height": "100%"}
    return element("svg", box, *children)


def line(tone: str, x: FloatArray, y: FloatArray) -> Element:
    """Return a line through places (x to the right, y upwards), for a `plane`."""
    return element("polyline", {"class": f"line {tone}", "points": " ".join(_points(x, y))})


def area(tone: str, x: FloatArray, y: FloatArray, base: float = 0.0) -> Element:
    """Return the area between places and the horizontal at ``base``, for a `plane`."""
    corners = _points(np.array([x[-1], x[0]]), np.array([base, base]))
    return element("polygon", {"class": f"area {tone}", "points": " ".join([*_points(x, y), *corners])})


def _points(x: FloatArray, y: FloatArray) -> list[str]:
    """Return the points on the plane, without those in the middle of a level stretch."""
    across = np.rint(x * WIDTH).astype(np.int64)
    down = np.rint((1 - y) * HEIGHT).astype(np.int64)
    level = np.zeros(len(down), dtype=np.bool_)
    level[1:-1] = (down[1:-1] == down[:-2]) & (down[1:-1] == down[2:])
    return [f"{left},{top}" for left, top in zip(across[~level].tolist(), down[~level].tolist(), strict=True)]


def value_axis(ticks: Mapping[float, str]) -> list[Element]:
    """Return horizontal rules and their labels: place -> label."""
    drawn: list[Element] = []
    for place, label in ticks.items():
        at = share(1 - place)
        drawn.append(element("line", {"class": "rule", "x1": "0", "x2": "100%", "y1": at, "y2": at}))
        drawn.append(element("text", {"class": "y", "x": "-8", "y": at, "dy": "0.32em"}, text=label))
    return drawn


def time_axis(ticks: tuple[TimeTick, ...], *, rules: bool = True) -> list[Element]:
    """Return labels under the plot, and vertical rules through it."""
    drawn: list[Element] = []
    for tick in ticks:
        tone = "x minor" if tick.minor else "x"
        ends = " last" if tick.place > NEAR_EDGE else ""
        at = share(tick.place)
        if rules:
            drawn.append(element("line", {"class": f"rule {tone}", "x1": at, "x2": at, "y1": "0", "y2": "100%"}))
        drawn.append(element("text", {"class": tone + ends, "x": at, "y": "100%", "dy": "1.6em"}, text=tick.label))
    return drawn
