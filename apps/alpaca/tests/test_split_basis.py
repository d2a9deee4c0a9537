"""Closes in the units of a session, out of raw and split-adjusted ones that are rounded."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from alpaca_app.split_basis import closes_on_basis, split_factor

DAYS = [date(2025, 1, 1) + timedelta(days=number) for number in range(6)]
CLOSES = [601.2346, 602.1, 603.7777, 604.0, 605.5555, 606.25]


def series(*splits: tuple[int, float], decimals: int = 4) -> tuple[dict[date, float], dict[date, float]]:
    """Return raw and adjusted closes, given after how many days one unit became how many."""
    raw, adjusted = {}, {}
    for number, (day, close) in enumerate(zip(DAYS, CLOSES, strict=True)):
        traded = close / np.prod([ratio for after, ratio in splits if number >= after])
        raw[day] = traded
        adjusted[day] = round(traded / np.prod([ratio for after, ratio in splits if number < after]), decimals)
    return raw, adjusted


@pytest.mark.parametrize("ratio", [2.0, 1.5, 10.0, 0.1, 1 / 30, 4 / 3, 1.25, 20.0])
def test_a_later_split_leaves_every_close_as_it_was_traded(ratio: float) -> None:
    raw, adjusted = series((5, ratio))
    before = closes_on_basis(*series(), DAYS[:4], DAYS[4])
    assert closes_on_basis(raw, adjusted, DAYS[:4], DAYS[4]).tolist() == before.tolist()


@pytest.mark.parametrize(("ratio", "decimals"), [(2.0, 4), (1.5, 2), (20.0, 4), (0.125, 2)])
def test_a_split_within_the_days_is_undone_exactly(ratio: float, decimals: int) -> None:
    raw, adjusted = series((3, ratio), decimals=decimals)
    found = closes_on_basis(raw, adjusted, DAYS[:4], DAYS[4])
    assert found == pytest.approx([close / ratio for close in CLOSES[:4]], rel=1e-12)


def test_a_session_without_a_close_of_its_own_has_the_basis_of_the_next_one_and_the_newest_that_of_now() -> None:
    raw, adjusted = series((5, 2.0))
    del raw[DAYS[4]]
    assert closes_on_basis(raw, adjusted, DAYS[:1], DAYS[4])[0] == pytest.approx(CLOSES[0] / 2)
    today = DAYS[5] + timedelta(days=1)
    assert closes_on_basis(raw, adjusted, DAYS[:1], today)[0] == pytest.approx(CLOSES[0] / 2)


def test_a_day_without_a_close_has_none() -> None:
    raw, adjusted = series()
    del adjusted[DAYS[1]]
    assert np.isnan(closes_on_basis(raw, adjusted, DAYS[:3], DAYS[4])).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("ratio", "factor"), [(1.0001, 1.0), (1.9998, 2.0), (1.50001, 1.5), (0.049999, 0.05), (1.3983, 1.3983), (3.0, 3.0)]
)
def test_a_ratio_is_taken_for_the_simplest_fraction_near_it(ratio: float, factor: float) -> None:
    assert split_factor(ratio) == pytest.approx(factor, abs=1e-12)
