"""Where values and dates fall on an axis, and which of them get a label. A place on an axis is a fraction, 0 to 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from quant_platform_kit.domain.prices import FloatArray

__all__ = ["Scale", "TimeTick", "log_scale", "round_values", "time_ticks", "value_ticks"]

FEWEST_TICKS = 3
MOST_TIME_TICKS = 10
MOST_PHONE_TICKS = 4
MOST_VALUE_TICKS = 8
CLOSEST = 0.07
MOVED_AT_LEAST = 1e-9
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from ``low`` (0) to ``high`` (1), logarithmic if asked; values in, fractions out."""

    low: float
    high: float
    log: bool = False

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return the place of each value."""
        if self.log:
            return np.log(values / self.low) / math.log(self.high / self.low)
        return (values - self.low) / (self.high - self.low)

    def at(self, value: float) -> float:
        """Return the place of one value."""
        return float(self(np.array([value]))[0])


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A labelled date; ``minor`` ones are left out where the page is narrow."""

    place: float
    label: str
    minor: bool


def log_scale(low: float, high: float, margin: float = 0.05) -> Scale:
    """Return a logarithmic scale with some air around low..high, both above zero."""
    if math.log(high / low) < MOVED_AT_LEAST:
        return Scale(low * 0.95, high * 1.05, log=True)
    room = (high / low) ** margin
    return Scale(low / room, high * room, log=True)


def value_ticks(scale: Scale) -> tuple[float, ...]:
    """Return about five round values inside ``scale``, ascending and never closer than labels can stand."""
    ticks = _decades(scale) if scale.log else ()
    if len(ticks) < FEWEST_TICKS:
        ticks = round_values(scale.low, scale.high)
    kept: list[float] = []
    for tick in ticks:
        if not kept or scale.at(tick) - scale.at(kept[-1]) >= CLOSEST:
            kept.append(tick)
    return tuple(kept)


def round_values(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """Return the multiples of 1, 2 or 5 x 10^k in low..high, about ``count`` of them."""
    raw = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(float(f"{i * step:.12g}") for i in range(first, last + 1))


def _decades(scale: Scale) -> tuple[float, ...]:
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        inside = tuple(tick for tick in ticks if scale.low <= tick <= scale.high)
        if len(inside) <= MOST_VALUE_TICKS:
            break
    return inside


def time_ticks(first: date, last: date) -> tuple[TimeTick, ...]:
    """Return at most ten dates in first..last: years, or months in a shorter period, or days in the shortest."""
    days = (last - first).days
    labels = _years(first, last)
    if len(labels) < FEWEST_TICKS:
        labels = _months(first, last)
    if len(labels) < FEWEST_TICKS:
        labels = _days(first, last)
    every = -(-len(labels) // MOST_PHONE_TICKS)
    return tuple(
        TimeTick((day - first).days / days, label, minor=i % every != 0)
        for i, (day, label) in enumerate(labels.items())
    )


def _years(first: date, last: date) -> dict[date, str]:
    starts = [date(year, 1, 1) for year in range(first.year, last.year + 1)]
    inside = [day for day in starts if first <= day <= last]
    step = _step(len(inside), (1, 2, 5, 10, 20))
    return {day: str(day.year) for day in inside if day.year % step == 0}


def _months(first: date, last: date) -> dict[date, str]:
    starts = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in range(1, 13)]
    inside = [day for day in starts if first <= day <= last]
    step = _step(len(inside), (1, 2, 3, 6))
    return {day: f"{_MONTH_NAMES[day.month - 1]} {day.year}" for day in inside if (day.month - 1) % step == 0}


def _days(first: date, last: date) -> dict[date, str]:
    inside = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    step = _step(len(inside), (1, 2, 7, 14))
    return {day: f"{day.day} {_MONTH_NAMES[day.month - 1]}" for day in inside[::step]}


def _step(count: int, steps: tuple[int, ...]) -> int:
    """Return the first step that leaves at most ten of ``count``, or the last."""
    return next((step for step in steps if count / step <= MOST_TIME_TICKS), steps[-1])
