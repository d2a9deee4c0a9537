"""Everything that is compared by digest has one form, written here by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from quant_platform_kit.domain.digests import canonical_json, plain, sha256
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.strategy import (
    Action,
    BoundStrategy,
    StrategyContext,
    StrategyDecision,
    TargetMode,
)

CTX = StrategyContext(Session(date(2023, 11, 30), date(2023, 11, 29), date(2023, 12, 1)), {})


@dataclass(frozen=True)
class Point:
    """Fields out of alphabetical order."""

    y: Decimal
    x: date | None


def test_canonical_json_sorts_keys_and_leaves_no_spaces() -> None:
    content = {"b": [1, True, None, "é\n"], "a": {"z": 0.1, "y": -2}}
    assert canonical_json(content) == '{"a":{"y":-2,"z":0.1},"b":[1,true,null,"é\\n"]}'.encode()


def test_the_order_of_a_mapping_and_of_a_set_does_not_matter() -> None:
    assert canonical_json({"a": 1, "b": 2}) == canonical_json({"b": 2, "a": 1})
    assert canonical_json({"c", "a", "b"}) == canonical_json(frozenset({"b", "c", "a"})) == b'["a","b","c"]'


def test_dates_enums_dataclasses_and_tuples_have_a_plain_form() -> None:
    at = datetime(2023, 12, 1, 21, 0, tzinfo=UTC)
    assert plain((at, date(2023, 12, 1), TargetMode.WEIGHT, Point(Decimal("1.50"), None))) == [
        "2023-12-01T21:00:00+00:00",
        "2023-12-01",
        "weight",
        {"y": "1.5", "x": None},
    ]
    assert plain({TargetMode.VALUE: 1, date(2023, 12, 1): 2, Decimal("2.0"): 3}) == {
        "value": 1,
        "2023-12-01": 2,
        "2": 3,
    }


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("1.50", "1.5"),
        ("0.333333333", "0.333333333"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1e-9", "0.000000001"),
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("-0.00", "0"),
        ("0E+5", "0"),
        ("-2.50", "-2.5"),
        ("123456789012345678901234.5", "123456789012345678901234.5"),
    ],
)
def test_equal_decimals_have_equal_digits(number: str, digits: str) -> None:
    assert plain(Decimal(number)) == digits


def test_minus_zero_is_zero() -> None:
    assert canonical_json([-0.0, Decimal("-0")]) == canonical_json([0.0, Decimal(0)]) == b'[0.0,"0"]'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), np.float64("nan")])
def test_a_float_that_is_not_finite_is_an_error(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"deep": [number]})


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_decimal_that_is_not_finite_is_an_error(number: str) -> None:
    with pytest.raises(ValueError, match="no canonical form; numbers are finite"):
        canonical_json({"deep": [Decimal(number)]})


@pytest.mark.parametrize("strange", [object(), b"bytes", 1j, np.array([1.0]), np.int64(1)])
def test_a_type_without_a_canonical_form_is_an_error(strange: object) -> None:
    with pytest.raises(TypeError, match=rf"{type(strange).__name__}.* has no canonical form"):
        canonical_json({"deep": [strange]})


def test_sha256_is_that_of_the_standard_tool() -> None:
    tool = subprocess.run(["sha256sum"], input=b"quant\n", capture_output=True, check=True)
    assert sha256(b"quant\n") == tool.stdout.split()[0].decode()


@pytest.fixture
def strategy(scripted: Callable[..., BoundStrategy]) -> BoundStrategy:
    return scripted(lambda manifest, ctx: manifest.hold(ctx))


def rebalanced(strategy: BoundStrategy, **targets: float | Decimal) -> StrategyDecision:
    return strategy.manifest.rebalance(CTX, targets)


def test_a_decision_is_digested_in_the_form_written_here(strategy: BoundStrategy) -> None:
    decision = rebalanced(strategy, BBB=0.25)
    written = (
        b'{"action":"REBALANCE","as_of":"2023-11-30","config":{},"profile":"scripted",'
        b'"target_mode":"weight","targets":{"AAA":"0","BBB":"0.25"}}'
    )
    tool = subprocess.run(["sha256sum"], input=written, capture_output=True, check=True)
    assert strategy.digest(decision) == tool.stdout.split()[0].decode()


def test_a_hold_is_digested_without_targets(strategy: BoundStrategy) -> None:
    assert canonical_json(strategy.manifest.hold(CTX, "why").document({"drift": Decimal("0.10")})) == (
        b'{"action":"HOLD","as_of":"2023-11-30","config":{"drift":"0.1"},"profile":"scripted",'
        b'"target_mode":null,"targets":null}'
    )


def test_reasons_and_diagnostics_are_not_digested(strategy: BoundStrategy) -> None:
    decision = rebalanced(strategy, AAA=0.5)
    talkative = replace(decision, reasons=("because",), diagnostics={"nan": float("nan"), "object": object()})
    assert strategy.digest(talkative) == strategy.digest(decision)


@pytest.mark.parametrize(
    "same", [1 / 3, Decimal("0.333333333"), Decimal("0.3333333334"), np.float64(1) / 3, 0.33333333300000001]
)
def test_weights_equal_to_a_billionth_have_equal_digests(strategy: BoundStrategy, same: float | Decimal) -> None:
    assert strategy.digest(rebalanced(strategy, AAA=same)) == strategy.digest(
        rebalanced(strategy, AAA=Decimal("0.333333333"))
    )


def test_weights_a_billionth_apart_have_different_digests(strategy: BoundStrategy) -> None:
    near = rebalanced(strategy, AAA=Decimal("0.333333334"))
    assert strategy.digest(near) != strategy.digest(rebalanced(strategy, AAA=1 / 3))


def test_values_equal_to_the_cent_have_equal_digests(scripted: Callable[..., BoundStrategy]) -> None:
    strategy = scripted(lambda manifest, ctx: manifest.hold(ctx), target_mode=TargetMode.VALUE)
    digests = {strategy.digest(rebalanced(strategy, AAA=value)) for value in (1000.004, Decimal("1000.0"), 1000)}
    assert len(digests) == 1
    assert strategy.digest(rebalanced(strategy, AAA=Decimal("1000.01"))) not in digests


def test_a_target_of_minus_zero_is_digested_as_zero(strategy: BoundStrategy) -> None:
    digests = {strategy.digest(rebalanced(strategy, AAA=zero)) for zero in (-0.0, Decimal("-0"), 0.0, 1e-12)}
    assert digests == {strategy.digest(rebalanced(strategy))}


def test_everything_that_is_digested_changes_the_digest(strategy: BoundStrategy) -> None:
    decision = rebalanced(strategy, AAA=0.5)
    assert decision.intent is not None
    others = [
        decision,
        rebalanced(strategy, BBB=0.5),
        replace(decision, profile="other"),
        replace(decision, as_of=date(2023, 12, 1)),
        replace(decision, action=Action.HOLD, intent=None),
        replace(decision, action=Action.BLOCKED, intent=None),
        replace(decision, intent=replace(decision.intent, target_mode=TargetMode.VALUE)),
    ]
    digests = [strategy.digest(other) for other in others]
    assert len({*digests, decision.digest({"drift": 1})}) == len(others) + 1
