"""Weights and values are two ways to say the same, and neither is ever bent to fit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import AllocationIntent, TargetMode
from quant_platform_kit.domain.translation import translate

WEIGHT, VALUE = TargetMode.WEIGHT, TargetMode.VALUE

weights = st.dictionaries(
    st.sampled_from(["AAA", "BBB", "CCC", "DDD"]),
    st.decimals(0, 1, places=9) | st.just(Decimal(0)),
    min_size=1,
)
bases = st.decimals("0.01", "1e9", places=6)
values = st.dictionaries(st.sampled_from(["AAA", "BBB", "CCC", "DDD"]), st.decimals(0, "1e9", places=2), min_size=1)


@given(weights, bases)
def test_weights_become_values_and_the_same_weights_again(targets: Mapping[str, Decimal], base: Decimal) -> None:
    there = translate(AllocationIntent(WEIGHT, targets), base, VALUE)
    back = translate(AllocationIntent(VALUE, there.targets), base, WEIGHT)
    assert back.targets == targets
    assert back.values == there.values == there.targets


@given(values, bases)
def test_values_become_weights_that_stand_for_the_same_values(targets: Mapping[str, Decimal], base: Decimal) -> None:
    there = translate(AllocationIntent(VALUE, targets), base, WEIGHT)
    assert there.mode is WEIGHT
    assert there.values.keys() == targets.keys()
    assert all(abs(there.values[symbol] - targets[symbol]) < Decimal("1e-15") for symbol in targets)


@given(weights, bases, st.sampled_from(TargetMode), st.sampled_from(TargetMode))
def test_explicit_zeros_stay_and_nothing_is_added(
    targets: Mapping[str, Decimal], base: Decimal, said: TargetMode, native: TargetMode
) -> None:
    translated = translate(AllocationIntent(said, targets), base, native)
    assert translated.targets.keys() == translated.values.keys() == targets.keys()
    zeros = {symbol for symbol in targets if not targets[symbol]}
    assert {symbol for symbol, target in translated.targets.items() if not target} == zeros
    assert {symbol for symbol, value in translated.values.items() if not value} == zeros


@pytest.mark.parametrize("native", TargetMode)
def test_weights_that_leave_cash_are_not_renormalised(native: TargetMode) -> None:
    intent = AllocationIntent(WEIGHT, {"AAA": Decimal("0.25"), "BBB": Decimal("0.5")})
    translated = translate(intent, Decimal(80_000), native)
    assert translated.values == {"AAA": 20_000, "BBB": 40_000}


@pytest.mark.parametrize("native", TargetMode)
@pytest.mark.parametrize("buy_only", [True, False])
def test_buy_only_survives_translation(native: TargetMode, buy_only: bool) -> None:
    intent = AllocationIntent(WEIGHT, {"AAA": Decimal("0.25")}, buy_only)
    assert translate(intent, Decimal(1000), native).buy_only is buy_only


@pytest.mark.parametrize("base", ["0", "-0.01"])
def test_values_are_no_weights_of_a_base_that_is_not_positive(base: str) -> None:
    with pytest.raises(InvalidInput, match=rf"base is {base}; .* fund the account"):
        translate(AllocationIntent(VALUE, {"AAA": Decimal(5)}), Decimal(base), WEIGHT)
