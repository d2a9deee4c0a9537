"""What a sweep is asked, tried and written: for the commands and for notebooks, whatever is swept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from quant_platform_kit.adapters.by_value import code_digest, pickled
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_import.importing import sha256_of
from quant_platform_kit.adapters.strategies import GivenConfig, bind
from quant_platform_kit.adapters.trial_records import TrialFolder
from quant_platform_kit.adapters.workers import ALL_CORES, ALONE, Workers, spread
from quant_platform_kit.backtest_request import BacktestRequest
from quant_platform_kit.domain.axes import Point, drawn, grid, parse_axis
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Strategy
from quant_platform_kit.domain.sweeping import Outcome, Plan, Sweep, Trial, annual
from quant_platform_kit.domain.walking import parse_lengths
from quant_platform_kit.ports.swept import Swept
from quant_platform_kit.report.sweep_files import write_sweep
from quant_platform_kit.services.research.ranges import ranges_of
from quant_platform_kit.services.research.sweep import sweep
from quant_platform_kit.services.research.swept_backtest import SweptBacktest

__all__ = [
    "Backend",
    "Place",
    "files_digest",
    "plan_of",
    "points_of",
    "settings_rows",
    "sweepable",
    "swept",
    "swept_backtest",
    "workers_of",
    "write",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sweep keeps its results and counts its trials; see `TrialFolder`."""

    out: Path
    journal: Path | None = None


def points_of(
    axes: Sequence[str], random: int | None, seed: int, model: type[BaseModel], fixed: Mapping[str, object]
) -> list[Point]:
    """Return the points that the options ask for.

    Parameters
    ----------
    axes
        As `parse_axis` reads them.
    random
        How many are drawn; None for all of the grid. Without axes they are drawn of all that has bounds in ``model``.
    fixed
        Settings that all trials have.

    Raises
    ------
    InvalidInput
        A setting is varied and fixed; or as `parse_axis`, `grid` and `drawn`.
    """
    given = [parse_axis(text) for text in axes]
    if both := [axis.name for axis in given if axis.name in fixed]:
        raise InvalidInput(f"{both[0]} is in --config and in --grid; leave one out")
    if random is None:
        return grid(given)
    return drawn(given or [axis for axis in ranges_of(model) if axis.name not in fixed], random, seed)


def plan_of(split: date | None, walk: str | None) -> Plan:
    """Return how the trials are to be judged."""
    return Plan(split, None if walk is None else parse_lengths(walk))


class Backend(Enum):
    """What runs the processes."""

    LOKY = "loky"
    DASK = "dask"


def workers_of(workers: Workers | None, backend: Backend | None) -> Workers:
    """Return who works, all cores if that is not said; `InvalidInput` where the two do not go together."""
    asked = workers or ALL_CORES
    if backend is Backend.LOKY and asked.scheduler:
        raise InvalidInput(f"--backend loky does not go with --workers {asked.scheduler}; leave one out")
    return Workers(asked.processes, dask=True) if backend is Backend.DASK and not asked.scheduler else asked


