"""How much of a Sharpe ratio is left when one knows how many trials it was chosen from.

Sharpe ratios are of one session, not annualised: mean return / its sample deviation. A series without volatility has
one of zero.

Sources: D. Bailey and M. Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012), and "The
Deflated Sharpe Ratio", Journal of Portfolio Management 40 (2014); D. Bailey, J. Borwein, M. Lopez de Prado and Q. Zhu,
"The Probability of Backtest Overfitting", Journal of Computational Finance 20 (2017).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, islice
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.prices import FloatArray

__all__ = [
    "BLOCKS",
    "deflated_sharpe",
    "expected_best",
    "moments",
    "probabilistic_sharpe",
    "probability_of_overfitting",
    "sharpe_ratios",
]

BLOCKS = 16
"""Of consecutive sessions, which the sessions are cut into; as in the paper."""
EULER = 0.5772156649015329
NORMAL = NormalDist()
_NOISE = 1e-12
_AT_ONCE = 512
"""Halves that are looked at together, which bounds the memory."""


def sharpe_ratios(returns: FloatArray) -> FloatArray:
    """Return the Sharpe ratio of every column of returns (n, k), n >= 2, shape (k,)."""
    deviation = returns.std(axis=0, ddof=1)
    return _ratio(returns.mean(axis=0), deviation)


def _ratio(mean: FloatArray, deviation: FloatArray) -> FloatArray:
    return np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > _NOISE)


def moments(returns: FloatArray) -> tuple[float, float]:
    """Return skewness and kurtosis of returns (n,), which are 0 and 3 of a normal distribution."""
    away = returns - returns.mean()
    variance = float((away**2).mean())
    if variance <= _NOISE**2:
        return 0.0, 3.0
    return float((away**3).mean()) / variance**1.5, float((away**4).mean()) / variance**2


def probabilistic_sharpe(
    sharpe: float, sessions: int, skewness: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float:
    """Return the probability that the true Sharpe ratio is above ``benchmark`` (2012, equation 11)."""
    spread = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    return NORMAL.cdf((sharpe - benchmark) * math.sqrt(sessions - 1) / math.sqrt(max(spread, _NOISE)))


def expected_best(trials: int, variance: float) -> float:
    """Return the Sharpe ratio that the best of so many trials without any skill is expected to have (2014, equation 1).

    Parameters
    ----------
    variance
        Of the Sharpe ratios of the trials.
    """
    if trials < 2:
        return 0.0
    low, high = NORMAL.inv_cdf(1 - 1 / trials), NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER) * low + EULER * high)


def deflated_sharpe(returns: FloatArray, trials: int, variance: float) -> float:
    """Return the probability that the one chosen of ``trials`` is better than the best would be by luck (2014, eq. 2).

    Parameters
    ----------
    returns
        Of the chosen one, shape (n,), n >= 2.
    variance
        Of the Sharpe ratios of all trials.
    """
    sharpe = float(sharpe_ratios(returns[:, np.newaxis])[0])
    return probabilistic_sharpe(sharpe, len(returns), *moments(returns), expected_best(trials, variance))


def probability_of_overfitting(returns: FloatArray, blocks: int = BLOCKS) -> float | None:
    """Return how often the best trial of one half of the sessions is no better than the median in the other (2017).

    The sessions are cut into blocks; every half of the blocks is taken once to choose and the rest to judge
    (combinatorially symmetric cross-validation).

    Parameters
    ----------
    returns
        Of every trial, shape (n, k). The oldest rows that do not fill the blocks are left out.
    blocks
        An even number.

    Returns
    -------
    A share, 0 to 1; None with fewer than two trials or less than two sessions a block.
    """
    sessions, trials = returns.shape
    length = sessions // blocks
    if trials < 2 or length < 2:
        return None
    cut = returns[sessions - length * blocks :].reshape(blocks, length, trials)
    sums, squares = cut.sum(axis=1), (cut**2).sum(axis=1)
    worse = sum(_worse(taken, sums, squares, length * blocks // 2) for taken in _halves(blocks))
    return worse / math.comb(blocks, blocks // 2)


def _halves(blocks: int) -> Iterator[NDArray[np.float64]]:
    """Yield which blocks are taken to choose, some halves at a time: ones and zeros, shape (halves, blocks)."""
    chosen = combinations(range(blocks), blocks // 2)
    while some := list(islice(chosen, _AT_ONCE)):
        taken = np.zeros((len(some), blocks))
        np.put_along_axis(taken, np.array(some), 1.0, axis=1)
        yield taken


def _worse(taken: FloatArray, sums: FloatArray, squares: FloatArray, sessions: int) -> int:
    """Count the halves whose best trial has a relative rank of one half or less in the rest: its logit is not positive.

    Equal trials share the mean of their ranks.
    """
    inside, outside = (_sharpe_of(part @ sums, part @ squares, sessions) for part in (taken, 1 - taken))
    best = np.take_along_axis(outside, inside.argmax(axis=1)[:, np.newaxis], axis=1)
    below, equal = (outside < best).sum(axis=1), (outside == best).sum(axis=1)
    rank = below + (equal + 1) / 2
    return int((rank / (outside.shape[1] + 1) <= 0.5).sum())


def _sharpe_of(sums: FloatArray, squares: FloatArray, sessions: int) -> FloatArray:
    mean = sums / sessions
    variance = (squares - sessions * mean**2) / (sessions - 1)
    return _ratio(mean, np.sqrt(np.maximum(variance, 0.0)))
