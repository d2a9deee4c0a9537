"""What every sweep has on the command line, whatever it tries: points, workers, folders, table and document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import notice, print_json
from quant_platform_kit.adapters.workers import Workers
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, progress, table
from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sweeping import Plan, Sweep, annual
from quant_platform_kit.ports.swept import Swept
from quant_platform_kit.report.sweep_files import PAGE
from quant_platform_kit.sweep_request import Backend, Place, swept, workers_of, write

__all__ = [
    "BackendOption",
    "GridOption",
    "JournalOption",
    "OutOption",
    "RandomOption",
    "SeedOption",
    "SplitOption",
    "WalkOption",
    "WorkersOption",
    "finish",
    "who_works",
    "with_progress",
]

SHOWN = 10
"""Trials in the table, the best ones."""


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


def who_works(workers: Workers | None, backend: Backend | None) -> Workers:
    """Return who works; a usage error where the two do not go together."""
    try:
        return workers_of(workers, backend)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


def with_progress(subject: Swept, points: Sequence[Point], plan: Plan, place: Place, workers: Workers) -> Sweep:
    """Try all points with a progress bar."""
    with progress(f"sweep {subject.profile}") as bar:
        task = bar.add_task("trials", total=len(points))
        found, new = swept(subject, points, plan, place, workers, lambda: bar.advance(task))
    if new:
        notice(new)
    return found


def finish(found: Sweep, plan: Plan, place: Place, settings: Mapping[str, str], *, as_json: bool) -> None:
    """Write the files of a sweep, and print it."""
    document = write(found, plan, place, settings)
    if as_json:
        print_json(document)
        return
    _show(found)
    console().print(f"page  {place.out / PAGE}", soft_wrap=True)


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
