"""The rules of dual momentum, one by one, on small invented markets.

A market stands at 100; a fund whose last close is 100 (1 + x) has a 12-month return of x.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import nan
from typing import Any

import pytest

PROFILE = "dual_momentum"
MID_MONTH, MONTH_END = date(2015, 6, 10), date(2015, 6, 30)
TWELVE_MONTH_ENDS_AGO = date(2014, 6, 30)

Desks = Callable[..., Any]


def chosen(decided: Any) -> str:
    ((symbol, weight),) = ((s, w) for s, w in decided.decision.intent.targets.items() if w)
    assert weight == 1
    return symbol


def action(decided: Any) -> str:
    return decided.decision.action.value


@pytest.mark.parametrize(
    ("spy", "efa", "bil", "expected"),
    [
        (110, 105, 101, "SPY"),
        (110, 115, 101, "EFA"),
        (110, 110, 101, "SPY"),
        (110, 90, 101, "SPY"),
        (101, 115, 101, "AGG"),
        (100, 115, 101, "AGG"),
        (100, 99, 101, "AGG"),
        (99, 98, 98.5, "SPY"),
    ],
)
def test_shares_are_held_when_spy_strictly_beats_bills_and_efa_when_it_strictly_beats_spy(
    invented_desk: Desks, spy: float, efa: float, bil: float, expected: str
) -> None:
    market = {"SPY": [100, spy], "EFA": [100, efa], "BIL": [100, bil]}
    assert chosen(invented_desk(PROFILE, MONTH_END, market).decide(PROFILE, MONTH_END)) == expected


def test_the_return_counts_from_the_close_twelve_month_ends_ago_and_from_no_other(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MONTH_END, {"EFA": [100, 150]})
    assert chosen(desk.put("SPY", 50, TWELVE_MONTH_ENDS_AGO).decide(PROFILE, MONTH_END)) == "SPY"
    around = (date(2014, 5, 30), date(2014, 6, 27), date(2014, 7, 1), date(2014, 7, 31))
    assert chosen(desk.put("SPY", 50, *around).decide(PROFILE, MONTH_END)) == "AGG"


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2015, 5, 28), "HOLD"),
        (date(2015, 5, 29), "REBALANCE"),
        (date(2015, 6, 1), "HOLD"),
        (MID_MONTH, "HOLD"),
        (MONTH_END, "REBALANCE"),
        (date(2018, 3, 28), "HOLD"),
        (date(2018, 3, 29), "REBALANCE"),
    ],
)
def test_it_decides_on_the_last_session_of_a_month(invented_desk: Desks, as_of: date, expected: str) -> None:
    assert action(invented_desk(PROFILE, as_of).decide(PROFILE, as_of)) == expected


@pytest.mark.parametrize("as_of", [MID_MONTH, MONTH_END])
@pytest.mark.parametrize("symbol", ["SPY", "EFA", "AGG", "BIL"])
def test_a_bar_missing_today_blocks_on_every_session(invented_desk: Desks, as_of: date, symbol: str) -> None:
    decided = invented_desk(PROFILE, as_of).put(symbol, nan, as_of).decide(PROFILE, as_of)
    assert action(decided) == "BLOCKED"
    assert decided.decision.reasons == (f"no bar on {as_of}: {symbol}",)


@pytest.mark.parametrize("as_of", [MID_MONTH, MONTH_END])
@pytest.mark.parametrize("symbol", ["SPY", "EFA", "BIL"])
def test_a_bar_missing_twelve_month_ends_ago_blocks_on_every_session(
    invented_desk: Desks, as_of: date, symbol: str
) -> None:
    decided = invented_desk(PROFILE, as_of).put(symbol, nan, TWELVE_MONTH_ENDS_AGO).decide(PROFILE, as_of)
    assert action(decided) == "BLOCKED"
    assert decided.decision.reasons == (f"12-month return unknown: {symbol}",)


def test_a_bar_missing_between_the_two_closes_that_are_read_changes_nothing(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MONTH_END, {"SPY": [100, 110]}).put("SPY", nan, date(2014, 12, 31), MID_MONTH)
    assert chosen(desk.decide(PROFILE, MONTH_END)) == "SPY"


@pytest.mark.parametrize(("as_of", "decided"), [(MID_MONTH, "HOLD"), (MONTH_END, "REBALANCE")])
def test_twelve_month_ends_before_today_are_needed_on_every_session(
    invented_desk: Desks, as_of: date, decided: str
) -> None:
    enough = len(invented_desk(PROFILE, as_of).calendar.between(TWELVE_MONTH_ENDS_AGO, as_of))
    actions = [
        action(invented_desk(PROFILE, as_of, sessions=length).decide(PROFILE, as_of)) for length in (enough - 1, enough)
    ]
    assert actions == ["BLOCKED", decided]


def test_prices_that_end_before_the_session_block(invented_desk: Desks) -> None:
    assert action(invented_desk(PROFILE, date(2015, 6, 29)).decide(PROFILE, MONTH_END)) == "BLOCKED"


def test_bills_are_watched_and_never_a_target(invented_desk: Desks) -> None:
    decided = invented_desk(PROFILE, MONTH_END).decide(PROFILE, MONTH_END)
    assert {symbol: str(weight) for symbol, weight in decided.decision.intent.targets.items()} == {
        "AGG": "1.000000000",
        "EFA": "0",
        "SPY": "0",
    }
