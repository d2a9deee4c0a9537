"""What charts draw: series with a name and a colour."""

from __future__ import annotations

from dataclasses import dataclass

from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.report import formats

__all__ = ["Bar", "Curve", "Rolling"]


@dataclass(frozen=True, slots=True)
class Curve:
    """A series over the sessions: ``tone`` is the name of its colour, such as ``own`` or ``peer``."""

    name: str
    tone: str
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Bar:
    """A value by name, and the value in words."""

    name: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Rolling:
    """A chart of figures that are of the last sessions at each.

    Attributes
    ----------
    unit
        ``%`` for fractions, else ``x``.
    curves
        Their values are of the last sessions of the axis, NaN where there is none.
    """

    key: str
    title: str
    unit: str
    curves: tuple[Curve, ...]

    @property
    def factor(self) -> float:
        """What values are multiplied by when they are written."""
        return 100 if self.unit == "%" else 1

    def written(self, value: float, digits: int) -> str:
        """Return a value as text."""
        return formats.percent(value, digits) if self.unit == "%" else formats.number(value, digits)
