"""`quant prices`: what is in a price file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_check import PriceCheck, check_prices
from quant_platform_kit.cli.options import JsonOption, ProfileOption
from quant_platform_kit.cli.output import complain, console, print_json, table

__all__ = ["app"]

app = typer.Typer(help="Look at price files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at price files."""


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV in long format: date, symbol, close, ...")],
    profile: ProfileOption = None,
    json: JsonOption = False,
) -> None:
    """Say what of a price file is usable and what is not; exit 1 if a named profile, or nothing, can use it."""
    result = check_prices(file, load_calendar("XNYS"), profile)
    if json:
        print_json(result)
    else:
        _show(result)
    if not result.usable:
        why = result.profiles[0].remark if profile else "no symbol can be used"
        raise typer.Exit(complain(f"{file}: {why}", 1))


def _show(result: PriceCheck) -> None:
    out = console()
    shown = table(str(result.file), "symbol", "first", "last", "bars", "missing", right=("bars", "missing"))
    for series in result.series:
        shown.add_row(series.symbol, str(series.first), str(series.last), str(series.bars), str(series.missing))
    out.print(shown)
    for problem in result.problems:
        out.print(f"[red]problem[/red]  {problem}")
    for use in result.profiles:
        verdict = "[green]usable[/green]  " if use.usable else "[yellow]not usable[/yellow]"
        out.print(f"{verdict} {use.profile}: {use.remark}")
