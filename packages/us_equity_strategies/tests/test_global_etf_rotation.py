"""The rules of global ETF rotation, one by one, on small invented markets.

A market stands at 100; a fund whose last close is 100 (1 + x) has the returns x over every span, so its 13612W is x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from math import nan
from typing import Any

import pytest

PROFILE = "global_etf_rotation"
MID_MONTH, QUARTER_END = date(2015, 6, 10), date(2015, 6, 30)
TWELVE_MONTH_ENDS_AGO = date(2014, 6, 30)

Desks = Callable[..., Any]


def rising(**last: float) -> dict[str, list[float]]:
    """Return markets that stand at 100 until their last close."""
    return {symbol: [100, close] for symbol, close in last.items()}


def falling_canaries(**other: float) -> dict[str, list[float]]:
    return rising(**{"SPY": 99, "EFA": 99, "EEM": 99, "AGG": 99} | other)


def targets(decided: Any) -> dict[str, float]:
    return {symbol: float(weight) for symbol, weight in decided.decision.intent.targets.items() if weight}


def quarter_end(desks: Desks, closes: Mapping[str, list[float]], held: Mapping[str, float] | None = None) -> Any:
    return targets(desks(PROFILE, QUARTER_END, closes).decide(PROFILE, QUARTER_END, held))


@pytest.mark.parametrize("as_of", [MID_MONTH, QUARTER_END])
def test_four_negative_canaries_move_everything_to_bills_on_any_session(invented_desk: Desks, as_of: date) -> None:
    decided = invented_desk(PROFILE, as_of, falling_canaries(XLE=120)).decide(PROFILE, as_of)
    assert targets(decided) == {"BIL": 1.0}


def test_an_emergency_is_ordered_again_on_every_session_it_lasts(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MID_MONTH, {symbol: [100, 99, 99, 99] for symbol in ("SPY", "EFA", "EEM", "AGG")})
    for day in (8, 9, 10):
        assert targets(desk.decide(PROFILE, date(2015, 6, day), {"BIL": 100})) == {"BIL": 1.0}


@pytest.mark.parametrize("good", ["SPY", "EFA", "EEM", "AGG"])
def test_one_canary_at_exactly_zero_is_not_bad(invented_desk: Desks, good: str) -> None:
    decided = invented_desk(PROFILE, MID_MONTH, falling_canaries(**{good: 100})).decide(PROFILE, MID_MONTH)
    assert decided.decision.action.value == "HOLD"


@pytest.mark.parametrize("unknown", ["SPY", "EFA", "EEM", "AGG"])
def test_an_unknown_canary_counts_as_bad(invented_desk: Desks, unknown: str) -> None:
    decided = invented_desk(PROFILE, MID_MONTH, falling_canaries(**{unknown: nan})).decide(PROFILE, MID_MONTH)
    assert targets(decided) == {"BIL": 1.0}


def test_canaries_that_are_all_unknown_are_an_emergency_not_a_missing_input(invented_desk: Desks) -> None:
    market = rising(SPY=nan, EFA=nan, EEM=nan, AGG=nan)
    assert targets(invented_desk(PROFILE, MID_MONTH, market).decide(PROFILE, MID_MONTH)) == {"BIL": 1.0}


def test_an_unknown_canary_beside_a_good_one_is_no_emergency(invented_desk: Desks) -> None:
    market = rising(SPY=nan, EFA=nan, EEM=nan, AGG=101)
    assert invented_desk(PROFILE, MID_MONTH, market).decide(PROFILE, MID_MONTH).decision.action.value == "HOLD"


@pytest.mark.parametrize(
    ("as_of", "action"),
    [
        (date(2015, 1, 30), "HOLD"),
        (date(2015, 2, 27), "HOLD"),
        (date(2015, 3, 31), "REBALANCE"),
        (date(2015, 4, 30), "HOLD"),
        (date(2015, 5, 29), "HOLD"),
        (date(2015, 6, 29), "HOLD"),
        (date(2015, 6, 30), "REBALANCE"),
        (date(2015, 7, 1), "HOLD"),
        (date(2015, 7, 31), "HOLD"),
        (date(2015, 8, 31), "HOLD"),
        (date(2015, 9, 30), "REBALANCE"),
        (date(2015, 10, 30), "HOLD"),
        (date(2015, 11, 30), "HOLD"),
        (date(2015, 12, 31), "REBALANCE"),
    ],
)
def test_without_an_emergency_it_rotates_on_the_last_session_of_a_quarter_only(
    invented_desk: Desks, as_of: date, action: str
) -> None:
    assert invented_desk(PROFILE, as_of).decide(PROFILE, as_of).decision.action.value == action


def test_the_two_best_scores_get_half_each(invented_desk: Desks) -> None:
    assert quarter_end(invented_desk, rising(XLE=110, DBC=108, GLD=105)) == {"XLE": 0.5, "DBC": 0.5}


def test_equal_scores_are_settled_by_symbol(invented_desk: Desks) -> None:
    assert quarter_end(invented_desk, rising(XLU=110, XLE=110, GLD=110, DBC=110)) == {"DBC": 0.5, "GLD": 0.5}


def test_holding_a_fund_adds_two_hundredths_to_its_score(invented_desk: Desks) -> None:
    market = rising(XLE=110, DBC=108, GLD=106.5)
    assert quarter_end(invented_desk, market) == {"XLE": 0.5, "DBC": 0.5}
    assert quarter_end(invented_desk, market, {"GLD": 1}) == {"XLE": 0.5, "GLD": 0.5}
    assert quarter_end(invented_desk, rising(XLE=110, DBC=108, GLD=105.5), {"GLD": 1}) == {"XLE": 0.5, "DBC": 0.5}


def test_holding_a_fund_does_not_make_it_eligible(invented_desk: Desks) -> None:
    assert quarter_end(invented_desk, rising(XLE=110), {"GLD": 50}) == {"XLE": 0.5, "BIL": 0.5}


def test_a_close_equal_to_its_mean_is_not_above_it_and_empty_slots_go_to_bills(invented_desk: Desks) -> None:
    assert quarter_end(invented_desk, {}) == {"BIL": 1.0}


def test_a_fund_above_its_mean_is_chosen_even_with_a_negative_score(invented_desk: Desks) -> None:
    """13612W = (18 x 2/90 + 92/10,000 - 1) / 19 = -0.03, but the mean of 200 closes is 90.01."""
    fell = [10_000] + [90] * 250 + [92]
    assert quarter_end(invented_desk, {"XLE": fell}) == {"XLE": 0.5, "BIL": 0.5}


def test_the_mean_is_that_of_200_closes_today_included(invented_desk: Desks) -> None:
    """One close of 300 in the window lifts the mean of XLE to 101, above its last close of 100.5."""
    desk = invented_desk(PROFILE, QUARTER_END, rising(XLE=100.5))
    oldest_read, older = desk.table.sessions[-200], desk.table.sessions[-201]
    assert targets(desk.put("XLE", 300, older).decide(PROFILE, QUARTER_END)) == {"XLE": 0.5, "BIL": 0.5}
    assert targets(desk.put("XLE", 300, oldest_read).decide(PROFILE, QUARTER_END)) == {"BIL": 1.0}


@pytest.mark.parametrize(
    ("gap", "where"),
    [
        (QUARTER_END, "today"),
        (date(2015, 4, 15), "inside the 200 closes of the mean"),
        (TWELVE_MONTH_ENDS_AGO, "at the month end 12 months ago"),
        (date(2015, 3, 31), "at the month end 3 months ago"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fund_with_a_missing_bar_is_only_ruled_out_itself(invented_desk: Desks, gap: date, where: str) -> None:
    desk = invented_desk(PROFILE, QUARTER_END, rising(XLE=110, DBC=108, GLD=105)).put("XLE", nan, gap)
    assert targets(desk.decide(PROFILE, QUARTER_END)) == {"DBC": 0.5, "GLD": 0.5}


def test_a_gap_outside_every_window_rules_nothing_out(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, QUARTER_END, rising(XLE=110, DBC=108, GLD=105)).put("XLE", nan, date(2014, 7, 10))
    assert targets(desk.decide(PROFILE, QUARTER_END)) == {"XLE": 0.5, "DBC": 0.5}


@pytest.mark.parametrize("as_of", [MID_MONTH, QUARTER_END])
def test_twelve_month_ends_before_today_are_needed_on_every_session(invented_desk: Desks, as_of: date) -> None:
    probe = invented_desk(PROFILE, as_of)
    enough = len(probe.calendar.between(TWELVE_MONTH_ENDS_AGO, as_of))
    actions = [
        invented_desk(PROFILE, as_of, sessions=length).decide(PROFILE, as_of).decision.action.value
        for length in (enough - 1, enough)
    ]
    assert actions == ["BLOCKED", "REBALANCE" if as_of == QUARTER_END else "HOLD"]


def test_short_history_blocks_even_an_emergency(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, MID_MONTH, falling_canaries(), sessions=150)
    assert desk.decide(PROFILE, MID_MONTH).decision.action.value == "BLOCKED"


def test_prices_that_end_before_the_session_block(invented_desk: Desks) -> None:
    desk = invented_desk(PROFILE, date(2015, 6, 29), falling_canaries())
    decided = desk.decide(PROFILE, QUARTER_END)
    assert decided.decision.action.value == "BLOCKED"
    assert decided.decision.reasons == ("prices end on 2015-06-29",)
