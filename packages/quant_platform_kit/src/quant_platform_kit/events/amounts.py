"""Amounts of tokens: integers in the smallest unit, written as digits, never as floats."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["MOST", "Amount", "amount"]

MOST = 2**128 - 1
"""The largest amount, as contracts hold it in 128 bits."""


def _bounded(digits: str) -> str:
    if int(digits) > MOST:
        raise ValueError(f"an amount is at most 2**128 - 1 = {MOST}")
    return digits


Amount = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^(0|[1-9][0-9]*)$", max_length=len(str(MOST))),
    AfterValidator(_bounded),
]
"""Digits of an integer from 0 to 2**128 - 1 in a token's smallest unit: no sign, no leading zeros, no float."""


def amount(value: int) -> Amount:
    """Return an integer as an amount; raises `InvalidInput` where it is none."""
    if type(value) is not int or not 0 <= value <= MOST:
        raise InvalidInput(f"an amount is an integer from 0 to 2**128 - 1; it is {value!r}")
    return str(value)
