"""Amounts: digits of an integer of 128 bits, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.amounts import MOST, Amount, amount

read = TypeAdapter[str](Amount).validate_python


@given(st.integers(0, MOST))
def test_every_integer_of_128_bits_is_an_amount_as_its_digits(value: int) -> None:
    assert read(amount(value)) == str(value)


@pytest.mark.parametrize(
    "value",
    ["", "-1", "+1", "01", "1.0", "1e3", " 1", "1\n", "٣", "0x10", "1_000", 1, 1.0, True, None, b"1", str(MOST + 1)],
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        read(value)


@pytest.mark.parametrize("value", [-1, MOST + 1, 1.0, True, "1"])
def test_nothing_else_is_made_an_amount(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"an amount is an integer from 0 to 2\*\*128 - 1; it is"):
        amount(value)
