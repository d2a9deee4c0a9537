"""A sweep: one strategy with many configurations over one period, and what is left of the best of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.overfitting import deflated_sharpe, probability_of_overfitting, sharpe_ratios
from quant_platform_kit.domain.performance import SESSIONS_PER_YEAR
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.walking import Lengths, Walk, best_of, walk_forward, windows

__all__ = ["Counted", "Figure", "Outcome", "Plan", "Sweep", "Trial", "annual", "judge", "returns_of"]

Figure = float | int | str | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration of a sweep.

    Attributes
    ----------
    key
        SHA-256 of all that its outcome depends on: equal trials have equal keys, in whichever sweep they are.
    point
        What was asked for, as text.
    config
        The whole configuration, as plain values.
    """

    key: str
    point: Point
    config: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial made.

    Attributes
    ----------
    sessions
        The n sessions of its period (exchange-local dates), the same for all trials of a sweep.
    equity
        At each session's close, shape (n,), positive.
    figures
        Of the whole period, by name.
    """

    sessions: tuple[date, ...]
    equity: FloatArray
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Plan:
    """How trials are chosen and judged.

    Attributes
    ----------
    split
        The choice is made on the sessions before this day, and judged on the rest; None for a choice on all of them.
    walk
        How long to choose and to hold when walking forward; None for no walk.
    """

    split: date | None = None
    walk: Lengths | None = None

    def rows(self, sessions: Sequence[date]) -> int:
        """Return how many returns of a period the choice is made on.

        Raises
        ------
        InvalidInput
            There are not two sessions with a return on both sides of the split, or the walk does not fit.
        """
        if len(sessions) < 3:
            raise InvalidInput(f"the period has {len(sessions)} sessions; a sweep needs three, see --start and --end")
        later, period = sessions[1:], f"{sessions[0]} to {sessions[-1]}"
        rows = len(later) if self.split is None else sum(day < self.split for day in later)
        if self.split is not None and not 2 <= rows <= len(later) - 2:
            raise InvalidInput(
                f"--split {self.split} leaves less than two sessions on one side of it in {period}; choose a day inside"
            )
        if self.walk is not None:
            windows(later, self.walk)
        return rows


@dataclass(frozen=True, slots=True)
class Counted:
    """The trials of a profile on a file that a journal knows, those of this sweep included.

    Attributes
    ----------
    journal
        Where it is.
    trials
        How many there are.
    others
        Of them, how many are not of this sweep.
    variance
        Of their Sharpe ratios of one session.
    """

    journal: str
    trials: int
    others: int
    variance: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found. Sharpe ratios are annualised with 252 sessions, against zero, zero without volatility.

    Attributes
    ----------
    varied
        Names of the settings that differ between trials.
    sessions
        The n sessions.
    equity
        Of each of k trials, shape (n, k).
    figures
        Of the whole period, one mapping per trial.
    rows
        So many of the n - 1 returns, the first ones, the choice was made on.
    inside, outside
        Sharpe ratio of each trial in the sessions chosen on and in the rest, shape (k,); ``outside`` is None without a
        split.
    best, median
        Trials: with the best Sharpe ratio in the sessions chosen on, and with the one in the middle.
    deflated
        Deflated Sharpe ratio of the best, in the sessions chosen on: a probability.
    overfitting
        Probability of back-test overfitting in the sessions chosen on; None with too few trials or sessions.
    walk
        None without one.
    """

    profile: str
    display_name: str
    varied: tuple[str, ...]
    trials: tuple[Trial, ...]
    sessions: tuple[date, ...]
    equity: FloatArray
    figures: tuple[Mapping[str, Figure], ...]
    rows: int
    inside: FloatArray
    outside: FloatArray | None
    best: int
    median: int
    counted: Counted
    deflated: float
    overfitting: float | None
    walk: Walk | None

    @property
    def chosen_until(self) -> date:
        """The last session that the choice was made on."""
        return self.sessions[self.rows]


def annual(sharpe: float) -> float:
    """Return a Sharpe ratio of one session as one of a year."""
    return sharpe * math.sqrt(SESSIONS_PER_YEAR)


def returns_of(equity: FloatArray) -> FloatArray:
    """Return the return of every session but the first, along the first axis."""
    return equity[1:] / equity[:-1] - 1


def judge(
    named: tuple[str, str], trials: Sequence[Trial], outcomes: Sequence[Outcome], plan: Plan, counted: Counted
) -> Sweep:
    """Choose the best of some trials and say what is left of it.

    Parameters
    ----------
    named
        Profile and display name.
    outcomes
        One per trial.
    """
    sessions = outcomes[0].sessions
    equity = np.ascontiguousarray(np.column_stack([outcome.equity for outcome in outcomes]))
    returns, rows = returns_of(equity), plan.rows(sessions)
    chosen_on = returns[:rows]
    inside, best = sharpe_ratios(chosen_on), best_of(chosen_on)
    return Sweep(
        profile=named[0],
        display_name=named[1],
        varied=tuple(trials[0].point),
        trials=tuple(trials),
        sessions=sessions,
        equity=equity,
        figures=tuple(outcome.figures for outcome in outcomes),
        rows=rows,
        inside=inside * annual(1),
        outside=None if plan.split is None else sharpe_ratios(returns[rows:]) * annual(1),
        best=best,
        median=int(np.argsort(inside, kind="stable")[len(inside) // 2]),
        counted=counted,
        deflated=deflated_sharpe(chosen_on[:, best], counted.trials, counted.variance),
        overfitting=probability_of_overfitting(chosen_on),
        walk=None if plan.walk is None else walk_forward(returns, windows(sessions[1:], plan.walk)),
    )
