"""Walking forward chooses on the past alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.overfitting import sharpe_ratios
from quant_platform_kit.domain.walking import Lengths, Window, parse_lengths, walk_forward, windows

DAYS = [day for n in range(2200) if (day := date(2015, 1, 2) + timedelta(days=n)).weekday() < 5]
PARTS = windows(DAYS, Lengths(24, 12))
RETURNS = np.random.default_rng(1).normal(0.0002, 0.01, (len(DAYS), 12))


def check_blind(parts: Sequence[Window]) -> None:
    """Fail where a choice changes with returns of sessions that had not ended when it was made, or changed over in."""
    chosen = walk_forward(RETURNS, parts).chosen
    for place, part in enumerate(parts):
        for other in range(RETURNS.shape[1]):
            changed = RETURNS.copy()
            changed[part.ahead[0] - 1 :, other] += 0.5
            assert walk_forward(changed, parts).chosen[: place + 1] == chosen[: place + 1]


def test_a_choice_does_not_know_what_comes() -> None:
    check_blind(PARTS)


@pytest.mark.parametrize("days", [1, 20])
def test_a_planted_look_ahead_is_noticed(days: int) -> None:
    peeking = [replace(part, past=(part.past[0], part.past[1] + days)) for part in PARTS]
    with pytest.raises(AssertionError):
        check_blind(peeking)


def test_windows_follow_each_other_without_a_gap_in_what_is_held() -> None:
    begins = [DAYS[part.ahead[0]] for part in PARTS]
    assert begins == [date(2017, 1, 2), date(2018, 1, 2), date(2019, 1, 2), date(2020, 1, 2), date(2021, 1, 4)]
    assert all(before.ahead[1] == after.ahead[0] for before, after in pairwise(PARTS))
    assert PARTS[-1].ahead[1] == len(DAYS)
    assert all(part.past[1] == part.ahead[0] - 1 for part in PARTS)
    assert DAYS[PARTS[1].past[0]] == date(2016, 1, 4)


def test_what_was_chosen_is_what_counts() -> None:
    walk = walk_forward(RETURNS, PARTS)
    for part, chosen, past in zip(PARTS, walk.chosen, walk.past, strict=True):
        ratios = sharpe_ratios(RETURNS[slice(*part.past)])
        assert chosen == ratios.argmax()
        assert past == pytest.approx(ratios.max())
    expected = np.concatenate([RETURNS[slice(*p.ahead), c] for p, c in zip(PARTS, walk.chosen, strict=True)])
    np.testing.assert_array_equal(walk.returns, expected)
    assert walk.sharpe == pytest.approx(expected.mean() / expected.std(ddof=1))


def test_lengths_are_years_or_months() -> None:
    assert parse_lengths("5y/1y") == Lengths(60, 12)
    assert parse_lengths("36m/6m") == Lengths(36, 6)
    for text in ("5y", "5/1", "0y/1y", "5y/0m", "5y/1y/1y", "-1y/1y"):
        with pytest.raises(InvalidInput, match="write it as 5y/1y"):
            parse_lengths(text)


def test_a_month_that_ends_early_is_no_trouble() -> None:
    days = [date(2020, 8, 31) + timedelta(days=n) for n in range(300)]
    assert days[windows(days, Lengths(6, 1))[0].ahead[0]] == date(2021, 2, 28)


def test_a_period_that_is_too_short_is_refused() -> None:
    with pytest.raises(InvalidInput, match="chooses on 120 months, and nothing follows"):
        windows(DAYS, Lengths(120, 12))
