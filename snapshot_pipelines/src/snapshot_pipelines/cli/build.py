"""`snapshots build`: the snapshots of a profile out of files, into a folder."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.adapters.snapshot_versions import MANIFEST
from quant_platform_kit.adapters.workers import ALONE, Workers
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, progress, table
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from rich.markup import escape

from snapshot_pipelines.build.as_ofs import check_closed, month_ends
from snapshot_pipelines.build.builder import Recipe, build
from snapshot_pipelines.build.code_version import code_version
from snapshot_pipelines.build.sources import Inputs, read_market
from snapshot_pipelines.build.versions import Written, write_versions

__all__ = ["build_command"]


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
    workers: Annotated[
        Workers | None,
        typer.Option(
            parser=options.workers, metavar="N|tcp://HOST:PORT", help="Processes, or the scheduler of a Dask cluster."
        ),
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Build feature snapshots point in time: a row uses only what was known when its session had closed."""
    if "://" in str(out) or str(out).startswith("gs:"):
        raise InvalidInput(f"--out {out} is no folder: build into one, then `snapshots publish` it to an address")
    calendar, now = load_calendar("XNYS"), SystemClock().now()
    as_ofs = _as_ofs(as_of, ends, calendar)
    check_closed(as_ofs, calendar, now)
    bound = options.bound_strategy(profile, strategy, config)
    with progress(f"build {bound.manifest.profile}") as bar:
        task = bar.add_task("sessions", total=len(as_ofs))
        market, sources = read_market(Inputs(prices, sectors, membership, fundamentals, features), calendar)
        recipe = Recipe(bound, _file_of(config), market, sources, code_version(), now.replace(microsecond=0))
        written = write_versions(out, bar.track(build(recipe, as_ofs, workers or ALONE), task_id=task))
    if json:
        print_json(
            {"profile": bound.manifest.profile, "out": str(out), "snapshots": [_document(one) for one in written]}
        )
        return
    _show(bound.manifest.profile, written)


def _as_ofs(as_of: date | None, ends: tuple[str, str] | None, calendar: ExchangeCalendar) -> tuple[date, ...]:
    if (as_of is None) == (ends is None):
        raise typer.BadParameter("give either --as-of DAY or --month-ends FROM TO")
    return month_ends(_month(ends[0]), _month(ends[1]), calendar) if ends else (as_of,) if as_of else ()


def _month(text: str) -> date:
    """Read a month; returns its first day."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month; write --month-ends 2014-01 2018-12") from None


def _file_of(config: list[str] | None) -> str | None:
    """Return the name of the file that the configuration is from; None without one."""
    files = [item for item in config or [] if "=" not in item]
    return Path(files[0]).name if files else None


def _document(one: Written) -> dict[str, object]:
    manifest = one.version.manifest
    return {
        "as_of": manifest.snapshot_as_of,
        "rows": manifest.row_count,
        "manifest": str(one.manifest),
        "manifest_sha256": one.manifest.name.removesuffix(MANIFEST),
        "new": one.new,
        "summary": one.version.summary,
    }


def _show(profile: str, written: list[Written]) -> None:
    out = console()
    shown = table(f"Snapshots of {profile}", "as_of", "rows", "members", "manifest", "", right=("rows", "members"))
    for one in written:
        manifest, members = one.version.manifest, one.version.summary["coverage"]["with_row"]
        digest, remark = one.manifest.name[:12], "" if one.new else "was there already"
        shown.add_row(str(manifest.snapshot_as_of), str(manifest.row_count), str(members), digest, remark)
    out.print(shown)
    last = written[-1].version
    out.print(f"Of {last.manifest.snapshot_as_of} a reader should know:")
    for sentence in last.summary["in_words"]:
        out.print(f"- {escape(sentence)}")
