"""The strategy contract: what a manifest completes and refuses, what a context withholds, what a binding checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import FeatureSnapshot
from quant_platform_kit.domain.inputs import build_context
from quant_platform_kit.domain.portfolio import PortfolioSnapshot
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.strategy import (
    Action,
    AllocationIntent,
    BoundStrategy,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

SESSION = Session(date(2023, 11, 29), date(2023, 11, 28), date(2023, 11, 30))
CTX = StrategyContext(SESSION, {})
PORTFOLIO = PortfolioSnapshot("PAPER-1", datetime(2023, 11, 30, 21, 0, tzinfo=UTC), "USD", Decimal(1000), ())

Scripted = Callable[..., BoundStrategy]


def hold(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
    return manifest.hold(ctx, "waiting")


@pytest.fixture
def weights(scripted: Scripted) -> StrategyManifest:
    return scripted(hold, managed=("BBB", "AAA", "CCC"), watched=("WWW",)).manifest


@pytest.fixture
def values(scripted: Scripted) -> StrategyManifest:
    return scripted(hold, target_mode=TargetMode.VALUE).manifest


def targets(decision: StrategyDecision) -> dict[str, Decimal]:
    assert decision.intent is not None
    return dict(decision.intent.targets)


# --- intents --------------------------------------------------------------------------------------


def test_managed_symbols_that_are_not_named_get_an_explicit_zero(weights: StrategyManifest) -> None:
    decision = weights.rebalance(CTX, {"BBB": 0.25}, "because")
    assert (decision.profile, decision.as_of, decision.action) == ("scripted", SESSION.date, Action.REBALANCE)
    assert decision.reasons == ("because",)
    assert list(targets(decision).items()) == [("AAA", 0), ("BBB", Decimal("0.25")), ("CCC", 0)]


def test_a_rebalance_to_nothing_names_every_managed_symbol(weights: StrategyManifest) -> None:
    assert targets(weights.rebalance(CTX, {})) == {"AAA": 0, "BBB": 0, "CCC": 0}


@pytest.mark.parametrize("symbol", ["WWW", "ZZZ", "aaa", ""])
def test_a_target_of_a_symbol_that_is_not_managed_is_refused(weights: StrategyManifest, symbol: str) -> None:
    with pytest.raises(InvalidInput, match=f"scripted: target for {symbol}, which is not managed: AAA, BBB, CCC"):
        weights.rebalance(CTX, {"AAA": 0.5, symbol: 0.0})


@pytest.mark.parametrize("mode", TargetMode)
@pytest.mark.parametrize(
    "target", [-0.1, -1e-12, Decimal("-0.01"), float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity")]
)
def test_a_target_that_is_negative_or_not_finite_is_refused(
    scripted: Scripted, mode: TargetMode, target: float | Decimal
) -> None:
    manifest = scripted(hold, target_mode=mode).manifest
    with pytest.raises(InvalidInput, match="for AAA; a target is finite and not negative"):
        manifest.rebalance(CTX, {"AAA": target})


def test_weights_that_sum_to_one_are_accepted(weights: StrategyManifest) -> None:
    assert sum(targets(weights.rebalance(CTX, {"AAA": 0.1, "BBB": 0.7, "CCC": 0.2})).values()) == 1


@pytest.mark.parametrize("third", [1 / 3, Decimal(1) / 3, np.float64(1) / 3])
def test_thirds_are_accepted(weights: StrategyManifest, third: float | Decimal) -> None:
    assert targets(weights.rebalance(CTX, dict.fromkeys(("AAA", "BBB", "CCC"), third))) == dict.fromkeys(
        ("AAA", "BBB", "CCC"), Decimal("0.333333333")
    )


def test_parts_that_round_up_are_accepted(scripted: Scripted) -> None:
    # Six times 0.166666667 is 1.000000002.
    six = scripted(hold, managed=tuple("ABCDEF")).manifest
    assert set(targets(six.rebalance(CTX, dict.fromkeys("ABCDEF", 1 / 6))).values()) == {Decimal("0.166666667")}


@pytest.mark.parametrize("excess", [Decimal("1e-8"), Decimal("0.01"), Decimal(1)])
def test_weights_that_sum_to_more_than_one_are_refused(weights: StrategyManifest, excess: Decimal) -> None:
    with pytest.raises(InvalidInput, match=r"scripted: weights sum to [0-9.]+; the bound is 1"):
        weights.rebalance(CTX, {"AAA": Decimal("0.5"), "BBB": Decimal("0.5"), "CCC": excess})


def test_values_have_no_bound_and_are_kept_to_the_cent(values: StrategyManifest) -> None:
    decision = values.rebalance(CTX, {"AAA": Decimal("1234567.895"), "BBB": 0.125})
    assert targets(decision) == {"AAA": Decimal("1234567.90"), "BBB": Decimal("0.12")}


def test_a_buy_only_rebalance_says_so(values: StrategyManifest) -> None:
    decision = values.rebalance(CTX, {"AAA": 5}, buy_only=True, diagnostics={"n": 1})
    assert decision.intent is not None
    assert decision.intent.buy_only
    assert decision.diagnostics == {"n": 1}


def test_a_hold_and_a_block_have_no_intent(weights: StrategyManifest) -> None:
    assert weights.hold(CTX, "a") == StrategyDecision("scripted", SESSION.date, Action.HOLD, None, ("a",))
    assert weights.blocked(CTX, "b") == StrategyDecision("scripted", SESSION.date, Action.BLOCKED, None, ("b",))


# --- manifests ------------------------------------------------------------------------------------


def test_history_covers_what_the_declared_inputs_need(scripted: Scripted) -> None:
    declared: dict[str, Any] = {
        "managed": ("BBB", "AAA"),
        "watched": ("WWW", "SPY"),
        "benchmarks": ("SPY",),
        "indicators": {"AAA": ("sma_200",)},
    }

    def needed(*inputs: InputName) -> tuple[str, ...]:
        return scripted(hold, required_inputs=frozenset(inputs), **declared).manifest.history_symbols

    assert needed(InputName.MARKET_HISTORY) == ("AAA", "BBB", "SPY", "WWW")
    assert needed(InputName.BENCHMARK_HISTORY) == ("AAA", "SPY")
    assert needed(InputName.DERIVED_INDICATORS, InputName.PORTFOLIO_SNAPSHOT) == ("AAA",)


def test_optional_symbols_need_no_bar(scripted: Scripted) -> None:
    manifest = scripted(hold, watched=("WWW",), optional=frozenset({"BBB"})).manifest
    assert manifest.symbols == ("AAA", "BBB", "WWW")
    assert manifest.required_symbols == ("AAA", "WWW")


# --- contexts -------------------------------------------------------------------------------------


@pytest.fixture
def history() -> PriceHistory:
    dates = np.array(["2023-11-28", "2023-11-29", "2023-11-30"], dtype="datetime64[D]")
    grid = np.array([[1.0, 10.0], [3.0, 20.0], [100.0, 200.0]])
    return PriceHistory(PriceTable(dates, ("AAA", "BBB"), {"close": grid}))


READERS = {
    InputName.MARKET_HISTORY: lambda ctx: ctx.market_history,
    InputName.BENCHMARK_HISTORY: lambda ctx: ctx.benchmark_history,
    InputName.PORTFOLIO_SNAPSHOT: lambda ctx: ctx.portfolio,
    InputName.DERIVED_INDICATORS: lambda ctx: ctx.derived_indicators,
    InputName.FEATURE_SNAPSHOT: lambda ctx: ctx.feature_snapshot,
}


@pytest.mark.parametrize("name", InputName)
def test_an_input_is_given_when_declared_and_an_error_when_not(
    scripted: Scripted, history: PriceHistory, name: InputName
) -> None:
    features = FeatureSnapshot(SESSION.date, "d" * 64, {})
    declared = build_context(
        scripted(hold, required_inputs=frozenset({name})).manifest, SESSION, history, PORTFOLIO, features
    )
    READERS[name](declared)
    others = build_context(
        scripted(hold, required_inputs=frozenset(InputName) - {name}).manifest, SESSION, history, PORTFOLIO, features
    )
    with pytest.raises(InvalidInput, match=f"{name.value} was not given; declare it in the manifest's required_inputs"):
        READERS[name](others)


def test_a_context_knows_the_session_whatever_is_declared(scripted: Scripted, history: PriceHistory) -> None:
    ctx = build_context(scripted(hold, required_inputs=frozenset()).manifest, SESSION, history, PORTFOLIO)
    assert (ctx.session, ctx.as_of) == (SESSION, date(2023, 11, 29))


@pytest.mark.parametrize("name", [InputName.MARKET_HISTORY, InputName.BENCHMARK_HISTORY])
def test_history_after_the_session_is_cut_off(scripted: Scripted, history: PriceHistory, name: InputName) -> None:
    ctx = build_context(scripted(hold, required_inputs=frozenset({name})).manifest, SESSION, history, PORTFOLIO)
    seen = READERS[name](ctx)
    assert seen.last_session == date(2023, 11, 29)
    assert seen.close.tolist() == [[1.0, 10.0], [3.0, 20.0]]


def test_derived_indicators_are_those_of_the_session(scripted: Scripted, history: PriceHistory) -> None:
    manifest = scripted(
        hold,
        required_inputs=frozenset({InputName.DERIVED_INDICATORS}),
        indicators={"AAA": ("close", "sma_2"), "BBB": ("sma_2",)},
    ).manifest
    ctx = build_context(manifest, SESSION, history, PORTFOLIO)
    assert ctx.derived_indicators == {"AAA": {"close": 3.0, "sma_2": 2.0}, "BBB": {"sma_2": 15.0}}


def test_indicators_of_a_session_without_a_row_are_unknown(scripted: Scripted, history: PriceHistory) -> None:
    manifest = scripted(
        hold, required_inputs=frozenset({InputName.DERIVED_INDICATORS}), indicators={"AAA": ("close", "sma_2")}
    ).manifest
    later = Session(date(2023, 12, 1), date(2023, 11, 30), date(2023, 12, 4))
    found = build_context(manifest, later, history, PORTFOLIO).derived_indicators["AAA"]
    assert all(np.isnan(value) for value in found.values())
    assert found.keys() == {"close", "sma_2"}


# --- bindings -------------------------------------------------------------------------------------


def test_a_binding_passes_on_what_the_strategy_decided(scripted: Scripted) -> None:
    assert scripted(hold).decide(CTX) == StrategyDecision("scripted", SESSION.date, Action.HOLD, None, ("waiting",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"as_of": date(2023, 11, 28)}, "decision is for scripted on 2023-11-28"),
        ({"as_of": date(2023, 11, 30)}, "decision is for scripted on 2023-11-30"),
        ({"profile": "other"}, "decision is for other on 2023-11-29"),
        ({"action": Action.HOLD}, "HOLD does not fit its intent"),
        ({"action": Action.BLOCKED}, "BLOCKED does not fit its intent"),
        ({"intent": None}, "REBALANCE does not fit its intent"),
        (
            {"intent": AllocationIntent(TargetMode.WEIGHT, {"AAA": Decimal("0.5")})},
            r"targets name \['AAA'\]; use the manifest",
        ),
        (
            {"intent": AllocationIntent(TargetMode.WEIGHT, dict.fromkeys(("AAA", "BBB", "ZZZ"), Decimal(0)))},
            "targets name",
        ),
    ],
)
def test_an_answer_that_breaks_the_contract_is_refused(
    scripted: Scripted, change: dict[str, object], words: str
) -> None:
    breaking = scripted(lambda manifest, ctx: replace(manifest.rebalance(ctx, {"AAA": 0.5}), **change))
    with pytest.raises(InvalidInput, match=words):
        breaking.decide(CTX)


@pytest.mark.parametrize(
    "intent",
    [
        AllocationIntent(TargetMode.VALUE, {"AAA": Decimal(1), "BBB": Decimal(0)}),
        AllocationIntent(TargetMode.WEIGHT, {"AAA": Decimal("-0.5"), "BBB": Decimal(0)}),
        AllocationIntent(TargetMode.WEIGHT, {"AAA": Decimal("NaN"), "BBB": Decimal(0)}),
        AllocationIntent(TargetMode.WEIGHT, {"AAA": Decimal(1), "BBB": Decimal(1)}),
    ],
    ids=["another mode", "negative", "not a number", "sum over one"],
)
def test_an_intent_made_past_the_manifest_is_held_to_the_same_rules(
    scripted: Scripted, intent: AllocationIntent
) -> None:
    past = scripted(lambda manifest, ctx: replace(manifest.rebalance(ctx, {}), intent=intent))
    with pytest.raises(InvalidInput):
        past.decide(CTX)


class Settings(BaseModel):
    """Bounded settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    share: Decimal = Field(default=Decimal("0.50"), ge=0, le=1)
    sessions: int = Field(default=200, ge=1)


