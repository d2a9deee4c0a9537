"""`release history`: every release and what happened in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.cli.output import console, table
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import InvalidInput

from quant_release.cli.options import JsonOption, RootOption, StoreOption, options_of
from quant_release.cli.printing import print_json, say, shown
from quant_release.run.journal import Event, Journal, RunRecord

__all__ = ["history_command"]

HERE = Path()
_ENDS = ("finished", "abandoned", "rolled back")


def history_command(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="One run, with all its steps.")] = None,
    root: RootOption = HERE,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List what was done, newest last: who, when, which bundle, how it ended; with RUN every step of one."""
    options = options_of(root, store)
    opened = options.open_store(to_write=False)
    if opened is None:
        raise InvalidInput("the journal's store is not named: set STORE_URL or add --store URL")
    journal = Journal(opened, options.who)
    runs = journal.runs() if run is None else [journal.run(run)]
    events = {one.run: journal.events(one.run) for one in runs}
    if json:
        print_json([{**plain(one), "state": _state(events[one.run]), "events": events[one.run]} for one in runs])
    elif run is None:
        rows = table("Releases", "run", "command", "bundle", "who", "began (UTC)", "state")
        for one in runs:
            began, state = f"{one.at:%Y-%m-%d %H:%M:%S}", _state(events[one.run])
            rows.add_row(one.run, shown(_command(one)), one.bundle, shown(one.who), began, shown(state))
        console().print(rows)
    else:
        for one in runs:
            say(f"[bold]{shown(_command(one))}[/bold] of bundle {shown(one.bundle)} by {shown(one.who)}")
        for event in events[run]:
            what = f"{event.what:11} {event.step:12} {event.subject} {event.text}".rstrip()
            say(f"[dim]{event.at:%Y-%m-%d %H:%M:%S}[/dim] {shown(event.who)}  {shown(what)}")


def _command(run: RunRecord) -> str:
    """Return what was typed to begin a run, and what it goes back behind."""
    limits = "".join(f" --service {name}" for name in run.services)
    return f"{run.command}{limits}" + (f" (of run {run.back})" if run.back else "")


def _state(events: list[Event]) -> str:
    """Return how a run ended, or the last thing that is known of it."""
    if not events:
        return "open"
    last = events[-1]
    if last.what in _ENDS:
        return last.what
    step = f"{last.step} of {last.subject}" if last.step else last.subject
    return f"open: {f'{step} {last.what}'.strip()}"
