"""`quant compare`: two or more back-tests against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, table
from quant_platform_kit.report.comparison import Comparison, compare, comparison_rows, year_rows
from quant_platform_kit.report.comparison_files import comparison_document, write_comparison
from quant_platform_kit.report.kept_results import read_results

__all__ = ["compare_command"]


def compare_command(
    results: Annotated[list[Path], typer.Argument(metavar="OUT...", help="Folders that `quant backtest --out` wrote.")],
    out: Annotated[Path | None, typer.Option(help="Folder for comparison.json and comparison.html.")] = None,
    force: options.ForceOption = False,
    json: options.JsonOption = False,
) -> None:
    """Compare back-tests over the sessions that all of them have: figures, years, and decisions that differ."""
    found = compare(read_results(results))
    files = write_comparison(out, found, force=force) if out else []
    if json:
        print_json({**comparison_document(found), "files": files})
        return
    _show(found)
    if out:
        console().print(f"page  {out / 'comparison.html'}", soft_wrap=True)


def _show(found: Comparison) -> None:
    title = f"{found.sessions[0]} to {found.sessions[-1]}, {len(found.sessions)} sessions"
    shown = table(title, "figure", *found.names, right=tuple(found.names))
    for column in shown.columns:
        column.overflow = "fold"
    for row in comparison_rows(found):
        shown.add_row(row.name, *row.values)
    shown.add_section()
    for row in year_rows(found):
        shown.add_row(row.name, *row.values)
    console().print(shown)
    console().print(f"decisions  {len(found.differences)} of {found.decided} differ", soft_wrap=True)