@pytest.fixture
def configurable(scripted: Scripted) -> Callable[[dict[str, object]], BoundStrategy]:
    strategy: Any = scripted(hold).strategy

    class Configurable:
        manifest = strategy.manifest
        Config = Settings
        evaluate = strategy.evaluate

    return lambda config: bind(Configurable(), config)


def test_a_configuration_is_validated_and_part_of_every_digest(
    configurable: Callable[[dict[str, object]], BoundStrategy],
) -> None:
    bound, other = configurable({"share": "0.25"}), configurable({})
    assert bound.config == Settings(share=Decimal("0.25"))
    assert bound.config_values == {"share": "0.25", "sessions": 200}
    assert bound.digest(bound.decide(CTX)) != other.digest(other.decide(CTX))
    spelled_out = configurable({"share": "0.50", "sessions": "200"})
    assert spelled_out.digest(spelled_out.decide(CTX)) == other.digest(other.decide(CTX))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"shares": 1}, "config of scripted: shares is not known; known: share, sessions"),
        ({"share": 1.01}, "config of scripted: share is 1.01: Input should be less than or equal to 1"),
        ({"share": "nan"}, "config of scripted: share is 'nan': Input should be a finite number"),
        ({"sessions": 0}, "config of scripted: sessions is 0: Input should be greater than or equal to 1"),
        ({"sessions": "many"}, "config of scripted: sessions is 'many': Input should be a valid integer.*"),
    ],
)
def test_a_key_that_is_unknown_or_a_value_out_of_bounds_is_refused_in_one_line(
    configurable: Callable[[dict[str, object]], BoundStrategy], config: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{sentence}$"):
        configurable(config)


def test_the_same_configuration_in_other_digits_is_the_same(
    configurable: Callable[[dict[str, object]], BoundStrategy],
) -> None:
    digests = {bound.digest(bound.decide(CTX)) for bound in (configurable({"share": s}) for s in ("0.5", "0.50", 0.5))}
    assert len(digests) == 1
