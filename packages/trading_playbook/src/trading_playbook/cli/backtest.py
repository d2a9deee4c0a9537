"""`quant playbook backtest`: DP20 over a range of sessions or on today's, into its journal.

Exit codes: 0 done; 1 refused, failed, or a row differs from the journal's; 2 usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, notice, run_command_line
from quant_platform_kit.adapters.durable_files import store_errors, written_beside
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import progress
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.backtest import Backtest, backtest
from trading_playbook.cli import options
from trading_playbook.cli.showing import Shown, print_document, print_tables
from trading_playbook.costs import Costs
from trading_playbook.daily.due import check_settled, is_awaited
from trading_playbook.days import TradingDay, days_between
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.merging import Written
from trading_playbook.sources.files import FileSource
from trading_playbook.sources.installed import Feed, Wanted, open_source
from trading_playbook.sources.port import BarSource, Opens
from trading_playbook.writers.places import Result, write_all, writers_of
from trading_playbook.writers.writer import TradeWriter

__all__ = ["backtest_command", "main"]

BpsOption = Annotated[
    float | None,
    typer.Option(parser=options.basis_points, metavar="BPS", help="Beside the results, never in them; 0 if absent."),
]
NotBeforeOption = Annotated[
    time | None,
    typer.Option(parser=options.time_of_day, metavar="HH:MM", help="With --today: do nothing before, New York time."),
]


def backtest_command(
    symbol: Annotated[
        str | None, typer.Option(parser=options.symbol, metavar="QQQ", help="One symbol; PLAYBOOK_SYMBOL if absent.")
    ] = None,
    start: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="First day.")] = None,
    end: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Last day.")] = None,
    today: Annotated[bool, typer.Option("--today", help="The session of today, and those missed before it.")] = False,
    cloud: Annotated[bool, typer.Option("--cloud", help="Journal, cache and store are those of GCS_BUCKET.")] = False,
    bars: Annotated[Path | None, typer.Option(metavar="FILE", help="Intraday bars, parquet.")] = None,
    daily: Annotated[Path | None, typer.Option(metavar="FILE", help="Daily closes, CSV or parquet.")] = None,
    feed: Annotated[Feed | None, typer.Option(help="Of a source of bars, without files.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE", help="The journal: a file, gs://bucket/object or mongodb://host; rows are merged."
        ),
    ] = None,
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
    not_before: NotBeforeOption = None,
    metrics_file: Annotated[
        Path | None, typer.Option(metavar="FILE.prom", dir_okay=False, help="With --today: figures for Prometheus.")
    ] = None,
    commission_bps: BpsOption = None,
    slippage_bps: BpsOption = None,
    json: JsonOption = False,
) -> None:
    """Test DP20 over a range of sessions, or on today's, and merge its rows into a journal."""
    options.check_combination(
        today=today,
        start=start,
        end=end,
        replace=replace,
        html=html,
        not_before=not_before,
        metrics_file=metrics_file,
        commission_bps=commission_bps,
        slippage_bps=slippage_bps,
    )
    if today and options.is_before(not_before, SystemClock().now()):
        return
    config = options.configured(cloud=cloud)
    symbol = symbol or config.playbook_symbol
    calendar, parameters = load_calendar("XNYS"), Dp20Parameters(bar_minutes=bar_minutes)
    if today:
        # what a back-test does not need takes as long to load as it does
        from trading_playbook.cli.today import Asked, run_today

        opens = _source(bars, daily, Wanted(symbol, calendar, feed=feed, cache=config.cache))
        asked = Asked(symbol, output, parameters, metrics_file, "files" if bars else feed or "")
        raise typer.Exit(run_today(config, asked, opens, SystemClock(), as_json=json))
    now = SystemClock().now()
    first, last = options.sessions_asked(calendar, start or "", end or "", calendar.local_date(now))
    days = days_between(calendar, first, last)
    if not days:
        notice(f"no session between {first} and {last}; nothing was written")
        return
    check_settled(calendar, days[-1].date, now)
    writers = writers_of(config, output, replace)
    with _source(bars, daily, Wanted(symbol, calendar, days, feed, config.cache))() as source:
        tested = _tested(source, days, calendar, parameters)
        _check_end(tested, calendar, parameters, now)
        page = _page(tested, source, parameters) if html is not None else b""
    results = _written(tested, writers)
    if html is not None:
        _write_page(html, page)
    costs = Costs(commission_bps=commission_bps or 0.0, slippage_bps=slippage_bps or 0.0)
    shown = Shown(symbol, results, tested, costs, html)
    (print_document if json else print_tables)(shown)
    for result in results:
        complain(str(result.error or ""), 1)
    raise typer.Exit(1 if any(each.error or each.count(Written.CONFLICT) for each in results) else 0)


def _source(bars: Path | None, daily: Path | None, wanted: Wanted) -> Opens:
    """Return how the source that the options name is opened: files, or without any the one that is installed."""
    if bars is None and daily is None:
        return partial(open_source, wanted)
    if bars is None or daily is None or wanted.feed is not None:
        raise typer.BadParameter("give --bars FILE and --daily FILE, both and without --feed, or neither")
    return lambda: nullcontext(FileSource(bars, daily, wanted.symbol, wanted.calendar))


def _tested(
    source: BarSource, days: tuple[TradingDay, ...], calendar: ExchangeCalendar, parameters: Dp20Parameters
) -> Backtest:
    with progress("Testing sessions") as shown:
        tested = backtest(source, shown.track(days), calendar, parameters)
    for warning in tested.warnings:
        notice(f"WARN {warning}")
    return tested


def _check_end(tested: Backtest, calendar: ExchangeCalendar, parameters: Dp20Parameters, now: datetime) -> None:
    """Refuse a last session whose bars are not all there yet."""
    last = tested.sessions[-1]
    if is_awaited(last.bars, last.day, parameters, calendar, now):
        opens = calendar.hours(calendar.after(last.day.date)).open
        raise Refused(
            f"the bars of {last.day.date} are not all there yet; nothing was written; try again; from "
            f"{opens:%Y-%m-%d %H:%M} UTC on its row is written as it is"
        )


def _written(tested: Backtest, writers: Sequence[TradeWriter]) -> list[Result]:
    results = write_all(writers, tested.records)
    if all(result.error for result in results):
        for result in results[1:]:
            complain(str(result.error), 1)
        raise results[0].error or InvalidInput("no journal")
    for row in (row for result in results if result.merged for row in result.merged.results):
        if row.outcome in (Written.CONFLICT, Written.REPLACED):
            cells = "; ".join(f"{name} {old or 'empty'} / {new or 'empty'}" for name, (old, new) in row.differs.items())
            kept = "kept, not replaced" if row.outcome is Written.CONFLICT else "replaced"
            notice(f"{row.record.trade_date} {row.record.symbol} {kept}: journal / new: {cells}")
    return results


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
