"""The rules of TQQQ growth and income, one by one, on small invented markets.

``trend`` makes 200 closes of QQQ with a mean of exactly 100, so that the band runs from exactly 99 to exactly 101.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import nan
from typing import Any

import pytest

PROFILE = "tqqq_growth_income"
AS_OF = date(2015, 6, 10)
ON = {"TQQQ": 0.45, "QQQ": 0.45, "BIL": 0.10}
OFF = {"BIL": 1.0}
SLEEVE = dict.fromkeys(("XLP", "XLU", "LQD"), 0.2 / 3)

Desks = Callable[..., Any]


def trend(last: float) -> dict[str, list[float]]:
    return {"QQQ": [100] * 198 + [200 - last, last]}


def shares(decided: Any) -> dict[str, float]:
    base = decided.portfolio.base
    return {symbol: float(value / base) for symbol, value in decided.decision.intent.targets.items() if value}


def action(decided: Any) -> str:
    return decided.decision.action.value


@pytest.mark.parametrize(
    ("close", "without", "holding_tqqq"),
    [(101.01, ON, ON), (101, OFF, ON), (100, OFF, ON), (99, OFF, ON), (98.99, OFF, OFF)],
)
def test_the_band_is_left_strictly_and_inside_it_tqqq_held_decides(
    invented_desk: Desks, close: float, without: dict[str, float], holding_tqqq: dict[str, float]
) -> None:
    desk = invented_desk(PROFILE, AS_OF, trend(close))
    assert shares(desk.decide(PROFILE, AS_OF)) == pytest.approx(without)
    assert shares(desk.decide(PROFILE, AS_OF, {"TQQQ": 1})) == pytest.approx(holding_tqqq)


def test_inside_the_band_holding_qqq_alone_counts_as_off(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, AS_OF, trend(100.5))
    assert shares(desk.decide(PROFILE, AS_OF, {"QQQ": 100, "XLP": 10})) == pytest.approx(OFF)


@pytest.mark.parametrize(
    ("cash", "held", "active"),
    [
        (150_000, {}, False),
        (150_000.01, {}, True),
        (150_000, {"LQD": 0.001}, True),
        (135_000.01 - 100, {"XLP": 1}, True),
        (135_000.01 - 100, {"XLU": 1}, True),
        (135_000.01 - 100, {"LQD": 1}, True),
        (135_000 - 100, {"XLP": 1}, False),
        (149_000 - 100, {"QQQ": 1}, False),
    ],
)
def test_the_sleeve_opens_above_150_000_and_stays_while_held_above_135_000(
    invented_desk: Desks, cash: float, held: dict[str, float], active: bool
) -> None:
    desk = invented_desk(PROFILE, AS_OF, trend(110))
    scaled = {symbol: weight * 0.8 for symbol, weight in ON.items()} | SLEEVE
    assert shares(desk.decide(PROFILE, AS_OF, held, cash)) == pytest.approx(scaled if active else ON)


def test_the_sleeve_takes_its_fifth_in_the_off_regime_too(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, AS_OF, trend(90))
    assert shares(desk.decide(PROFILE, AS_OF, cash=200_000)) == pytest.approx({"BIL": 0.8} | SLEEVE)


@pytest.mark.parametrize(
    ("bills", "drift", "expected"),
    [(750, 0.25, "HOLD"), (749, 0.25, "REBALANCE"), (1000, 0, "HOLD"), (999, 0, "REBALANCE"), (960, 0.05, "HOLD")],
)
def test_a_weight_exactly_drift_away_from_its_target_is_left_alone(
    invented_desk: Desks, bills: float, drift: float, expected: str
) -> None:
    """Off: the target is 100 % BIL of a base of 100,000; BIL costs 100."""
    desk = invented_desk(PROFILE, AS_OF, trend(90))
    decided = desk.decide(PROFILE, AS_OF, {"BIL": bills}, 100_000 - 100 * bills, {"drift": drift})
    assert action(decided) == expected


def test_one_weight_outside_drift_is_enough_to_trade(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, AS_OF, {"QQQ": [90] * 199 + [100]})
    held = {"TQQQ": 450, "QQQ": 450, "BIL": 100}
    assert action(desk.decide(PROFILE, AS_OF, held, 0)) == "HOLD"
    assert action(desk.decide(PROFILE, AS_OF, held | {"QQQ": 395}, 5_500)) == "REBALANCE"


def test_a_position_to_open_is_opened_however_wide_the_drift(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, AS_OF, {"QQQ": [90] * 199 + [100]})
    decided = desk.decide(PROFILE, AS_OF, {"TQQQ": 450, "QQQ": 450}, 10_000, {"drift": 0.5})
    assert shares(decided) == pytest.approx(ON)


def test_a_position_to_close_is_closed_however_small_it_is(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, AS_OF, {"QQQ": [90] * 199 + [100]})
    held = {"TQQQ": 450, "QQQ": 450, "BIL": 100, "XLU": 0.01}
    assert shares(desk.decide(PROFILE, AS_OF, held, 0, {"drift": 0.5})) == pytest.approx(ON)


def test_it_decides_on_every_session(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, AS_OF, {"QQQ": [90] * 280 + [100] * 40})
    days = desk.table.sessions[-20:]
    assert [action(desk.decide(PROFILE, day)) for day in days] == ["REBALANCE"] * 20


@pytest.mark.parametrize(
    ("ago", "expected"), [(0, "BLOCKED"), (1, "BLOCKED"), (100, "BLOCKED"), (199, "BLOCKED"), (200, "HOLD")]
)
def test_a_missing_bar_of_qqq_in_the_window_blocks_a_session_that_would_hold(
    invented_desk: Desks, ago: int, expected: str
) -> None:
    desk = invented_desk(PROFILE, AS_OF, trend(90))
    desk = desk.put("QQQ", nan, desk.table.sessions[-1 - ago])
    assert action(desk.decide(PROFILE, AS_OF, {"BIL": 1000}, 0)) == expected


@pytest.mark.parametrize(("sessions", "expected"), [(199, "BLOCKED"), (200, "HOLD")])
def test_two_hundred_sessions_are_needed(invented_desk: Desks, sessions: int, expected: str) -> None:
    desk = invented_desk(PROFILE, AS_OF, {"QQQ": [90, 80]}, sessions=sessions)
    assert action(desk.decide(PROFILE, AS_OF, {"BIL": 1000}, 0)) == expected


def test_prices_that_end_before_the_session_block(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, date(2015, 6, 9), trend(110))
    assert action(desk.decide(PROFILE, AS_OF)) == "BLOCKED"


def test_every_managed_symbol_is_named_zeros_included(invented_desk: Desks) -> None:
    decided = invented_desk(PROFILE, AS_OF, trend(90)).decide(PROFILE, AS_OF)
    assert {symbol: str(value) for symbol, value in decided.decision.intent.targets.items()} == {
        "BIL": "100000.00",
        "LQD": "0",
        "QQQ": "0",
        "TQQQ": "0",
        "XLP": "0",
        "XLU": "0",
    }
