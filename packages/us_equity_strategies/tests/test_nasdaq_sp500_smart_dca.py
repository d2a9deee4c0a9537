"""The rules of Nasdaq and S&P 500 smart DCA, one by one, on small invented markets that stand at 100."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from math import nan
from typing import Any

import pytest

PROFILE = "nasdaq_sp500_smart_dca"
MONTH_START, SECOND = date(2015, 6, 1), date(2015, 6, 2)

Desks = Callable[..., Any]


def action(decided: Any) -> str:
    return decided.decision.action.value


def targets(decided: Any) -> dict[str, Decimal]:
    return dict(decided.decision.intent.targets)


@pytest.mark.parametrize(
    ("closes", "amount"),
    [
        ([100, 100], 500),
        ([100, 90], 500),
        ([100, 89.99], 750),
        ([100, 40], 750),
        ([80] * 199 + [92.3], 250),
        ([80] * 199 + [92], 500),
        ([100] * 250 + [200, 150], 750),
    ],
    ids=[
        "at its high: 1",
        "exactly 10 % below its high: 1",
        "more than 10 % below its high: 1.5",
        "far below its high: 1.5",
        "more than 15 % above its mean: 0.5",
        "less than 15 % above its mean: 1",
        "both far below its high and far above its mean, the high comes first: 1.5",
    ],
)
def test_the_amount_follows_the_distance_from_high_and_mean(
    invented_desk: Desks, closes: list[float], amount: int
) -> None:
    decided = invented_desk(PROFILE, MONTH_START, {"QQQ": closes}).decide(PROFILE, MONTH_START)
    assert targets(decided) == {"QQQ": amount, "SPY": 500}


def test_a_close_exactly_15_percent_above_its_mean_is_not_dear(invented_desk: Desks) -> None:
    """The mean is exactly 64 and the close 1.15 x 64 to the last bit."""
    closes = [64.0] * 198 + [64 - 9.6, 64 + 9.6]
    decided = invented_desk(PROFILE, MONTH_START, {"QQQ": closes}).decide(PROFILE, MONTH_START)
    assert targets(decided)["QQQ"] == 500


def test_the_high_is_that_of_252_closes_today_included(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MONTH_START)
    oldest_read, older = desk.table.sessions[-252], desk.table.sessions[-253]
    assert targets(desk.put("QQQ", 200, oldest_read).decide(PROFILE, MONTH_START))["QQQ"] == 750
    assert targets(desk.put("QQQ", 200, older).decide(PROFILE, MONTH_START))["QQQ"] == 500


def test_the_mean_is_that_of_200_closes_today_included(invented_desk: Desks) -> None:
    """114.6 is 1.145 of the mean; one close of 1 in the window lowers the mean to where it is 1.151 of it."""
    desk = invented_desk(PROFILE, MONTH_START, {"QQQ": [100] * 199 + [114.6]})
    oldest_read, older = desk.table.sessions[-200], desk.table.sessions[-201]
    assert targets(desk.decide(PROFILE, MONTH_START))["QQQ"] == 500
    assert targets(desk.put("QQQ", 1, oldest_read).decide(PROFILE, MONTH_START))["QQQ"] == 250
    assert targets(desk.put("QQQ", 1, older).decide(PROFILE, MONTH_START))["QQQ"] == 500


def test_the_target_is_what_is_held_at_the_runs_quotes_plus_the_amount(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, SECOND, {"QQQ": [100, 104]})
    decided = desk.decide(PROFILE, MONTH_START, {"QQQ": 10})
    assert targets(decided) == {"QQQ": Decimal("1540.00"), "SPY": Decimal("500.00")}


def test_it_only_buys_and_asks_for_the_amount_even_without_cash(invented_desk: Desks) -> None:
    decided = invented_desk(PROFILE, MONTH_START).decide(PROFILE, MONTH_START, {"SPY": 3}, cash=0)
    assert decided.decision.intent.buy_only
    assert targets(decided) == {"QQQ": 500, "SPY": 800}


def test_the_monthly_amount_is_split_in_halves(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MONTH_START, {"SPY": [100, 80]})
    decided = desk.decide(PROFILE, MONTH_START, config={"monthly_amount": "333.33"})
    assert targets(decided) == {"QQQ": Decimal("166.66"), "SPY": Decimal("250.00")}


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2015, 5, 29), "HOLD"),
        (MONTH_START, "REBALANCE"),
        (SECOND, "HOLD"),
        (date(2015, 6, 30), "HOLD"),
        (date(2015, 7, 1), "REBALANCE"),
        (date(2016, 1, 4), "REBALANCE"),
    ],
)
def test_it_decides_on_the_first_session_of_a_month(invented_desk: Desks, as_of: date, expected: str) -> None:
    assert action(invented_desk(PROFILE, as_of).decide(PROFILE, as_of)) == expected


@pytest.mark.parametrize("as_of", [MONTH_START, SECOND])
@pytest.mark.parametrize("ago", [0, 1, 150, 199, 200, 251])
@pytest.mark.parametrize("symbol", ["QQQ", "SPY"])
def test_a_missing_bar_in_the_window_blocks_on_every_session(
    invented_desk: Desks, as_of: date, ago: int, symbol: str
) -> None:
    desk = invented_desk(PROFILE, as_of)
    decided = desk.put(symbol, nan, desk.table.sessions[-1 - ago]).decide(PROFILE, as_of)
    assert action(decided) == "BLOCKED"
    assert symbol in decided.decision.reasons[0]


def test_a_missing_bar_before_the_window_changes_nothing(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MONTH_START)
    assert targets(desk.put("QQQ", nan, desk.table.sessions[-253]).decide(PROFILE, MONTH_START))["QQQ"] == 500


@pytest.mark.parametrize(("as_of", "decided"), [(SECOND, "HOLD"), (MONTH_START, "REBALANCE")])
def test_252_sessions_are_needed_on_every_session(invented_desk: Desks, as_of: date, decided: str) -> None:
    actions = [action(invented_desk(PROFILE, as_of, sessions=length).decide(PROFILE, as_of)) for length in (251, 252)]
    assert actions == ["BLOCKED", decided]


def test_prices_that_end_before_the_session_block(invented_desk: Desks) -> None:
    assert action(invented_desk(PROFILE, date(2015, 5, 29)).decide(PROFILE, MONTH_START)) == "BLOCKED"
