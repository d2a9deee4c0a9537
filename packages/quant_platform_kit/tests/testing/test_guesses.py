"""Of many guesses the best is no skill; of many guesses and one that knows, the one that knows is found."""

from __future__ import annotations

import numpy as np
import pytest
from quant_platform_kit.testing.guesses import repeated

STRATEGIES, SEEDS, LIKELY = 40, range(2), 0.95
RETURNS = np.random.default_rng(1).standard_t(5, (700, 6)) * 0.01
RETURNS -= RETURNS.mean(axis=0)


@pytest.fixture(autouse=True)
def _no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda handle: None)


def test_the_best_of_many_guesses_is_no_skill() -> None:
    found = [repeated(RETURNS, seed, STRATEGIES, 0.0) for seed in SEEDS]
    assert all(one.deflated < LIKELY for one in found)
    assert all(one.deflated > 1 - LIKELY for one in found)
    assert all(one.inside[one.best] > 0.5 for one in found)


def test_one_that_knows_is_found_among_them() -> None:
    found = [repeated(RETURNS, seed, STRATEGIES, 4.0) for seed in SEEDS]
    assert all(one.best == 0 and one.deflated >= LIKELY for one in found)
    assert all((one.overfitting or 0) < 0.2 for one in found)
