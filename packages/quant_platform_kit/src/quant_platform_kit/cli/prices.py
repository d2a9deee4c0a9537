"""`quant prices`: what is in a price file, and making one out of what a platform delivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, notice, print_json
from quant_platform_kit.adapters.price_check import PriceCheck, Problem, SeriesCheck, check_prices, check_symbol
from quant_platform_kit.adapters.price_sources import price_source
from quant_platform_kit.adapters.price_writer import check_target, columns_of, write_prices
from quant_platform_kit.cli import price_making
from quant_platform_kit.cli.options import JsonOption, ProfileOption, StrategyOption, named_strategy
from quant_platform_kit.cli.options import symbol as symbol_option
from quant_platform_kit.cli.output import console, progress, some, table
from quant_platform_kit.cli.price_making import row_of
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import SYMBOL
from quant_platform_kit.domain.strategy import Adjustment, Strategy
from quant_platform_kit.ports.price_source import DailyBar, PriceSource

__all__ = ["app"]

CARRIED = {
    Adjustment.RAW: "closes as they were traded: over a split the file cannot be used",
    Adjustment.SPLIT: "closes adjusted for splits",
    Adjustment.TOTAL_RETURN: "closes adjusted for splits and dividends",
}
ONE_BY_ONE = 40
"""Up to so many symbols are listed in rows of their own."""

app = typer.Typer(help="Look at price files, and make them.", no_args_is_help=True)
app.command("import")(price_making.import_command)
app.command("merge")(price_making.merge_command)


@app.callback()
def _group() -> None:
    """Look at price files, and make them."""


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV in long format: date, symbol, close, ...")],
    profile: ProfileOption = None,
    strategy: StrategyOption = None,
    json: JsonOption = False,
) -> None:
    """Say what of a price file is usable and what is not; exit 1 if a named profile, or nothing, can use it."""
    named = named_strategy(profile, strategy)
    with progress("Checking prices") as shown:
        result = check_prices(file, load_calendar("XNYS"), named.manifest if named else None, shown.track)
    if json:
        print_json(result)
    else:
        _show(result)
    if not result.usable:
        why = result.profiles[0].remark if named else "no symbol can be used"
        raise typer.Exit(complain(f"{file}: {why}", 1))


@app.command("show")
def show(
    symbol: Annotated[str, typer.Argument(parser=symbol_option, metavar="SYMBOL", help="Which symbol.")],
    prices: Annotated[Path, typer.Option(help="Price file, parquet or CSV in long format.")],
    rows: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the first and of the last rows.")] = 3,
    json: JsonOption = False,
) -> None:
    """Show a symbol of a price file: its first and last rows, and what is wrong or odd about it."""
    held, found = check_symbol(prices, symbol, load_calendar("XNYS"))
    count = len(held.days)
    shown = [row for row in range(count) if row < rows or row >= count - rows]
    if json:
        listed = [row_of(held, row) for row in shown]
        print_json({"file": str(prices), "symbol": symbol, "count": count, "rows": listed, "found": found})
        return
    out, fields = console(), list(held.columns)
    drawn = table(escape(f"{symbol}, {count} rows of {prices}"), "date", *fields, right=tuple(fields))
    for row in shown:
        cells = row_of(held, row)
        drawn.add_row(cells["date"], *(_short(name, cells[name]) if name in cells else "" for name in fields))
    out.print(drawn)
    if isinstance(found, Problem):
        out.print(f"[red]problem[/red]  {escape(found.text)}", soft_wrap=True)
        return
    out.print(f"{found.bars} bars from {found.first} to {found.last}, {found.missing} sessions missing")
    for doubt in found.doubts:
        out.print(f"[red]doubt[/red]    {escape(doubt.text)}", soft_wrap=True)
    for remark in found.remarks:
        out.print(f"[dim]remark[/dim]   {escape(remark.text)}", soft_wrap=True)


def _short(name: str, value: float) -> str:
    return f"{value:.0f}" if name == "volume" else f"{value:.7g}"


def _show(result: PriceCheck) -> None:
    out = console()
    shown = table(escape(result.file), "symbol", "first", "last", "bars", "missing", right=("bars", "missing"))
    for symbols, series in _alike(result.series):
        row = (some(symbols), series.first, series.last, series.bars, series.missing)
        shown.add_row(*(escape(str(cell)) for cell in row))
    out.print(shown)
    problems = _by_kind((one.kind, one.symbol, one.text) for one in result.problems)
    doubts = _by_kind((one.kind, f"{one.symbol} on {one.day}", one.text) for one in result.doubts)
    remarks = _by_kind((one.kind, one.symbol, one.text) for one in result.remarks)
    for mark, lines in (("[red]problem[/red]  ", problems), ("[red]doubt[/red]    ", doubts)):
        for text in lines:
            out.print(f"{mark}{escape(text)}", soft_wrap=True)
    for text in remarks:
        out.print(f"[dim]remark[/dim]   {escape(text)}", soft_wrap=True)
    for use in result.profiles:
        verdict = "[green]usable[/green]  " if use.usable else "[yellow]not usable[/yellow]"
        out.print(f"{verdict} {use.profile}: {escape(use.remark)}")


def _alike(series: Sequence[SeriesCheck]) -> Iterator[tuple[list[str], SeriesCheck]]:
    """Give each symbol for itself; of many those together that have as many bars from the same day to the same day."""
    if len(series) <= ONE_BY_ONE:
        yield from (([one.symbol], one) for one in series)
        return
    alike: dict[tuple[date, date, int, int], list[SeriesCheck]] = {}
    for one in series:
        alike.setdefault((one.first, one.last, one.bars, one.missing), []).append(one)
    yield from (([one.symbol for one in group], group[0]) for group in alike.values())


def _by_kind(found: Iterable[tuple[str, str, str]]) -> list[str]:
    """Return one line for each kind: what is said first of it, and what else it is said of.

    Parameters
    ----------
    found
        Kind, what it is said of, and the sentence.
    """
    kinds: dict[str, dict[str, str]] = {}
    for kind, of, text in found:
        kinds.setdefault(kind, {}).setdefault(of, text)
    lines: list[str] = []
    for said in kinds.values():
        (_, first), *others = said.items()
        lines.append(f"{first}; also of {some([of for of, _ in others])}" if others else first)
    return lines


@app.command("pull")
def pull(
    platform: Annotated[str, typer.Option(help="Whose prices; its settings are read from the environment.")],
    years: Annotated[int, typer.Option(min=1, max=30, help="How many years back.")],
    out: Annotated[Path, typer.Option(help="File to write, .parquet or .csv.")],
    symbols: Annotated[str | None, typer.Option(metavar="A,B", help="Symbols to pull.")] = None,
    profile: Annotated[str | None, typer.Option(help="Pull every symbol that a profile needs.")] = None,
    strategy: StrategyOption = None,
    adjusted: Annotated[bool, typer.Option("--adjusted", help="Refuse prices without total return.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    json: JsonOption = False,
) -> None:
    """Pull daily prices up to the last finished session into a price file; written whole or not at all."""
    wanted = _wanted(symbols, named_strategy(profile, strategy))
    check_target(out, replace=force)
    with price_source(platform)() as source:
        bars = _pull(source, platform, wanted, years)
        carried = source.adjustment
    missing = [symbol for symbol, series in bars.items() if any(bar.adj_close is None for bar in series)]
    if missing and adjusted:
        raise InvalidInput(
            f"{platform} delivers no total return (adj_close) of {', '.join(missing)}; leave out --adjusted to take "
            f"{CARRIED[carried]}"
        )
    write_prices(out, bars, carried)
    if missing:
        notice(f"no adj_close of {', '.join(missing)}: {CARRIED[carried]}; use --price-field close")
    elif carried is Adjustment.RAW:
        notice(CARRIED[carried])
    _tell(out, platform, carried, bars, as_json=json)


def _wanted(symbols: str | None, strategy: Strategy | None) -> list[str]:
    """Return the symbols named and those a strategy needs; one named twice counts once."""
    if symbols is None and strategy is None:
        raise typer.BadParameter("say what to pull: --symbols SPY,AGG, or --profile NAME for all that a profile needs")
    named = [] if symbols is None else _symbols(symbols)
    needed = () if strategy is None else strategy.manifest.symbols
    return list(dict.fromkeys([*named, *needed]))


def _symbols(text: str) -> list[str]:
    """Read symbols between commas."""
    read = [symbol.strip() for symbol in text.split(",")]
    if wrong := [symbol for symbol in read if not SYMBOL.fullmatch(symbol)]:
        raise typer.BadParameter(f"--symbols: {wrong[0]!r} is not a symbol; write them as SPY,AGG,BRK B")
    return read


def _pull(source: PriceSource, platform: str, wanted: Sequence[str], years: int) -> dict[str, list[DailyBar]]:
    """Pull one symbol after the other, so that progress shows."""
    until, found = _last_finished_session(), dict[str, list[DailyBar]]()
    with progress("Pulling prices") as shown:
        for symbol in shown.track(wanted):
            series = source.daily([symbol], years, until).get(symbol, ())
            found[symbol] = sorted((bar for bar in series if bar.day <= until), key=lambda bar: bar.day)
    if empty := [symbol for symbol, series in found.items() if not series]:
        raise InvalidInput(f"{platform} has no daily prices of {', '.join(empty)}; nothing was written")
    return found


def _last_finished_session() -> date:
    calendar, now = load_calendar("XNYS"), SystemClock().now()
    today = calendar.local_date(now)
    if calendar.is_session(today) and now > calendar.hours(today).close:
        return today
    return calendar.before(today)


def _tell(
    out: Path, platform: str, carried: Adjustment, bars: Mapping[str, Sequence[DailyBar]], *, as_json: bool
) -> None:
    series = [
        {"symbol": symbol, "first": bars[symbol][0].day, "last": bars[symbol][-1].day, "bars": len(bars[symbol])}
        for symbol in sorted(bars)
    ]
    columns = columns_of(bars, carried)
    if as_json:
        print_json(
            {"file": str(out), "platform": platform, "adjustment": carried, "columns": columns, "series": series}
        )
        return
    shown = table(escape(str(out)), "symbol", "first", "last", "bars", right=("bars",))
    for row in series:
        shown.add_row(*(escape(str(cell)) for cell in row.values()))
    console().print(shown)
    console().print(f"columns  {', '.join(columns)}")
