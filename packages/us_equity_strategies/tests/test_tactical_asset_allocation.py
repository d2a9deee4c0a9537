"""The rules of tactical asset allocation, one by one, on small invented markets that stand at 100."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import nan
from typing import Any

import pytest

PROFILE = "tactical_asset_allocation"
MID_MONTH, MONTH_END = date(2015, 6, 10), date(2015, 6, 30)
OLDEST_READ, OLDER = date(2014, 9, 30), date(2014, 8, 29)
ASSETS = ("SPY", "EFA", "IEF", "DBC", "VNQ")

Desks = Callable[..., Any]


def targets(decided: Any) -> dict[str, float]:
    return {symbol: float(weight) for symbol, weight in decided.decision.intent.targets.items() if weight}


def action(decided: Any) -> str:
    return decided.decision.action.value


@pytest.mark.parametrize("above", [ASSETS[:count] for count in range(6)], ids=len)
def test_each_asset_above_its_mean_gets_a_fifth_and_bills_get_the_others(
    invented_desk: Desks, above: tuple[str, ...]
) -> None:
    desk = invented_desk(PROFILE, MONTH_END, {symbol: [100, 101] for symbol in above})
    expected = dict.fromkeys(above, 0.2) | ({"BIL": round(0.2 * (5 - len(above)), 9)} if len(above) < 5 else {})
    assert targets(desk.decide(PROFILE, MONTH_END)) == expected


def test_a_close_equal_to_its_mean_is_not_above_it(invented_desk: Desks) -> None:
    assert targets(invented_desk(PROFILE, MONTH_END).decide(PROFILE, MONTH_END)) == {"BIL": 1.0}


def test_the_mean_takes_ten_month_ends_and_today_is_one_of_them(invented_desk: Desks) -> None:
    """A close of 119 ten month ends ago, today included, lifts the mean to (119 + 9 x 100) / 10 = 101.9."""
    desk = invented_desk(PROFILE, MONTH_END, {"SPY": [100, 102]})
    assert "SPY" in targets(desk.decide(PROFILE, MONTH_END))
    assert "SPY" in targets(desk.put("SPY", 117, OLDEST_READ).decide(PROFILE, MONTH_END))
    assert "SPY" not in targets(desk.put("SPY", 119, OLDEST_READ).decide(PROFILE, MONTH_END))
    assert "SPY" in targets(desk.put("SPY", 9_999, OLDER).decide(PROFILE, MONTH_END))


def test_closes_inside_a_month_do_not_count(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MONTH_END, {"SPY": [100, 101]})
    desk = desk.put("SPY", 9_999, date(2015, 6, 29), date(2015, 5, 28), date(2015, 4, 1)).put("SPY", nan, MID_MONTH)
    assert targets(desk.decide(PROFILE, MONTH_END)) == {"SPY": 0.2, "BIL": 0.8}


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2015, 5, 28), "HOLD"),
        (date(2015, 5, 29), "REBALANCE"),
        (date(2015, 6, 1), "HOLD"),
        (MID_MONTH, "HOLD"),
        (MONTH_END, "REBALANCE"),
    ],
)
def test_it_decides_on_the_last_session_of_a_month(invented_desk: Desks, as_of: date, expected: str) -> None:
    assert action(invented_desk(PROFILE, as_of).decide(PROFILE, as_of)) == expected


@pytest.mark.parametrize("as_of", [MID_MONTH, MONTH_END])
@pytest.mark.parametrize("symbol", [*ASSETS, "BIL"])
def test_a_bar_missing_today_blocks_on_every_session(invented_desk: Desks, as_of: date, symbol: str) -> None:
    decided = invented_desk(PROFILE, as_of).put(symbol, nan, as_of).decide(PROFILE, as_of)
    assert action(decided) == "BLOCKED"
    assert decided.decision.reasons == (f"no bar on {as_of}: {symbol}",)


@pytest.mark.parametrize("as_of", [MID_MONTH, MONTH_END])
@pytest.mark.parametrize("gap", [OLDEST_READ, date(2014, 12, 31), date(2015, 5, 29)], ids=str)
@pytest.mark.parametrize("symbol", ASSETS)
def test_a_bar_missing_at_a_month_end_blocks_on_every_session(
    invented_desk: Desks, as_of: date, gap: date, symbol: str
) -> None:
    decided = invented_desk(PROFILE, as_of).put(symbol, nan, gap).decide(PROFILE, as_of)
    assert action(decided) == "BLOCKED"
    assert decided.decision.reasons == (f"10-month mean unknown: {symbol}",)


def test_a_bar_missing_before_the_window_or_of_bills_in_the_past_changes_nothing(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MONTH_END).put("SPY", nan, OLDER).put("BIL", nan, OLDEST_READ)
    assert targets(desk.decide(PROFILE, MONTH_END)) == {"BIL": 1.0}


@pytest.mark.parametrize(("as_of", "decided"), [(MID_MONTH, "HOLD"), (MONTH_END, "REBALANCE")])
def test_nine_month_ends_before_today_are_needed_on_every_session(
    invented_desk: Desks, as_of: date, decided: str
) -> None:
    enough = len(invented_desk(PROFILE, as_of).calendar.between(OLDEST_READ, as_of))
    actions = [
        action(invented_desk(PROFILE, as_of, sessions=length).decide(PROFILE, as_of)) for length in (enough - 1, enough)
    ]
    assert actions == ["BLOCKED", decided]


def test_prices_that_end_before_the_session_block(invented_desk: Desks) -> None:
    assert action(invented_desk(PROFILE, date(2015, 6, 29)).decide(PROFILE, MONTH_END)) == "BLOCKED"
