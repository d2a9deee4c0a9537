"""Scores of values against their group."""

from __future__ import annotations

from math import nan, sqrt

import numpy as np
import pytest
from us_equity_strategies.cross_section.zscores import zscores, zscores_within


def test_values_are_told_in_deviations_of_the_whole_group_from_its_mean() -> None:
    assert zscores(np.array([1.0, 2.0, 3.0])).tolist() == pytest.approx([-sqrt(1.5), 0, sqrt(1.5)])


def test_a_value_is_cut_at_three_deviations_on_both_sides() -> None:
    crowd = [0.0] * 50
    assert zscores(np.array([*crowd, 1.0])).max() == 3
    assert zscores(np.array([*crowd, -1.0])).min() == -3
    inside = zscores(np.array([0.0] * 9 + [1.0]))
    assert inside[-1] == pytest.approx(3)
    assert inside[0] == pytest.approx(-1 / 3)


@pytest.mark.parametrize("values", [[5.0], [0.1] * 7, [1.0, 1.0 + 1e-13]])
def test_a_group_without_differences_tells_nothing_apart(values: list[float]) -> None:
    assert zscores(np.array(values)).tolist() == [0] * len(values)


def test_a_small_difference_is_one() -> None:
    assert zscores(np.array([1.0, 1.0 + 1e-9])).tolist() == pytest.approx([-1, 1], rel=1e-6)


def test_an_unknown_value_gets_zero_and_does_not_count() -> None:
    assert zscores(np.array([1.0, nan, 3.0])).tolist() == [-1, 0, 1]
    assert zscores(np.array([nan, nan])).tolist() == [0, 0]
    assert zscores(np.array([nan, 4.0])).tolist() == [0, 0]


def test_features_are_scored_side_by_side() -> None:
    values = np.array([[1.0, 10.0], [2.0, nan], [3.0, 30.0]])
    assert zscores(values)[:, 0].tolist() == zscores(values[:, 0]).tolist()
    assert zscores(values)[:, 1].tolist() == [-1, 0, 1]


def test_each_group_is_scored_by_itself() -> None:
    groups, values = np.array([45.0, 10.0, 45.0, 10.0, 60.0]), np.array([[1.0], [100.0], [3.0], [300.0], [7.0]])
    assert zscores_within(groups, values).tolist() == [[-1], [-1], [1], [1], [0]]
