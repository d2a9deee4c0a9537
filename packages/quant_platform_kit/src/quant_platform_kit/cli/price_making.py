"""`quant prices import` and `quant prices merge`: files of others, and several files, as one price file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.command_line import notice, print_json
from quant_platform_kit.adapters.foreign_prices.layouts import FIELDS
from quant_platform_kit.adapters.foreign_prices.options import DateOrder, ImportOptions
from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.adapters.price_import.importing import Imported, Taken, import_prices, sha256_of
from quant_platform_kit.adapters.price_import.sidecar import sidecar, sidecar_path
from quant_platform_kit.adapters.price_merge import TOLERANCE, merge_prices
from quant_platform_kit.adapters.price_writer import check_target, write_long
from quant_platform_kit.cli.options import JsonOption, day
from quant_platform_kit.cli.options import symbol as symbol_option
from quant_platform_kit.cli.output import console, progress, some
from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["import_command", "merge_command", "row_of"]

OutOption = Annotated[Path, typer.Option(help="File to write, .parquet or .csv.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


def import_command(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE...", help="Files of prices, or folders with one file per symbol."),
    ],
    out: OutOption,
    symbol: Annotated[
        str | None, typer.Option(parser=symbol_option, metavar="SPY", help="Of a file that does not name it.")
    ] = None,
    adjustment: Annotated[
        Adjustment | None, typer.Option(help="What the closes carry, of a source that does not show it.")
    ] = None,
    adj_close_adjustment: Annotated[
        Adjustment | None, typer.Option(help="What adjusted closes beside raw ones carry; raw if nothing says it.")
    ] = None,
    dates: Annotated[DateOrder | None, typer.Option(help="Order of dates such as 12/29/2023 or 29.12.2023.")] = None,
    thousands: Annotated[bool, typer.Option("--thousands", help="Numbers may be written as 1,234.5.")] = False,
    currency: Annotated[bool, typer.Option("--currency", help="Numbers may be written as $12.5.")] = False,
    decimal_comma: Annotated[bool, typer.Option("--decimal-comma", help="Numbers are written as 12,5.")] = False,
    missing: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Stands for a missing price, such as -; repeatable.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=NAME", help="Which column is date, symbol, close and so on; repeatable."),
    ] = None,
    since: Annotated[Any, typer.Option(parser=day, metavar="DATE", help="Leave out rows before this date.")] = None,
    sessions_only: Annotated[
        bool, typer.Option("--sessions-only", help="Leave out rows of days without a session.")
    ] = False,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Write files of other sources as one price file; what is ambiguous is refused, nothing repaired or guessed."""
    options = ImportOptions(
        symbol=symbol,
        adjustment=adjustment,
        adj_close_adjustment=adj_close_adjustment,
        dates=dates,
        thousands=thousands,
        currency=currency,
        decimal_comma=decimal_comma,
        missing=tuple(missing or ()),
        columns=_columns(column or []),
        since=since,
        sessions_only=sessions_only,
    )
    check_target(out, replace=force)
    with progress("Reading prices") as shown:
        made = import_prices(sources, options, load_calendar("XNYS"), shown.track)

    def beside(file: Path) -> tuple[Path, bytes]:
        return sidecar_path(out), sidecar(sources, out, options, made, sha256_of(file))

    write_long(out, made.prices, beside)
    if json:
        print_json(_document(out, made))
    else:
        _show(out, made)


def merge_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Price files in long format, two or more.")],
    out: OutOption,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Write several price files as one; where they overlap they have to agree, and the first one's rows are kept."""
    check_target(out, replace=force)
    merged = merge_prices(files)
    write_long(out, merged.prices)
    if merged.uncompared:
        notice(f"nothing to compare in {some(merged.uncompared)}: the files have no day of it in common")
    if json:
        print_json({**_written(out, merged.prices), "overlap": merged.overlap, "left_out": merged.left_out})
        return
    console().print(f"overlap  {merged.overlap} rows that agree to {TOLERANCE:g}; those of the first file are kept")
    if merged.left_out:
        console().print(f"left out {', '.join(merged.left_out)}: not every file has it")
    _show_written(out, merged.prices)


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    known = ("date", "symbol", *FIELDS)
    found: dict[str, str] = {}
    for pair in pairs:
        field, equals, name = pair.partition("=")
        if not equals or field not in known or field in found:
            raise typer.BadParameter(f"--column {pair!r}: write FIELD=NAME once for each of {', '.join(known)}")
        found[field] = name
    return found


def _document(out: Path, made: Imported) -> dict[str, Any]:
    return {
        **_written(out, made.prices),
        "sidecar": str(sidecar_path(out)),
        "taken": made.taken,
        "passed_over": [str(path) for path in made.passed_over],
    }


def _written(out: Path, prices: LongPrices) -> dict[str, Any]:
    return {
        "file": str(out),
        "rows": len(prices.days),
        "symbols": len(prices.symbols),
        "adjustment": {name: prices.carried(name) for name in ("close", "adj_close") if name in prices.columns},
        "columns": list(prices.columns),
        "first": row_of(prices, 0),
        "last": row_of(prices, -1),
    }


def row_of(prices: LongPrices, row: int) -> dict[str, Any]:
    """Return a row as it was understood; what it has no price of is left out."""
    cells = {name: float(values[row]) for name, values in prices.columns.items()}
    told = {name: value for name, value in cells.items() if value == value}
    return {"date": str(prices.days[row]), "symbol": prices.symbols[prices.codes[row]], **told}


def _show(out: Path, made: Imported) -> None:
    print_line = console().print
    for sort in _sorts(made.taken):
        print_line(f"taken    {escape(sort)}", soft_wrap=True)
    for one in made.taken:
        for text in one.dropped:
            print_line(f"[yellow]dropped[/yellow]  {escape(f'{one.path}: {text}')}", soft_wrap=True)
    if unused := sorted({name for one in made.taken for name in one.unused}):
        print_line(f"unused   {escape(', '.join(unused))}", soft_wrap=True)
    if made.passed_over:
        print_line(f"unread   {escape(some([str(path) for path in made.passed_over]))}", soft_wrap=True)
    _show_written(out, made.prices)
    print_line(f"sidecar  {escape(str(sidecar_path(out)))}", soft_wrap=True)


def _sorts(taken: Sequence[Taken]) -> list[str]:
    """Say what files were taken for, those that are alike in one line."""
    alike: dict[str, list[str]] = {}
    for one in taken:
        columns = ", ".join(f"{name} from {source}" for name, source in one.columns.items() if name != source)
        what = f"{one.source}, dates as {one.dates}{f'; {columns}' if columns else ''}"
        alike.setdefault(what, []).append(one.path)
    return [f"{some(paths)} for {what}" for what, paths in alike.items()]


def _show_written(out: Path, prices: LongPrices) -> None:
    print_line = console().print
    for name, row in (("first", 0), ("last", -1)):
        cells = row_of(prices, row).items()
        told = (f"{key} {value:.10g}" if isinstance(value, float) else value for key, value in cells)
        print_line(f"{name:8} {escape(' '.join(told))}", soft_wrap=True)
    carried = _written(out, prices)["adjustment"]
    said = ", ".join(f"{name} is {kind.value}" for name, kind in carried.items())
    print_line(
        f"[green]written[/green]  {escape(str(out))}: {len(prices.days)} rows of {len(prices.symbols)} symbols; {said}",
        soft_wrap=True,
    )
    if "adj_close" not in carried:
        print_line("use it with --price-field close: it has no adj_close", soft_wrap=True)
