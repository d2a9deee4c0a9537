"""Sharpe ratios of chosen trials, against the examples of the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from quant_platform_kit.domain.overfitting import (
    deflated_sharpe,
    expected_best,
    moments,
    probabilistic_sharpe,
    probability_of_overfitting,
    sharpe_ratios,
)

DAYS = 250
"""Of a year, in the papers."""


def test_the_hedge_fund_of_the_first_paper() -> None:
    # 2012: 24 months, Sharpe ratio 0.458 a month, skewness -2.448, kurtosis 10.164
    assert probabilistic_sharpe(0.458, 24) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(("periods", "years"), [(DAYS, 2.73), (52, 2.83), (12, 3.24)])
def test_the_track_record_that_the_first_paper_asks_for(periods: int, years: float) -> None:
    # 2012: so long has an annual Sharpe ratio of 2 to last until it is above 1 with 95 %
    found = probabilistic_sharpe(2 / math.sqrt(periods), round(years * periods), benchmark=1 / math.sqrt(periods))
    assert found == pytest.approx(0.95, abs=0.002)


def test_the_hundred_trials_of_the_second_paper() -> None:
    # 2014: annual Sharpe ratio 2.5 in five years of days, variance of the trials 1/2 a year, skewness -3, kurtosis 10
    variance = 1 / 2 / DAYS
    chosen = 2.5 / math.sqrt(DAYS)
    assert expected_best(100, variance) == pytest.approx(0.1132, abs=5e-5)
    for trials, skewness, kurtosis, deflated in ((100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)):
        found = probabilistic_sharpe(chosen, 1250, skewness, kurtosis, expected_best(trials, variance))
        assert found == pytest.approx(deflated, abs=5e-4)


def test_a_deflated_series_has_its_own_moments() -> None:
    returns = np.random.default_rng(1).gamma(2.0, 0.01, 500) - 0.018
    skewness, kurtosis = moments(returns)
    assert skewness == pytest.approx(2 / math.sqrt(2), abs=0.3)
    sharpe = returns.mean() / returns.std(ddof=1)
    expected = probabilistic_sharpe(sharpe, 500, skewness, kurtosis, expected_best(20, 0.001))
    assert deflated_sharpe(returns, 20, 0.001) == pytest.approx(expected)
    assert deflated_sharpe(returns, 1, 0.0) > deflated_sharpe(returns, 20, 0.001) > deflated_sharpe(returns, 200, 0.001)


def test_trials_that_were_made_equal_are_all_overfitted() -> None:
    # 2017, first test case: what is good in one half has to be bad in the other
    returns = np.random.default_rng(2).normal(0, 0.01, (1000, 100))
    returns -= returns.mean(axis=0)
    assert probability_of_overfitting(returns, 8) == pytest.approx(1.0, abs=0.01)


def test_a_trial_that_is_better_everywhere_is_not_overfitted() -> None:
    returns = np.random.default_rng(3).normal(0, 0.01, (960, 20))
    returns[:, 7] += 0.004
    assert probability_of_overfitting(returns, 8) == 0.0


def test_trials_without_skill_are_a_coin_toss() -> None:
    chance = np.random.default_rng(4)
    found = [probability_of_overfitting(chance.normal(0, 0.01, (480, 40)), 8) for _ in range(30)]
    assert np.mean([each for each in found if each is not None]) == pytest.approx(0.5, abs=0.08)


def test_it_is_what_a_plain_loop_over_the_halves_finds() -> None:
    returns = np.random.default_rng(5).normal(0.0002, 0.01, (61, 9))
    blocks = np.split(returns[1:], 6)
    worse = 0
    for mask in range(64):
        if mask.bit_count() == 3:
            inside = np.vstack([block for n, block in enumerate(blocks) if mask >> n & 1])
            outside = sharpe_ratios(np.vstack([block for n, block in enumerate(blocks) if not mask >> n & 1]))
            best = int(sharpe_ratios(inside).argmax())
            worse += (np.sort(outside).searchsorted(outside[best]) + 1) / 10 <= 0.5
    assert probability_of_overfitting(returns, 6) == worse / 20


def test_too_little_to_judge_is_no_figure() -> None:
    returns = np.random.default_rng(6).normal(0, 0.01, (31, 3))
    assert probability_of_overfitting(returns) is None
    assert probability_of_overfitting(returns[:, :1], 4) is None


def test_a_series_in_cash_has_a_ratio_of_zero() -> None:
    returns = np.zeros((10, 2))
    returns[:, 1] = np.linspace(-0.01, 0.02, 10)
    assert sharpe_ratios(returns)[0] == 0
    assert moments(returns[:, 0]) == (0, 3)
    assert deflated_sharpe(returns[:, 0], 10, 0.01) < 0.5
