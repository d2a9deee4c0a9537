"""Numbers as brokers send them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from quant_platform_kit.adapters.documents import number, real
from quant_platform_kit.domain.errors import BrokerError


@pytest.mark.parametrize("value", [0, 1, -2.5, 101.37, Decimal("0.1"), "12.50", 1e-16, Decimal("1e-15"), 1e15])
def test_a_price_of_a_history_is_the_float_of_the_exact_number(value: object) -> None:
    assert real(value, "a close") == float(number(value, "a close"))


@pytest.mark.parametrize("value", [None, "", "abc", True, float("nan"), float("inf"), Decimal("NaN"), 2e15, [1]])
def test_what_is_no_number_is_refused_as_an_exact_one_is(value: object) -> None:
    with pytest.raises(BrokerError) as exact:
        number(value, "a close")
    with pytest.raises(BrokerError) as near:
        real(value, "a close")
    assert str(near.value) == str(exact.value)