def files_digest(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file; of several, that of theirs."""
    found = [sha256_of(path) for path in paths]
    return found[0] if len(found) == 1 else sha256("\n".join(found).encode())


def sweepable(strategy: Strategy) -> Strategy:
    """Return the strategy; `InvalidInput` for one that reads feature snapshots."""
    if strategy.manifest.features is not None:
        raise InvalidInput(
            f"{strategy.manifest.profile} reads feature snapshots, which are built for one configuration: there are "
            "none for the others of a sweep; back-test each with quant backtest --build"
        )
    return strategy


def swept_backtest(request: BacktestRequest, given: GivenConfig) -> SweptBacktest:
    """Make ready what is tried; prices are read once.

    Parameters
    ----------
    request
        What every trial is asked, its strategy bound to one of the points.
    given
        Settings that all trials have.

    Raises
    ------
    InvalidInput
        As `BacktestRequest.market`.
    """
    strategy, market = request.strategy.strategy, request.market()
    identity = {
        "prices": files_digest(request.prices.files),
        "price_field": request.price_field,
        "income": repr(request.income),
        "code": code_digest(strategy),
    }
    return SweptBacktest(
        strategy=pickled(strategy),
        fixed=given.values,
        bind=bind,
        prices=market.prices,
        calendar=load_calendar("XNYS"),
        settings=replace(market.settings, benchmark=None),
        identity=identity,
    )


def settings_rows(request: BacktestRequest, subject: SweptBacktest) -> dict[str, str]:
    """Return what all trials have, for the page."""
    rules = request.settings.policy.rules
    return {
        "Prices": " and ".join(path.name for path in request.prices.files),
        "SHA-256 of the prices": str(subject.identity["prices"]),
        "Price field": request.price_field,
        "Fill": request.fill.value,
        "Execution": request.execution.value,
        "Commission": f"{rules.commission_bps.normalize():f} bp",
        "Slippage": f"{rules.slippage_bps.normalize():f} bp",
        "Starting cash": f"{request.cash:,.2f}",
        "Settings that are fixed": ", ".join(f"{key}={value}" for key, value in subject.fixed.items()) or "none",
    }


def swept(
    subject: Swept,
    points: Sequence[Point],
    plan: Plan,
    place: Place,
    workers: Workers,
    on_trial: Callable[[], object] = lambda: None,
) -> tuple[Sweep, str]:
    """Try all points; return what was found, and what is to be said of the journal where it is new, else nothing.

    Parameters
    ----------
    on_trial
        Called once per point, for progress.
    """
    records = TrialFolder(place.out, place.journal, subject.profile, str(subject.question["prices"]))

    def outcomes(subject: Swept, trials: Sequence[Trial]) -> Any:
        return spread(_outcome, subject, trials, workers if len(trials) > 1 else ALONE, batch=1)

    found = sweep(subject, points, plan, records, outcomes, on_trial)
    new = (
        f"the journal of trials {records.journal} is new: trials that other journals count are not in the deflated "
        "Sharpe ratio; name theirs with --journal"
    )
    return found, new if records.is_new else ""


def _outcome(subject: Swept, trial: Trial) -> Outcome:
    return subject.outcome(trial.point)


def write(found: Sweep, plan: Plan, place: Place, settings: Mapping[str, str]) -> dict[str, object]:
    """Write the files of a sweep; return its document with their names."""
    document = _document(found, plan)
    files = write_sweep(place.out, found, document, settings)
    return {**document, "out": str(place.out), "files": files}


def _document(found: Sweep, plan: Plan) -> dict[str, object]:
    counted, walk = found.counted, found.walk
    return {
        "profile": found.profile,
        "start": found.sessions[0],
        "end": found.sessions[-1],
        "chosen_until": found.chosen_until,
        "split": plan.split,
        "points": len(found.trials),
        "best": _trial(found, found.best),
        "median": _trial(found, found.median),
        "trials": {"counted": counted.trials, "of_other_sweeps": counted.others, "journal": counted.journal},
        "deflated_sharpe": found.deflated,
        "probability_of_overfitting": found.overfitting,
        "walk_forward": None
        if walk is None
        else {
            "sharpe": annual(walk.sharpe),
            "windows": [
                {
                    "chosen_on": _days(found, part.past),
                    "held": _days(found, part.ahead),
                    "point": found.trials[chosen].point,
                    "in_sharpe": annual(past),
                    "out_sharpe": annual(ahead),
                }
                for part, chosen, past, ahead in zip(walk.windows, walk.chosen, walk.past, walk.ahead, strict=True)
            ],
        },
    }


def _trial(found: Sweep, place: int) -> dict[str, object]:
    return {
        "trial": found.trials[place].key,
        "point": found.trials[place].point,
        "in_sharpe": float(found.inside[place]),
        "out_sharpe": None if found.outside is None else float(found.outside[place]),
        "figures": found.figures[place],
    }


def _days(found: Sweep, rows: tuple[int, int]) -> list[date]:
    first, after = rows
    return [found.sessions[first + 1], found.sessions[after]]
