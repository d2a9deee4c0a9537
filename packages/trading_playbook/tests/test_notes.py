"""Sessions of one's own making: each note, and the bounds between one and the next. Both ways agree on all of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from trading_playbook.dp20.bars import SessionBars
from trading_playbook.dp20.outcome import Note, Outcome, Step
from trading_playbook.dp20.parameters import Dp20Parameters

Market = Callable[..., SessionBars]
Follow = Callable[..., Outcome]

ENTERED = {0: 100.0, 30: 99.0, 34: 101.0}
"""A pullback at 10:00, a reversal at 10:04, a confirmation at 10:06, an entry at 10:08."""


def test_a_session_without_bars_has_no_data(market: Market, follow: Follow) -> None:
    assert follow(market(ENTERED, end=0)) == Outcome(Note.NO_DATA)


def test_a_first_bar_at_ten_is_no_data_and_one_before_it_is_enough(market: Market, follow: Follow) -> None:
    assert follow(market(ENTERED, without=range(30))) == Outcome(Note.NO_DATA)
    assert follow(market(ENTERED, without=range(29))).note is not Note.NO_DATA


def test_without_a_mean_of_daily_closes_only_the_open_is_told(market: Market, follow: Follow) -> None:
    assert follow(market(ENTERED), sma=None) == Outcome(Note.NO_SMA200, 100.0)


def test_the_open_is_strictly_above_the_mean(market: Market, follow: Follow) -> None:
    assert follow(market(ENTERED), sma=100.0) == Outcome(Note.TREND_INVALID, 100.0, 100.0, trend_valid=False)
    assert follow(market(ENTERED), sma=np.nextafter(100.0, 0)).trend_valid


def test_the_open_is_that_of_the_first_bar_whenever_it_starts(market: Market, follow: Follow) -> None:
    assert follow(market({0: 100.0, 10: 101.0}, without=range(20))).session_open == 101.0


def test_closes_at_the_mean_are_no_pullback(market: Market, follow: Follow) -> None:
    outcome = follow(market({0: 100.0, 30: 100.0 - 1e-10}))
    assert (outcome.note, outcome.pullback) == (Note.NO_PULLBACK, None)


def test_a_pullback_that_is_never_reversed_keeps_the_first_one(market: Market, follow: Follow) -> None:
    outcome = follow(market({0: 100.0, 32: 99.0, 40: 98.0}))
    assert (outcome.note, outcome.pullback, outcome.reversal) == (Note.NO_REVERSAL, 32, None)


def test_a_bar_without_a_range_is_no_reversal(market: Market, follow: Follow) -> None:
    flat = {0: 100.0, 30: 99.0, 34: 101.0}
    outcome = follow(market(flat, gaps=(34,), end=36, spread=0.0), minutes=390)
    assert outcome.note is Note.INCOMPLETE_SESSION
    assert outcome.reversal is None


def test_a_reversal_in_the_last_bar_has_no_confirmation(market: Market, follow: Follow) -> None:
    outcome = follow(market({0: 100.0, 30: 99.0, 58: 101.0}))
    assert (outcome.note, outcome.reversal, outcome.confirmation) == (Note.NO_CONFIRMATION, 58, None)


@pytest.mark.parametrize(("gap", "note"), [(range(36, 46), Note.EOD), (range(36, 48), Note.NO_CONFIRMATION)])
def test_a_confirmation_follows_within_ten_minutes(market: Market, follow: Follow, gap: range, note: Note) -> None:
    assert follow(market(ENTERED, without=gap)).note is note


def test_after_an_unconfirmed_reversal_the_search_is_over(market: Market, follow: Follow) -> None:
    outcome = follow(market({**ENTERED, 50: 99.0, 52: 102.0}, without=range(36, 48)))
    assert (outcome.note, outcome.reversal) == (Note.NO_CONFIRMATION, 34)


def test_an_invalidated_reversal_without_another_stays_invalidated(market: Market, follow: Follow) -> None:
    outcome = follow(market({**ENTERED, 36: 98.0}))
    assert (outcome.note, outcome.pullback, outcome.reversal, outcome.confirmation) == (Note.INVALIDATED, 30, 34, 36)


def test_an_invalidation_after_an_invalidation_arms_again(market: Market, follow: Follow) -> None:
    twice = {**ENTERED, 36: 98.0, 38: 101.0, 40: 97.0}
    outcome = follow(market(twice))
    assert (outcome.note, outcome.pullback, outcome.reversal, outcome.confirmation) == (Note.INVALIDATED, 36, 38, 40)
    entered = follow(market({**twice, 42: 103.0}))
    assert (entered.note, entered.pullback, entered.reversal, entered.confirmation) == (Note.EOD, 40, 42, 44)
    steps = [decision.step for decision in entered.decisions]
    assert steps.count(Step.INVALIDATED) == 2


def test_a_reversal_after_an_invalidation_that_is_not_confirmed_says_so(market: Market, follow: Follow) -> None:
    outcome = follow(market({**ENTERED, 36: 98.0, 58: 101.0}))
    assert (outcome.note, outcome.pullback, outcome.reversal) == (Note.NO_CONFIRMATION, 36, 58)
    assert outcome.confirmation is None


@pytest.mark.parametrize(("gap", "note"), [(range(58, 68), Note.EOD), (range(58, 70), Note.NO_ENTRY_BAR)])
def test_the_entry_follows_within_ten_minutes_even_after_the_window(
    market: Market, follow: Follow, gap: range, note: Note
) -> None:
    outcome = follow(market({0: 100.0, 30: 99.0, 54: 101.0}, without=gap))
    assert (outcome.note, outcome.confirmation) == (note, 56)
    assert (outcome.trade is None) == (note is Note.NO_ENTRY_BAR)


def test_a_confirmed_session_whose_bars_end_has_no_entry_bar(market: Market, follow: Follow) -> None:
    outcome = follow(market({0: 100.0, 30: 99.0, 54: 101.0}, end=58))
    assert (outcome.note, outcome.confirmation) == (Note.NO_ENTRY_BAR, 56)


def test_a_stop_within_a_cent_is_zero_risk(market: Market, follow: Follow) -> None:
    small = {0: 100.0, 30: 99.99, 34: 100.01}
    outcome = follow(market(small, spread=0.0))
    assert (outcome.note, outcome.confirmation, outcome.trade) == (Note.ZERO_RISK, 36, None)
    assert follow(market(small, spread=0.01)).trade is not None


def test_without_entry_a_session_that_ends_before_10_20_is_incomplete(market: Market, follow: Follow) -> None:
    outcome = follow(market({0: 100.0, 30: 99.0}, end=50))
    assert (outcome.note, outcome.pullback, outcome.trend_valid) == (Note.INCOMPLETE_SESSION, 30, True)
    assert follow(market({0: 100.0, 30: 99.0}, end=51)).note is Note.NO_REVERSAL


def test_the_entry_is_the_open_of_the_bars_first_minute_and_the_risk_the_confirmations(
    market: Market, follow: Follow
) -> None:
    bars = market({**ENTERED, 38: 103.0})
    trade = follow(bars).trade
    assert trade is not None
    assert (trade.entry, trade.entry_price) == (38, 101.0)
    assert trade.atr == follow(market(ENTERED)).trade.atr
    assert trade.stop == 101.0 - 1.2 * trade.atr


def test_an_entry_bar_that_lacks_its_first_minute_is_entered_in_the_next_one(market: Market, follow: Follow) -> None:
    trade = follow(market({**ENTERED, 38: 101.5}, without=(38,))).trade
    assert trade is not None
    assert (trade.entry, trade.entry_price) == (39, 101.5)


def test_the_stop_is_live_in_the_minute_of_the_entry(market: Market, follow: Follow) -> None:
    outcome = follow(market({**ENTERED, 38: 90.0}))
    assert (outcome.note, outcome.trade.exit, outcome.trade.r_multiple) == (Note.STOP, 38, -1.0)


def test_an_open_below_the_stop_is_a_gap_and_filled_there(market: Market, follow: Follow) -> None:
    trade = follow(market({**ENTERED, 60: 90.0}, gaps=(60,)))
    assert (trade.note, trade.trade.exit_price) == (Note.STOP_GAP, 90.0)
    assert trade.trade.r_multiple < -1


@pytest.mark.parametrize(("minutes", "leaves"), [(390, 385), (210, 205)])
def test_a_trade_is_left_at_the_open_five_minutes_before_the_close_whatever_the_low(
    market: Market, follow: Follow, minutes: int, leaves: int
) -> None:
    outcome = follow(market({**ENTERED, leaves: 90.0}, end=minutes), minutes=minutes)
    assert (outcome.note, outcome.trade.exit, outcome.trade.exit_price) == (Note.EOD, leaves, 101.0)


def test_a_missing_minute_to_leave_in_is_replaced_by_the_next_one(market: Market, follow: Follow) -> None:
    outcome = follow(market(ENTERED, without=range(380, 388)))
    assert (outcome.note, outcome.trade.exit) == (Note.EOD, 388)


def test_bars_that_end_near_the_time_to_leave_are_left_at_their_last_close(market: Market, follow: Follow) -> None:
    outcome = follow(market({**ENTERED, 375: 102.0}, end=376))
    assert (outcome.note, outcome.trade.exit, outcome.trade.exit_price) == (Note.EOD_LAST_CLOSE, 375, 102.0)
    assert outcome.decisions[-1] == (Step.LEFT, 375, 102.0)


def test_bars_that_end_too_early_leave_a_trade_open(market: Market, follow: Follow) -> None:
    outcome = follow(market(ENTERED, end=375))
    assert (outcome.note, outcome.trade.exit, outcome.trade.r_multiple) == (Note.INCOMPLETE_SESSION, None, None)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 6, 10, 15, 30])
def test_both_ways_agree_on_any_path_with_any_holes(market: Market, follow: Follow, length: int) -> None:
    numbers, notes = Dp20Parameters(bar_minutes=length), set[Note]()
    for seed in range(25):
        random = np.random.default_rng(seed)
        steps = np.cumsum(random.normal(0, 0.05, 390))
        missing = set(random.choice(390, int(random.integers(0, 120)), replace=False).tolist())
        bars = market(dict(enumerate((100 + steps).tolist())), without=missing, end=int(random.integers(30, 391)))
        notes.add(follow(bars, numbers=numbers).note)
    assert len(notes) > 1
