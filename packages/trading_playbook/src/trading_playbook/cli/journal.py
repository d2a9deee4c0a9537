"""`quant playbook journal`: a journal out of wherever it is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.durable_files import store_errors, written_beside

from trading_playbook.cli import options
from trading_playbook.journal.csv_form import render
from trading_playbook.writers.places import writers_of

__all__ = ["app"]

app = typer.Typer(help="The journal.", no_args_is_help=True)


@app.callback()
def _journal() -> None: ...


@app.command("export")
def export_command(
    place: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PLACE", help="A file, gs://bucket/object or mongodb://host; the settings' own."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", dir_okay=False, help="Where to; standard output if absent.")
    ] = None,
    cloud: Annotated[bool, typer.Option("--cloud", help="The journal is that of GCS_BUCKET.")] = False,
) -> None:
    """Write a journal as CSV: the same bytes wherever it is kept. Of several, the first is taken."""
    data = render(writers_of(options.configured(cloud=cloud), place)[0].read())
    if to is None:
        sys.stdout.write(data.decode())
        return
    with store_errors(str(to)):
        written_beside(to, data).replace(to)
