"""`snapshots run`: what a timer calls."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, notice, print_json
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, progress
from quant_platform_kit.services.observe.notifying import Notices
from rich.markup import escape

from snapshot_pipelines.build.code_version import code_version
from snapshot_pipelines.cli.meaning import EndpointOption
from snapshot_pipelines.job.configuration import Job, JobMistakes, read_job
from snapshot_pipelines.job.markets import Markets
from snapshot_pipelines.job.results import Result
from snapshot_pipelines.job.running import Told, Work, run_job
from snapshot_pipelines.publish.roots import Root

__all__ = ["run_command"]


def run_command(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The job, a TOML file.")],
    as_of: Annotated[
        date | None,
        typer.Option(parser=options.day, metavar="YYYY-MM-DD", help="Build this session, not the one that is due."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Build and publish also what is published, or was rolled back.")
    ] = False,
    publish_daily: Annotated[
        bool, typer.Option("--publish-daily", help="Publish the session of a daily build instead of comparing it.")
    ] = False,
    now: Annotated[
        datetime | None,
        typer.Option(parser=options.instant, metavar="ISO", help="What is due at this instant, not at present."),
    ] = None,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """Build, verify and publish the snapshots that are due, and tell people; done again, nothing is left to do.

    Before the close of a session decided on it says when the next one is due. Exit 1 if a source is late, a snapshot
    does not pass its checks, or the root cannot be reached.
    """
    try:
        job = read_job(config)
    except JobMistakes as error:
        for mistake in error.mistakes:
            complain(mistake, 1)
        raise typer.Exit(1) from None
    clock = SystemClock()
    told = Told(now or clock.now(), again, publish_daily)
    if told.now > clock.now():
        raise typer.BadParameter(f"--now {told.now:%Y-%m-%dT%H:%M:%SZ} lies in the future; no session of it has closed")
    with _work(_at(job, as_of), endpoint, clock) as work:
        results = list(run_job(work, told))
    _tell(results, as_json=json)
    if bad := [result for result in results if not result.outcome.good]:
        raise typer.Exit(complain("; ".join(f"{one.profile} {one.as_of} {one.outcome}: {one.text}" for one in bad), 1))


def _at(job: Job, as_of: date | None) -> Job:
    """Return a job for a session of its own, if one is given."""
    return job.model_copy(update={"as_of": as_of}) if as_of else job


@contextmanager
def _work(job: Job, endpoint: str | None, clock: SystemClock) -> Generator[Work]:
    """Give what the job works with; a folder of its own is gone afterwards."""
    root, urls, calendar = Root(job.root, endpoint), job.urls(), load_calendar("XNYS")
    notices = Notices(root.store, AppriseNotifier(urls) if urls else None)
    with TemporaryDirectory(prefix="snapshots-") as made, progress("pull prices") as bar:
        folder = job.folder or Path(made)

        def track(symbols: Sequence[str]) -> Iterable[str]:
            return bar.track(symbols)

        markets = Markets(job, calendar, folder, track)
        yield Work(job, root, folder, markets, notices, calendar, code_version(), clock.now)


def _tell(results: Sequence[Result], *, as_json: bool) -> None:
    for result in results:
        if result.untold:
            notice(f"{result.profile} {result.as_of} {result.outcome}: nobody was told: {result.untold}")
    if as_json:
        print_json({"results": [_document(result) for result in results]})
        return
    out = console()
    for result in results:
        if result.outcome.good:
            out.print(f"[green]{result.outcome}[/green]  {result.profile} {escape(result.text)}", soft_wrap=True)
            for line in result.details:
                out.print(f"- {escape(line)}", soft_wrap=True)


def _document(result: Result) -> dict[str, object]:
    return {
        "profile": result.profile,
        "as_of": result.as_of,
        "outcome": result.outcome,
        "text": result.text,
        "manifest_sha256": result.digest or None,
        "details": result.details,
        "comparison": result.document,
        "untold": result.untold or None,
    }
