"""Caps of names and sectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from us_equity_strategies.cross_section.caps import cap_groups, cap_names

parts = st.lists(st.floats(0.01, 1), min_size=1, max_size=60).map(np.array)
caps = st.floats(0.01, 0.5)


def test_the_excess_goes_to_those_below_in_proportion_to_their_weight() -> None:
    capped = cap_names(np.array([0.6, 0.2, 0.1, 0.1]), 0.4)
    assert capped.tolist() == pytest.approx([0.4, 0.3, 0.15, 0.15])


def test_those_that_the_excess_lifts_above_the_cap_are_set_to_it_as_well() -> None:
    capped = cap_names(np.array([0.50, 0.30, 0.15, 0.05]), 0.32)
    assert capped.tolist() == pytest.approx([0.32, 0.32, 0.27, 0.09])


def test_where_all_are_at_the_cap_the_rest_is_left() -> None:
    assert cap_names(np.array([0.5, 0.3, 0.2]), 0.05).tolist() == [0.05] * 3


def test_weights_at_the_cap_are_left_as_they_are() -> None:
    even = np.array([0.25, 0.25, 0.25, 0.25])
    assert cap_names(even, 0.25).tolist() == even.tolist()


@given(parts, caps)
def test_no_name_is_above_its_cap_and_nothing_is_lost_that_fits(weights: np.ndarray, cap: float) -> None:
    weights = weights / weights.sum()
    capped = cap_names(weights, cap)
    assert (capped <= cap).all()
    assert capped.sum() == pytest.approx(min(1, cap * len(weights)))
    assert (np.diff(capped[np.argsort(weights, kind="stable")]) >= -1e-15).all(), "a larger one stays the larger"
    below = capped < cap
    if below.any():
        assert (capped[below] / weights[below]).tolist() == pytest.approx(
            [capped[below][0] / weights[below][0]] * below.sum()
        )


def test_a_sector_above_its_cap_is_scaled_and_its_excess_goes_nowhere() -> None:
    weights, sectors = np.array([0.3, 0.1, 0.2, 0.4]), np.array([45.0, 45.0, 10.0, 20.0])
    assert cap_groups(weights, sectors, 0.25).tolist() == pytest.approx([0.1875, 0.0625, 0.2, 0.25])
    assert cap_groups(weights, sectors, 0.4).tolist() == weights.tolist()


@given(parts, caps)
def test_no_sector_is_above_its_cap_and_no_other_is_touched(weights: np.ndarray, cap: float) -> None:
    sectors = np.arange(len(weights)) % 4 * 5.0
    capped = cap_groups(weights, sectors, cap)
    for sector in np.unique(sectors):
        rows = sectors == sector
        if weights[rows].sum() > cap:
            assert capped[rows].sum() == pytest.approx(cap)
        else:
            assert (capped[rows] == weights[rows]).all()
