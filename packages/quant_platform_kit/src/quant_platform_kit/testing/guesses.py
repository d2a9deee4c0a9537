"""Strategies that guess what to hold: what a sweep makes of luck, and of one that knows something."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.trial_records import TrialFolder
from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.performance import SESSIONS_PER_YEAR
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sweeping import Outcome, Plan, Sweep
from quant_platform_kit.services.research.sweep import sweep

__all__ = ["Guesses", "repeated"]

HELD = 21
"""Sessions that a fund is held for."""


@dataclass(frozen=True)
class Guesses:
    """`Swept`: strategies that guess what to hold, by their number.

    Attributes
    ----------
    returns
        Of funds, shape (n, k).
    knowing
        Annual Sharpe ratio that strategy 0 has beyond luck.
    """

    returns: FloatArray
    knowing: float = 0.0
    profile: str = "guesses"
    display_name: str = "Guesses"

    @property
    def question(self) -> Mapping[str, object]:
        """What there is to guess."""
        return {"prices": str(abs(float(self.returns[0].sum()))), "knowing": self.knowing}

    @property
    def sessions(self) -> Sequence[date]:
        """As many as there are returns, and the one before."""
        return load_calendar("XNYS").sessions[: len(self.returns) + 1]

    def config(self, point: Point) -> Mapping[str, object]:
        """Return the number of a strategy."""
        return {"number": int(point["number"])}

    def outcome(self, point: Point) -> Outcome:
        """Return what a strategy makes, without costs."""
        number, sessions = int(point["number"]), len(self.returns)
        funds = int(self.returns.shape[1])
        guesses = np.random.default_rng(number).integers(funds, size=-(-sessions // HELD))
        made = self.returns[np.arange(sessions), np.repeat(guesses, HELD)[:sessions]]
        if number == 0 and self.knowing:
            made = made + self.knowing / math.sqrt(SESSIONS_PER_YEAR) * made.std(ddof=1)
        equity: FloatArray = 100_000 * np.cumprod(np.concatenate(([1.0], 1 + made)), dtype=np.float64)
        return Outcome(tuple(self.sessions), equity, {})


def repeated(returns: FloatArray, seed: int, strategies: int, knowing: float) -> Sweep:
    """Return the sweep over one shuffle of the days, its trials counted in a journal of its own."""
    order = np.random.default_rng([seed, 1]).permutation(len(returns))
    subject = Guesses(returns[order], knowing)
    points = [{"number": str(number)} for number in range(strategies)]
    with TemporaryDirectory(prefix="luck-") as folder:
        records = TrialFolder(Path(folder) / "out", None, subject.profile, str(subject.question["prices"]))
        return sweep(subject, points, Plan(), records, lambda one, trials: (one.outcome(t.point) for t in trials))
