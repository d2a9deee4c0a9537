"""Sweep: every trial once, kept and counted as it is done, and the judgement on the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.overfitting import sharpe_ratios
from quant_platform_kit.domain.sweeping import Outcome, Plan, Sweep, Trial, judge, returns_of
from quant_platform_kit.ports.swept import Swept
from quant_platform_kit.ports.trial_records import TrialRecords

__all__ = ["Spread", "sweep", "trials_of"]

Spread = Callable[[Swept, Sequence[Trial]], Iterator[Outcome]]
"""Yields the outcome of each trial, in their order, wherever it is made."""


def trials_of(swept: Swept, points: Sequence[Point]) -> list[Trial]:
    """Return the trials of some points.

    Raises
    ------
    InvalidInput
        A point is out of the configuration's bounds, or two points are one configuration.
    """
    question, found = dict(swept.question), dict[str, Trial]()
    for point in points:
        config = swept.config(point)
        key = sha256(canonical_json({**question, "config": config}))
        if key in found:
            raise InvalidInput(f"{_told(found[key].point)} and {_told(point)} are one configuration; leave one out")
        found[key] = Trial(key, point, config)
    return list(found.values())


def _told(point: Point) -> str:
    return ", ".join(f"{name}={value}" for name, value in point.items())


def sweep(
    swept: Swept,
    points: Sequence[Point],
    plan: Plan,
    records: TrialRecords,
    spread: Spread,
    on_trial: Callable[[], object] = lambda: None,
) -> Sweep:
    """Make every trial that was not made yet, and judge them all.

    Parameters
    ----------
    on_trial
        Called once per trial, for progress.

    Raises
    ------
    InvalidInput
        As `trials_of` and `Plan.rows`, before anything is tried; or a trial cannot be made, then those before it are
        kept.
    """
    trials, rows = trials_of(swept, points), plan.rows(swept.sessions)
    until = swept.sessions[rows].isoformat()
    done = {trial.key: outcome for trial in trials if (outcome := records.find(trial))}
    open_ = [trial for trial in trials if trial.key not in done]

    def count(trial: Trial) -> None:
        chosen_on = returns_of(done[trial.key].equity)[:rows, np.newaxis]
        records.count(trial, until, float(sharpe_ratios(chosen_on)[0]))
        on_trial()

    for trial in trials:
        if trial.key in done:
            count(trial)
    for trial, outcome in zip(open_, spread(swept, open_), strict=True):
        records.keep(trial, outcome)
        done[trial.key] = outcome
        count(trial)
    outcomes = [done[trial.key] for trial in trials]
    return judge((swept.profile, swept.display_name), trials, outcomes, plan, records.counted(trials, until))
