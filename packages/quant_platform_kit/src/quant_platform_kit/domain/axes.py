"""The points that a sweep tries: values along axes of a configuration, all combinations or some drawn by a seed.

Values are texts, as people write them after ``--config KEY=``: the configuration's own model reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from itertools import product
from random import Random

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["MOST_POINTS", "Axis", "Point", "drawn", "grid", "parse_axis"]

Point = Mapping[str, str]
MOST_POINTS = 10_000
_DIGITS = 6
"""Significant digits of a number that is drawn from a range."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting and what it may be.

    Attributes
    ----------
    values
        In their order; empty where it is a range.
    low, high
        Of a range, both included.
    whole
        Whether only whole numbers of the range are meant.
    """

    name: str
    values: tuple[str, ...] = ()
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    whole: bool = False


def parse_axis(text: str) -> Axis:
    """Read ``NAME=A,B,C``, ``NAME=LOW:HIGH:STEP`` or, to draw from, ``NAME=LOW:HIGH``.

    Of a range whose bounds are both written without a point, whole numbers are drawn.

    Raises
    ------
    InvalidInput
        It is none of these, a bound is no number, the step is not positive, or there are too many values.
    """
    name, equals, told = text.partition("=")
    name = name.strip()
    if not equals or not name or not told.strip():
        raise InvalidInput(f"grid {text!r}: write NAME=A,B,C or NAME=LOW:HIGH:STEP, such as drift=0.03:0.07:0.01")
    bounds = told.split(":")
    if len(bounds) == 1:
        values = tuple(value.strip() for value in told.split(","))
        if "" in values:
            raise InvalidInput(f"grid {text!r} has an empty value; write values with one comma between them")
        return Axis(name, values)
    if len(bounds) > 3:
        raise InvalidInput(f"grid {text!r} has {len(bounds)} parts; a range is LOW:HIGH:STEP")
    low, high, *step = (_number(text, bound) for bound in bounds)
    if high < low:
        raise InvalidInput(f"grid {text!r}: {high} is below {low}; a range is LOW:HIGH:STEP")
    if step:
        return Axis(name, _steps(text, low, high, step[0]))
    return Axis(name, low=low, high=high, whole="." not in told)


def _number(text: str, told: str) -> Decimal:
    try:
        number = Decimal(told.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise InvalidInput(f"grid {text!r}: {told!r} is not a number; a range is LOW:HIGH:STEP")
    return number


def _steps(text: str, low: Decimal, high: Decimal, step: Decimal) -> tuple[str, ...]:
    if step <= 0:
        raise InvalidInput(f"grid {text!r}: the step is {step}; it is positive")
    count = int(((high - low) / step).to_integral_value(ROUND_FLOOR)) + 1
    if count > MOST_POINTS:
        raise InvalidInput(
            f"grid {text!r} has {count} values; a sweep has at most {MOST_POINTS} points, widen the step"
        )
    return tuple(f"{low + number * step:f}" for number in range(count))


def grid(axes: Sequence[Axis]) -> list[Point]:
    """Return every combination, the last axis changing fastest.

    Raises
    ------
    InvalidInput
        There is no axis, one is a range, two have one name, or there are too many points.
    """
    _check(axes)
    if ranges := [axis.name for axis in axes if not axis.values]:
        raise InvalidInput(f"grid {ranges[0]} is a range without a step; write LOW:HIGH:STEP, or draw with --random N")
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_POINTS:
        raise InvalidInput(f"the grid has {count} points; a sweep has at most {MOST_POINTS}, draw some with --random N")
    names = [axis.name for axis in axes]
    return [dict(zip(names, values, strict=True)) for values in product(*(axis.values for axis in axes))]


def drawn(axes: Sequence[Axis], count: int, seed: int) -> list[Point]:
    """Return so many different points, evenly drawn; the same for the same seed.

    Raises
    ------
    InvalidInput
        There is no axis, two have one name, or there are not so many points.
    """
    _check(axes)
    if not 1 <= count <= MOST_POINTS:
        raise InvalidInput(f"--random is {count}; a sweep has 1 to {MOST_POINTS} points")
    chance = Random(seed)
    points: dict[tuple[str, ...], Point] = {}
    for _ in range(100 * count):
        if len(points) == count:
            break
        point = {axis.name: _draw(axis, chance) for axis in axes}
        points.setdefault(tuple(point.values()), point)
    if len(points) < count:
        raise InvalidInput(f"--random is {count}, and there are only {len(points)} different points; ask for fewer")
    return list(points.values())


def _draw(axis: Axis, chance: Random) -> str:
    if axis.values:
        return chance.choice(axis.values)
    if axis.whole:
        return str(chance.randint(int(axis.low), int(axis.high)))
    value = axis.low + (axis.high - axis.low) * Decimal(repr(chance.random()))
    return f"{min(max(Decimal(f'{value:.{_DIGITS}g}'), axis.low), axis.high):f}"


def _check(axes: Iterable[Axis]) -> None:
    names = [axis.name for axis in axes]
    if not names:
        raise InvalidInput("a sweep needs something to vary: give --grid NAME=VALUES, or --random N")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidInput(f"grid {twice} was given twice; give all its values at once")
