"""`snapshots build`: the snapshots of a profile out of files, into a folder."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, print_json, progress, table
from quant_platform_kit.domain.sessions import ExchangeCalendar

from snapshot_pipelines.build.as_ofs import check_closed, month_ends
from snapshot_pipelines.build.builder import Recipe, Version, build
from snapshot_pipelines.build.code_version import code_version
from snapshot_pipelines.build.sources import Inputs, read_market
from snapshot_pipelines.build.versions import write_versions

__all__ = ["build_command"]

FileOption = Annotated[Path | None, typer.Option(metavar="FILE")]


def build_command(
    prices: Annotated[
        list[Path], typer.Option(metavar="FILE", help="Daily prices, parquet or CSV in long format; repeatable.")
    ],
    sectors: Annotated[Path, typer.Option(metavar="FILE", help="CSV: symbol, name, gics_sector, label_as_of.")],
    out: Annotated[Path, typer.Option(metavar="ROOT", help="Folder that the versions are written to.")],
    profile: options.ProfileOption = None,
    strategy: options.StrategyOption = None,
    membership: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV: ticker, start_date, end_date; without, all are members.")
    ] = None,
    fundamentals: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV of facts of accounts; see the docs on their dates.")
    ] = None,
    features: Annotated[
        Path | None, typer.Option(metavar="FILE.py", help="Features of your own that the profile reads.")
    ] = None,
    config: options.ConfigOption = None,
    as_of: Annotated[date | None, typer.Option(parser=options.day, metavar="YYYY-MM-DD", help="One session.")] = None,
    ends: Annotated[
        tuple[str, str] | None,
        typer.Option("--month-ends", metavar="YYYY-MM YYYY-MM", help="The last session of each month, from and to."),
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Build feature snapshots point in time: a row uses only what was known when its session had closed."""
    calendar, now = load_calendar("XNYS"), SystemClock().now()
    as_ofs = _as_ofs(as_of, ends, calendar)
    check_closed(as_ofs, calendar, now)
    bound = options.bound_strategy(profile, strategy, config)
    with progress(f"build {bound.manifest.profile}") as bar:
        task = bar.add_task("sessions", total=len(as_ofs))
        market, sources = read_market(Inputs(prices, sectors, membership, fundamentals, features), calendar)
        recipe = Recipe(bound, _file_of(config), market, sources, code_version(), now.replace(microsecond=0))
        versions: list[Version] = []
        for version in build(recipe, as_ofs):
            versions.append(version)
            bar.advance(task)
    written = write_versions(out, versions)
    if json:
        print_json({"new": [str(path) for path in written.new], "unchanged": [str(path) for path in written.unchanged]})
        return
    shown = table(f"{bound.manifest.profile}, {len(versions)} snapshots", "as_of", "rows", "manifest", right=("rows",))
    for version in versions:
        shown.add_row(str(version.manifest.snapshot_as_of), str(version.manifest.row_count), version.digest[:12])
    console().print(shown)


def _as_ofs(as_of: date | None, ends: tuple[str, str] | None, calendar: ExchangeCalendar) -> tuple[date, ...]:
    if (as_of is None) == (ends is None):
        raise typer.BadParameter("give either --as-of DAY or --month-ends FROM TO")
    return month_ends(*ends, calendar) if ends else (as_of,) if as_of else ()


def _file_of(config: list[str] | None) -> str | None:
    """Return the name of the file that the configuration is from; None without one."""
    files = [item for item in config or [] if "=" not in item]
    return Path(files[0]).name if files else None
