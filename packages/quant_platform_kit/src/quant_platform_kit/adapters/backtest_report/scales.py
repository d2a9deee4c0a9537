"""Where values and dates fall on an axis, and which of them get a label. A place on an axis is a fraction, 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from quant_platform_kit.domain.prices import FloatArray

__all__ = ["Scale", "TimeTick", "round_values", "scale_over", "time_ticks", "value_ticks"]

MOST_TIME_TICKS = 10
MOST_PHONE_TICKS = 5
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


def scale_over(low: float, high: float, margin: float = 0.05) -> Scale:
    """Return a scale with some air around low..high: logarithmic above zero, linear otherwise."""
    if low <= 0:
        room = margin * ((high - low) or abs(high) or 1.0)
        return Scale(low - room, high + room)
    if math.log(high / low) < MOVED_AT_LEAST:
        return Scale(low * 0.95, high * 1.05, log=True)
    room = (high / low) ** margin
    return Scale(low / room, high * room, log=True)


def value_ticks(scale: Scale) -> tuple[float, ...]:
    """Return about five round values inside ``scale``, ascending and never closer than labels can stand."""
    ticks = _decades(scale) if scale.log else ()
    if len(ticks) < 3:  # noqa: PLR2004
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
        if len(inside) <= 8:  # noqa: PLR2004
            break
    return inside


def time_ticks(first: date, last: date) -> tuple[TimeTick, ...]:
    """Return at most ten dates in first..last: years, or months in a shorter period, or days in the shortest."""
    days = (last - first).days
    dates: list[date] = []
    for make, label in ((_years, _year_label), (_months, _month_label), (_days, _day_label)):
        dates = make(first, last)
        if len(dates) > 2 or make is _days:  # noqa: PLR2004
            break
    thinned = len(dates) > MOST_PHONE_TICKS
    return tuple(
        TimeTick((day - first).days / days, label(day), minor=thinned and i % 2 == 1) for i, day in enumerate(dates)
    )


def _years(first: date, last: date) -> list[date]:
    starts = [date(year, 1, 1) for year in range(first.year, last.year + 1)]
    return _at_most(lambda step: [day for day in starts if first <= day <= last and day.year % step == 0], (1, 2, 5))


def _months(first: date, last: date) -> list[date]:
    starts = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in range(1, 13)]
    return _at_most(
        lambda step: [day for day in starts if first <= day <= last and (day.month - 1) % step == 0], (1, 2, 3, 6)
    )


def _days(first: date, last: date) -> list[date]:
    days = list(_each_day(first, last))
    return _at_most(lambda step: days[::step], (1, 2, 7, 14))


def _at_most(choose: Callable[[int], list[date]], steps: tuple[int, ...]) -> list[date]:
    """Return the choice of the first step that gives at most ten dates, else of multiples of the last step."""
    tried = iter((*steps, *(steps[-1] * factor for factor in (2, 4, 10, 20))))
    dates = choose(next(tried))
    while len(dates) > MOST_TIME_TICKS and (step := next(tried, None)):
        dates = choose(step)
    return dates


def _each_day(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)


def _year_label(day: date) -> str:
    return str(day.year)


def _month_label(day: date) -> str:
    return f"{_MONTH_NAMES[day.month - 1]} {day.year}"


def _day_label(day: date) -> str:
    return f"{day.day} {_MONTH_NAMES[day.month - 1]}"
