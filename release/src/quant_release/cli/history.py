"""`release history`: every release and what happened in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.cli.output import console, print_json, table
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import InvalidInput
from rich.markup import escape

from quant_release.cli.options import JsonOption, RootOption, StoreOption, options_of
from quant_release.cli.show import say
from quant_release.run.journal import Event, Journal

__all__ = ["history_command"]

HERE = Path()


def history_command(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="One run, with all its steps.")] = None,
    root: RootOption = HERE,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List releases, newest last: who, when, which bundle, how it ended; with RUN every step of one."""
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
        shown = table("Releases", "run", "bundle", "who", "began (UTC)", "state")
        for one in runs:
            shown.add_row(one.run, one.bundle, one.who, f"{one.at:%Y-%m-%d %H:%M:%S}", _state(events[one.run]))
        console().print(shown)
    else:
        for event in events[run]:
            what = f"{event.what:9} {event.step:12} {event.subject} {event.text}".rstrip()
            say(f"[dim]{event.at:%Y-%m-%d %H:%M:%S}[/dim] {escape(event.who)}  {escape(what)}")


def _state(events: list[Event]) -> str:
    """Return how a run ended, or the last step that is known of it."""
    if not events:
        return "open"
    last = events[-1]
    return last.what if not last.step else f"open: {last.step} of {last.subject} {last.what}"
