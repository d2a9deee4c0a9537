"""`quant playbook backtest`: DP20 over a range of sessions, into its journal.

Exit codes: 0 done; 1 refused, failed, or a row differs from the journal's; 2 usage.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.durable_files import store_errors, written_beside
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import notice, progress
from quant_platform_kit.cli.running import run_command_line
from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.backtest import Backtest, backtest
from trading_playbook.cli import options
from trading_playbook.cli.showing import Shown, print_document, print_tables
from trading_playbook.costs import Costs
from trading_playbook.days import TradingDay, days_between
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.merging import Merged, Written
from trading_playbook.sources.files import FileSource
from trading_playbook.sources.installed import Feed, Wanted, open_source
from trading_playbook.sources.port import BarSource
from trading_playbook.writers.csv_writer import CSVTradeWriter

__all__ = ["backtest_command", "main"]

BpsOption = Annotated[
    float, typer.Option(parser=options.basis_points, metavar="BPS", help="Beside the results, never in them.")
]


def backtest_command(
    symbol: Annotated[str, typer.Option(parser=options.symbol, metavar="QQQ", help="One symbol.")],
    start: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day.")],
    end: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Last day.")],
    bars: Annotated[Path | None, typer.Option(metavar="FILE", help="Intraday bars, parquet.")] = None,
    daily: Annotated[Path | None, typer.Option(metavar="FILE", help="Daily closes, CSV or parquet.")] = None,
    feed: Annotated[Feed | None, typer.Option(help="Of a source of bars, without files.")] = None,
    output: Annotated[Path, typer.Option(metavar="FILE", help="The journal; rows are merged into it.")] = Path(
        "output/trades.csv"
    ),
    bar_minutes: Annotated[
        int, typer.Option(parser=options.bar_minutes, metavar="MINUTES", help="Length of a bar, a divisor of 30.")
    ] = 2,
    replace: Annotated[
        str | None,
        typer.Option(parser=options.reason, metavar="REASON", help="Replace rows that differ, and record why."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write a page that draws each trade.")
    ] = None,
    commission_bps: BpsOption = 0.0,
    slippage_bps: BpsOption = 0.0,
    json: JsonOption = False,
) -> None:
    """Test DP20 over a range of sessions and merge its rows into a journal."""
    calendar = load_calendar("XNYS")
    first, last = options.sessions_asked(calendar, start, end, calendar.local_date(SystemClock().now()))
    days = days_between(calendar, first, last)
    if not days:
        notice(f"no session between {first} and {last}; nothing was written")
        return
    parameters = Dp20Parameters(bar_minutes=bar_minutes)
    with _source(bars, daily, Wanted(symbol, calendar, days, feed)) as source:
        tested = _tested(source, days, calendar, parameters)
        page = _page(tested, source, parameters) if html is not None else b""
    merged = _written(tested, output, replace)
    if html is not None:
        _write_page(html, page)
    shown = Shown(symbol, output, tested, merged, Costs(commission_bps=commission_bps, slippage_bps=slippage_bps), html)
    (print_document if json else print_tables)(shown)
    raise typer.Exit(1 if merged.count(Written.CONFLICT) else 0)


@contextmanager
def _source(bars: Path | None, daily: Path | None, wanted: Wanted) -> Generator[BarSource]:
    """Open the source that the options name: files, or without any the one that is installed."""
    if bars is None and daily is None:
        with open_source(wanted) as source:
            yield source
        return
    if bars is None or daily is None or wanted.feed is not None:
        raise typer.BadParameter("give --bars FILE and --daily FILE, both and without --feed, or neither")
    yield FileSource(bars, daily, wanted.symbol, wanted.calendar)


def _tested(
    source: BarSource, days: tuple[TradingDay, ...], calendar: ExchangeCalendar, parameters: Dp20Parameters
) -> Backtest:
    with progress("Testing sessions") as shown:
        tested = backtest(source, shown.track(days), calendar, parameters)
    for warning in tested.warnings:
        notice(f"WARN {warning}")
    return tested


def _written(tested: Backtest, output: Path, replace: str | None) -> Merged:
    writer = CSVTradeWriter(output, replace)
    for record in tested.records:
        writer.write_trade(record)
    merged = writer.finalize()
    for result in merged.results:
        if result.outcome in (Written.CONFLICT, Written.REPLACED):
            cells = "; ".join(
                f"{name} {old or 'empty'} / {new or 'empty'}" for name, (old, new) in result.differs.items()
            )
            kept = "kept, not replaced" if result.outcome is Written.CONFLICT else "replaced"
            notice(f"{result.record.trade_date} {result.record.symbol} {kept}: journal / new: {cells}")
    return merged


def _page(tested: Backtest, source: BarSource, parameters: Dp20Parameters) -> bytes:
    """Return the page; what draws it is loaded for it only."""
    from trading_playbook.page.render import render_page

    return render_page(tested, source.symbol, parameters).encode()


def _write_page(path: Path, page: bytes) -> None:
    with store_errors(str(path)):
        written_beside(path, page).replace(path)


def main() -> None:
    """Run the command by itself."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(backtest_command)
    run_command_line(app, "playbook")


if __name__ == "__main__":
    main()
