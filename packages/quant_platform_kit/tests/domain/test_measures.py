"""The figures of a curve, against values computed by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from quant_platform_kit.domain import measures as m
from quant_platform_kit.domain.measures import Periods
from quant_platform_kit.domain.performance import RiskFree, returns_of

DAYS = (date(2023, 12, 28), date(2023, 12, 29), date(2024, 1, 2), date(2024, 2, 1))
OWN = np.array([100, 110, 99, 108.9])
"""Returns of +10 %, -10 %, +10 %."""
HALF = np.array([100, 105, 99.75, 104.7375])
YEAR = math.sqrt(252)


def test_the_figures_of_a_curve_are_those_computed_by_hand() -> None:
    found = m.measures(DAYS, OWN)
    assert found.cagr == pytest.approx(1.089 ** (365.25 / 35) - 1)
    assert found.volatility == pytest.approx(math.sqrt(0.04 / 3) * YEAR)
    assert found.max_drawdown == pytest.approx(-0.1)
    assert found.sharpe == pytest.approx(YEAR * (1 / 30) / math.sqrt(0.04 / 3))
    assert found.sortino == pytest.approx(YEAR * (1 / 30) / math.sqrt(0.01 / 3))
    assert found.calmar == pytest.approx(found.cagr / 0.1)
    assert found.ulcer == pytest.approx(math.sqrt((0.1**2 + 0.01**2) / 4))
    assert (found.var, found.cvar) == pytest.approx((-0.08, -0.1))
    assert (found.skew, found.kurtosis) == pytest.approx((-math.sqrt(0.5), -1.5))


def test_days_months_and_years_have_a_best_and_a_worst_and_those_that_won() -> None:
    found = m.measures(DAYS, OWN)
    assert found.day == Periods(pytest.approx(0.1), pytest.approx(-0.1), pytest.approx(2 / 3), 3)
    assert found.month == Periods(pytest.approx(0.1), pytest.approx(-0.1), pytest.approx(2 / 3), 3)
    assert found.year == Periods(pytest.approx(0.1), pytest.approx(-0.01), 0.5, 2)


def test_what_cash_earned_is_taken_off_before_ratios() -> None:
    free = RiskFree("BIL", np.array([0.0, 0.01, 0.0]))
    found, excess = m.measures(DAYS, OWN, free), np.array([0.1, -0.11, 0.1])
    assert found.sharpe == pytest.approx(YEAR * excess.mean() / excess.std(ddof=1))
    assert found.sortino == pytest.approx(YEAR * 0.03 / math.sqrt(0.11**2 / 3))
    assert found.volatility == m.measures(DAYS, OWN).volatility


def test_a_yearly_rate_is_earned_over_calendar_days() -> None:
    free = m.risk_free_rate(DAYS, 0.02)
    assert free.name == "2.00% a year"
    assert np.log1p(free.returns) * 365.25 / math.log(1.02) == pytest.approx([1, 4, 30])


def test_twice_the_benchmark_is_a_beta_of_two_without_alpha() -> None:
    found = m.relative(OWN, HALF)
    assert (found.alpha, found.beta, found.correlation) == pytest.approx((0, 2, 1), abs=1e-12)
    assert found.tracking_error == pytest.approx(math.sqrt(0.01 / 3) * YEAR)
    assert found.information_ratio == pytest.approx(YEAR * (1 / 60) / math.sqrt(0.01 / 3))


def test_alpha_is_what_the_benchmark_leaves_times_252() -> None:
    own = 100 * np.cumprod(np.concatenate(([1], 1 + 0.5 * returns_of(HALF) + 0.001)))
    found = m.relative(own, HALF)
    assert (found.alpha, found.beta) == pytest.approx((0.252, 0.5))


def test_what_is_not_defined_is_none() -> None:
    flat = np.full(4, 100.0)
    found, beside = m.measures(DAYS, flat), m.relative(OWN, flat)
    assert (found.sharpe, found.sortino, found.calmar, found.skew, found.kurtosis) == (None,) * 5
    assert (beside.alpha, beside.beta, beside.correlation) == (None,) * 3
    assert (m.relative(OWN, OWN).information_ratio, m.relative(OWN, OWN).tracking_error) == (None, 0)
    assert m.measures(DAYS[:2], OWN[:2]).sharpe is None


def test_rolling_figures_are_those_of_their_windows() -> None:
    rng = np.random.default_rng(5)
    own, peer = (100 * np.cumprod(1 + rng.normal(0.0005, 0.01, m.WINDOW + 4)) for _ in range(2))
    days = [date(2020, 1, 1) + timedelta(days=i) for i in range(len(own))]
    for i in range(len(own) - m.WINDOW):
        part = slice(i, i + m.WINDOW + 1)
        found, beside = m.measures(days[part], own[part]), m.relative(own[part], peer[part])
        assert m.rolling_sharpe(own)[i] == pytest.approx(found.sharpe)
        assert m.rolling_volatility(own)[i] == pytest.approx(found.volatility)
        assert m.rolling_beta(own, peer)[i] == pytest.approx(beside.beta)
    assert len(m.rolling_sharpe(own)) == len(own) - m.WINDOW
    assert len(m.rolling_beta(OWN, HALF)) == 0
