"""What every sweep has on the command line, whatever it tries: points, workers, folders, table and document."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from hashlib import file_digest
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from quant_platform_kit.adapters.command_line import notice, print_json
from quant_platform_kit.adapters.trial_records import TrialFolder
from quant_platform_kit.adapters.workers import ALONE, Workers, spread
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, progress, table
from quant_platform_kit.domain.axes import Point, drawn, grid, parse_axis
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sweeping import Outcome, Plan, Sweep, Trial, annual
from quant_platform_kit.domain.walking import parse_lengths
from quant_platform_kit.ports.swept import Swept
from quant_platform_kit.report.sweep_files import PAGE, write_sweep
from quant_platform_kit.services.research.ranges import ranges_of
from quant_platform_kit.services.research.sweep import sweep

__all__ = [
    "ALL_CORES",
    "PAGE",
    "Backend",
    "BackendOption",
    "GridOption",
    "JournalOption",
    "OutOption",
    "Place",
    "RandomOption",
    "SeedOption",
    "SplitOption",
    "WalkOption",
    "WorkersOption",
    "files_digest",
    "finish",
    "plan_of",
    "points_of",
    "swept",
    "workers_of",
    "write",
]

ALL_CORES = Workers(os.cpu_count() or 1)
SHOWN = 10
"""Trials in the table, the best ones."""


class Backend(Enum):
    """What runs the processes."""

    LOKY = "loky"
    DASK = "dask"


OutOption = Annotated[
    Path,
    typer.Option(help="Folder for results.parquet, equity.parquet, sweep.json, sweep.html and what it goes on with."),
]
GridOption = Annotated[
    list[str] | None,
    typer.Option(
        "--grid", metavar="NAME=VALUES", help="A,B,C or LOW:HIGH:STEP of a setting; repeatable, all combined."
    ),
]
RandomOption = Annotated[
    int | None,
    typer.Option(
        "--random", metavar="N", help="Draw so many points instead, of --grid (LOW:HIGH too) or of all that has bounds."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of --random: the same seed draws the same points.")]
SplitOption = Annotated[
    date | None,
    typer.Option("--split", parser=options.day, metavar="YYYY-MM-DD", help="Choose before this day, judge from it on."),
]
WalkOption = Annotated[
    str | None, typer.Option("--walk-forward", metavar="5y/1y", help="Choose on the past, hold the choice, go on.")
]
WorkersOption = Annotated[
    Workers | None,
    typer.Option(
        "--workers",
        parser=options.workers,
        metavar="N|tcp://HOST:PORT",
        help="Processes, all cores if absent, or the scheduler of a Dask cluster.",
    ),
]
BackendOption = Annotated[
    Backend | None, typer.Option("--backend", help="dask without an address starts a cluster on this machine.")
]
JournalOption = Annotated[
    Path | None,
    typer.Option(
        "--journal", metavar="FILE", dir_okay=False, help="Counts all trials; trials.jsonl beside --out if absent."
    ),
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


def workers_of(workers: Workers | None, backend: Backend | None) -> Workers:
    """Return who works."""
    asked = workers or ALL_CORES
    if backend is Backend.LOKY and asked.scheduler:
        raise typer.BadParameter(f"--backend loky does not go with --workers {asked.scheduler}; leave one out")
    return Workers(asked.processes, dask=True) if backend is Backend.DASK and not asked.scheduler else asked


def files_digest(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file; of several, that of theirs."""
    found: list[str] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                found.append(file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    return found[0] if len(found) == 1 else sha256("\n".join(found).encode())


def swept(subject: Swept, points: Sequence[Point], plan: Plan, place: Place, workers: Workers) -> Sweep:
    """Try all points, with a progress bar, and say where the trials are counted if that is a new place."""
    records = TrialFolder(place.out, place.journal, subject.profile, str(subject.question["prices"]))

    def outcomes(subject: Swept, trials: Sequence[Trial]) -> Any:
        return spread(_outcome, subject, trials, workers if len(trials) > 1 else ALONE, batch=1)

    with progress(f"sweep {subject.profile}") as bar:
        task = bar.add_task("trials", total=len(points))
        found = sweep(subject, points, plan, records, outcomes, lambda: bar.advance(task))
    if records.is_new:
        notice(
            f"the journal of trials {records.journal} is new: trials that other journals count are not in the deflated "
            "Sharpe ratio; name theirs with --journal"
        )
    return found


def _outcome(subject: Swept, trial: Trial) -> Outcome:
    return subject.outcome(trial.point)


def write(found: Sweep, plan: Plan, place: Place, settings: Mapping[str, str]) -> dict[str, object]:
    """Write the files of a sweep; return its document with their names."""
    document = _document(found, plan)
    files = write_sweep(place.out, found, document, settings)
    return {**document, "out": str(place.out), "files": files}


def finish(found: Sweep, plan: Plan, place: Place, settings: Mapping[str, str], *, as_json: bool) -> None:
    """Write the files of a sweep, and print it."""
    document = write(found, plan, place, settings)
    if as_json:
        print_json(document)
        return
    _show(found)
    console().print(f"page  {place.out / PAGE}", soft_wrap=True)


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


def _show(found: Sweep) -> None:
    """Print the best trials and what is left of them."""
    ratios = ["Sharpe", *([] if found.outside is None else ["after the split"])]
    columns = ["#", *found.varied, *ratios, "CAGR", "max drawdown"]
    title = f"{found.display_name}, {found.sessions[0]} to {found.sessions[-1]}: {len(found.trials)} trials"
    shown = table(title, *columns, right=tuple(columns))
    for rank, place in enumerate(sorted(range(len(found.trials)), key=lambda one: -found.inside[one])[:SHOWN], 1):
        point, figures = found.trials[place].point, found.figures[place]
        sharpe = [f"{ratio[place]:.2f}" for ratio in (found.inside, found.outside) if ratio is not None]
        shares = [_percent(figures.get(name)) for name in ("cagr", "max_drawdown")]
        shown.add_row(str(rank), *point.values(), *sharpe, *shares)
    console().print(shown)
    for name, value in _judgement(found):
        console().print(f"{name:28}  {value}", soft_wrap=True, markup=False)


def _judgement(found: Sweep) -> Sequence[tuple[str, str]]:
    counted = found.counted
    others = f", {counted.others} of them of other sweeps" if counted.others else ""
    told = [
        ("trials counted", f"{counted.trials}{others}, in {counted.journal}"),
        ("deflated Sharpe ratio", f"{found.deflated:.3f}, a probability"),
        ("probability of overfitting", "-" if found.overfitting is None else f"{found.overfitting:.3f}"),
    ]
    walk = [] if found.walk is None else [("Sharpe walking forward", f"{annual(found.walk.sharpe):.2f}")]
    return [*told, *walk]


def _percent(value: object) -> str:
    return f"{value:.2%}" if isinstance(value, float) else "-"
