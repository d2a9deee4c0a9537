"""How the page writes the values of a feature."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from quant_platform_kit.report import formats

__all__ = ["NONE", "change_text", "is_dollars", "tick_text", "value_text"]

NONE = "\N{EM DASH}"
_SHARES = re.compile(
    r"mom_.*|.*_gap|vol_\d+|maxdd_\d+|return_on_equity|gross_margins"  # returns, distances, deviations, margins
)


def is_dollars(name: str) -> bool:
    """Return whether a column holds amounts, which are spread over powers of ten."""
    return name.endswith("_usd")


def value_text(name: str, value: float | None) -> str:
    """Return a value of a column to read."""
    if value is None or math.isnan(value):
        return NONE
    if is_dollars(name):
        return formats.compact(float(f"{value:.3g}"))
    if _SHARES.fullmatch(name):
        return formats.percent(value)
    return formats.number(value, 0 if float(value).is_integer() else 2)


def tick_text(name: str, value: float, others: Sequence[float]) -> str:
    """Return a value on an axis, with the decimals that tell it apart from the others."""
    if is_dollars(name):
        return value_text(name, value)
    percent = _SHARES.fullmatch(name) is not None
    scaled = [100 * other if percent else other for other in others]
    digits = next((n for n in range(4) if all(math.isclose(round(x, n), x, abs_tol=1e-9) for x in scaled)), 4)
    return formats.percent(value, digits) if percent else formats.number(value, digits)


def change_text(name: str, change: float) -> str:
    """Return how far two values of a column are apart."""
    if math.isnan(change):
        return NONE
    if _SHARES.fullmatch(name):
        return f"{formats.number(100 * change, 2)} pp"
    return value_text(name, change)
