"""`quant audit`: who asked for what, when and why."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption, day
from quant_platform_kit.cli.output import console, table
from quant_platform_kit.cli.place import PlaceOptions, common_options
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.services.operate.audit import audit_entries

__all__ = ["audit_command"]


@common_options("book", "store", "reports", "account")
def audit_command(
    *,
    since: Annotated[
        date | None, typer.Option(parser=day, metavar="YYYY-MM-DD", help="From this UTC date on; all if absent.")
    ] = None,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """List who asked for what, when and why."""
    with at.open() as place:
        entries = audit_entries(place.store, since)
        if not entries:
            _ = place.any_account
    if json:
        print_json(entries)
        return
    shown = table("Audit", "at (UTC)", "who", "command", "arguments", "why")
    for entry in entries:
        listed = " ".join(f"{name}={value}" for name, value in plain(entry.arguments).items())
        shown.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S}", escape(entry.who), entry.command, escape(listed), escape(entry.why)
        )
    console().print(shown)
