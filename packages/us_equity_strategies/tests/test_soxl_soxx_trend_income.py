"""The rules of SOXL/SOXX trend and income, one by one.

Most tests hand the strategy its three indicators directly; the last ones derive them from small invented markets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import nan
from typing import Any

import pytest
from quant_platform_kit.domain.portfolio import PortfolioSnapshot, Position
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.strategy import InputName, StrategyContext, StrategyDecision
from us_equity_strategies.soxl_soxx_trend_income import SoxlSoxxTrendIncome

PROFILE = "soxl_soxx_trend_income"
AS_OF = date(2015, 6, 10)
SESSION = Session(AS_OF, date(2015, 6, 9), date(2015, 6, 11))
DOWN = {"BIL": 1.0}

Desks = Callable[..., Any]


def decide(
    close: float, held: Mapping[str, float] | None = None, volatility: float = 0.30, drift: float = 0.05
) -> StrategyDecision:
    """Decide with sma_140 = 100 and 100,000 in all; ``held`` in units of 100 each, the rest is cash."""
    positions = tuple(Position(s, Decimal(str(units)), Decimal(100)) for s, units in sorted((held or {}).items()))
    cash = Decimal(100_000) - sum((position.value for position in positions), Decimal(0))
    portfolio = PortfolioSnapshot("TEST", datetime(2015, 6, 11, 20, tzinfo=UTC), "USD", cash, positions)
    indicators = {"SOXX": {"close": close, "sma_140": 100.0, "realised_vol_20": volatility}}
    inputs = {InputName.DERIVED_INDICATORS: indicators, InputName.PORTFOLIO_SNAPSHOT: portfolio}
    strategy = SoxlSoxxTrendIncome()
    return strategy.evaluate(StrategyContext(SESSION, inputs), strategy.Config(drift=drift))


def weights(decision: StrategyDecision) -> dict[str, float]:
    assert decision.intent is not None, decision.reasons
    return {symbol: float(value) / 100_000 for symbol, value in decision.intent.targets.items() if value}


UP = {"SOXL": 0.5, "SOXX": 0.45}


@pytest.mark.parametrize(
    ("close", "flat", "holding"),
    [(101.01, UP, UP), (101.0, DOWN, UP), (100.0, DOWN, UP), (99.0, DOWN, UP), (98.99, DOWN, DOWN)],
)
@pytest.mark.parametrize("held", ["SOXL", "SOXX"])
def test_the_band_is_left_strictly_and_inside_it_either_fund_held_decides(
    close: float, flat: dict[str, float], holding: dict[str, float], held: str
) -> None:
    assert weights(decide(close)) == pytest.approx(flat)
    assert weights(decide(close, {held: 1})) == pytest.approx(holding)


def test_inside_the_band_bills_held_count_as_down() -> None:
    assert decide(100, {"BIL": 1000}).action.value == "HOLD"
    assert weights(decide(100, {"BIL": 500})) == DOWN


@pytest.mark.parametrize(
    ("volatility", "leveraged"),
    [(0.0, 0.70), (1e-9, 0.70), (0.10, 0.70), (0.25, 0.60), (0.30, 0.50), (0.60, 0.25), (1.50, 0.10)],
)
def test_the_leveraged_share_is_45_percent_over_three_times_volatility_and_at_most_70(
    volatility: float, leveraged: float
) -> None:
    expected = {"SOXL": leveraged, "SOXX": 0.95 - leveraged}
    assert weights(decide(110, volatility=volatility)) == pytest.approx(expected)


def test_an_uptrend_leaves_five_percent_in_cash_and_nothing_in_bills() -> None:
    assert sum(weights(decide(110)).values()) == pytest.approx(0.95)
    assert "BIL" not in weights(decide(110))


def test_every_managed_symbol_is_named_zeros_included() -> None:
    intent = decide(90).intent
    assert intent is not None
    assert {symbol: str(value) for symbol, value in intent.targets.items()} == {
        "BIL": "100000.00",
        "SOXL": "0",
        "SOXX": "0",
    }


@pytest.mark.parametrize(
    ("held", "drift", "expected"),
    [
        ({"SOXL": 500, "SOXX": 450}, 0.05, "HOLD"),
        ({"SOXL": 540, "SOXX": 410}, 0.05, "HOLD"),
        ({"SOXL": 551, "SOXX": 400}, 0.05, "REBALANCE"),
        ({"SOXL": 500, "SOXX": 399}, 0.05, "REBALANCE"),
        ({"SOXL": 750, "SOXX": 250}, 0.25, "HOLD"),
        ({"SOXL": 751, "SOXX": 249}, 0.25, "REBALANCE"),
        ({"SOXL": 500}, 0.5, "REBALANCE"),
        ({"SOXL": 500, "SOXX": 450, "BIL": 0.01}, 0.5, "REBALANCE"),
    ],
)
def test_it_holds_within_drift_unless_something_has_to_be_opened_or_closed(
    held: dict[str, float], drift: float, expected: str
) -> None:
    """Up at volatility 0.30: SOXL 50 %, SOXX 45 %."""
    assert decide(110, held, drift=drift).action.value == expected


def test_a_change_of_regime_is_never_held_back_by_drift() -> None:
    assert weights(decide(90, {"SOXL": 500, "SOXX": 450}, drift=0.5)) == DOWN
    assert weights(decide(110, {"BIL": 1000}, drift=0.5)) == pytest.approx(UP)


@pytest.mark.parametrize("unknown", ["close", "sma_140", "realised_vol_20"])
def test_an_indicator_that_is_not_known_blocks_even_a_portfolio_in_place(unknown: str) -> None:
    indicators = {"close": 90.0, "sma_140": 100.0, "realised_vol_20": 0.3} | {unknown: nan}
    bills = (Position("BIL", Decimal(1000), Decimal(100)),)
    portfolio = PortfolioSnapshot("TEST", datetime(2015, 6, 11, 20, tzinfo=UTC), "USD", Decimal(0), bills)
    inputs = {InputName.DERIVED_INDICATORS: {"SOXX": indicators}, InputName.PORTFOLIO_SNAPSHOT: portfolio}
    decision = SoxlSoxxTrendIncome().evaluate(StrategyContext(SESSION, inputs), SoxlSoxxTrendIncome.Config())
    assert decision.action.value == "BLOCKED"
    assert unknown in decision.reasons[0]


def test_twenty_returns_of_zero_are_a_volatility_of_zero(invented_desk: Desks) -> None:
    """The jump from 100 to 110 lies 21 returns back, outside the window."""
    decided = invented_desk(PROFILE, AS_OF, {"SOXX": [100] + [110] * 21}).decide(PROFILE, AS_OF)
    assert decided.decision.diagnostics["realised_vol_20"] == 0
    assert {s: float(v) for s, v in decided.decision.intent.targets.items() if v} == {"SOXL": 70_000, "SOXX": 25_000}


def test_volatility_is_the_annualised_sample_deviation_of_twenty_returns(invented_desk: Desks) -> None:
    """One return of 10 % among 19 of 0 %: 0.1 x sqrt(1/20 x 19/20 x 20/19) x sqrt(252) = 0.35496."""
    decided = invented_desk(PROFILE, AS_OF, {"SOXX": [100] + [110] * 20}).decide(PROFILE, AS_OF)
    assert decided.decision.diagnostics["realised_vol_20"] == pytest.approx(0.1 / 20**0.5 * 252**0.5)


@pytest.mark.parametrize(
    ("ago", "expected"), [(0, "BLOCKED"), (1, "BLOCKED"), (20, "BLOCKED"), (139, "BLOCKED"), (140, "HOLD")]
)
def test_a_missing_bar_of_soxx_in_a_window_blocks_a_session_that_would_hold(
    invented_desk: Desks, ago: int, expected: str
) -> None:
    desk = invented_desk(PROFILE, AS_OF, {"SOXX": [100, 90]})
    desk = desk.put("SOXX", nan, desk.table.sessions[-1 - ago])
    assert desk.decide(PROFILE, AS_OF, {"BIL": 1000}, 0).decision.action.value == expected


@pytest.mark.parametrize(("sessions", "expected"), [(139, "BLOCKED"), (140, "HOLD")])
def test_one_hundred_and_forty_sessions_are_needed(invented_desk: Desks, sessions: int, expected: str) -> None:
    desk = invented_desk(PROFILE, AS_OF, {"SOXX": [100, 90]}, sessions=sessions)
    assert desk.decide(PROFILE, AS_OF, {"BIL": 1000}, 0).decision.action.value == expected


def test_prices_that_end_before_the_session_block(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, date(2015, 6, 9), {"SOXX": [100, 110]})
    assert desk.decide(PROFILE, AS_OF).decision.action.value == "BLOCKED"
