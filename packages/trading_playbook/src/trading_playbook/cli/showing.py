"""What a back-test prints: tables for people, one JSON document for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.output import console, table
from rich.markup import escape

from trading_playbook.backtest import Backtest
from trading_playbook.costs import Costs
from trading_playbook.figures import Figures, figures
from trading_playbook.journal.merging import Written
from trading_playbook.journal.record import TradeRecord
from trading_playbook.writers.places import Result

__all__ = ["Shown", "print_document", "print_tables"]

NONE = "-"
_TRADES = ("session", "entry", "at", "stop", "exit", "for", "R", "note")


@dataclass(frozen=True, slots=True)
class Shown:
    """A back-test and what became of its rows."""

    symbol: str
    results: list[Result]
    tested: Backtest
    costs: Costs
    page: Path | None


def print_tables(shown: Shown) -> None:
    """Print figures, trades and what became of the rows."""
    records, out = shown.tested.records, console()
    made = table(f"DP20 {escape(shown.symbol)} {records[0].trade_date} to {records[-1].trade_date}", "figure", "value")
    for name, value in _figure_rows(figures(records), shown.costs.mean_of(records)).items():
        made.add_row(name, value)
    for note, count in sorted(figures(records).notes.items(), key=lambda entry: -entry[1]):
        made.add_row(f"  {note}", str(count))
    out.print(made)
    if trades := [record for record in records if record.entered]:
        listed = table("Trades", *_TRADES, right=("at", "stop", "for", "R"))
        for record in trades:
            listed.add_row(*_trade_cells(record))
        out.print(listed)
    for result in shown.results:
        counts = ", ".join(f"{count} {outcome}" for outcome in Written if (count := result.count(outcome)))
        out.print(f"{escape(result.place)}: {counts or 'not written'}", soft_wrap=True)
    if shown.page is not None:
        out.print(f"{escape(str(shown.page))}: the page", soft_wrap=True)


def print_document(shown: Shown) -> None:
    """Print one JSON document; numbers of figures and rows are numbers, what is not known is null."""
    records = shown.tested.records
    found = figures(records)
    cost = shown.costs.mean_of(records)
    after = None if cost is None or found.expectancy is None else found.expectancy - cost
    print_json(
        {
            "strategy": records[0].strategy,
            "symbol": shown.symbol,
            "start": records[0].trade_date,
            "end": records[-1].trade_date,
            "page": None if shown.page is None else str(shown.page),
            "figures": found,
            "costs": {"mean_r": cost, "expectancy_after": after},
            "journals": [_journal(result) for result in shown.results],
            "warnings": shown.tested.warnings,
        }
    )


def _journal(result: Result) -> dict[str, object]:
    return {
        "place": result.place,
        "error": None if result.error is None else str(result.error),
        "rows": {outcome: result.count(outcome) for outcome in Written},
        "conflicts": [
            {"trade_date": row.record.trade_date, "differs": row.differs}
            for row in (result.merged.results if result.merged else ())
            if row.outcome is Written.CONFLICT
        ],
    }


def _figure_rows(found: Figures, cost: float | None = None) -> dict[str, str]:
    """Return the figures as text, by name; a cost per trade is shown where there is one."""
    rows = {
        "sessions": str(found.sessions),
        "entries": f"{found.entries}, {_number(found.trades_per_day, 3)} a session",
        "closed trades, wins": f"{found.closed}, {found.wins}",
        "win rate": _number(found.win_rate),
        "trailing 30 days": f"{found.trailing_closed} closed, {found.trailing_wins} wins, rate "
        f"{_number(found.trailing_win_rate)}",
        "expectancy": f"{_number(found.expectancy)} R",
        "total": f"{_number(found.total)} R",
        "largest drawdown": f"{_number(found.drawdown)} R",
        "longest run without entry": f"{found.longest_without_entry} sessions",
    }
    if cost and found.expectancy is not None:
        rows["costs of a trade"] = f"{_number(cost)} R, expectancy after them {_number(found.expectancy - cost)} R"
    return rows


def _trade_cells(record: TradeRecord) -> tuple[str, ...]:
    return (
        str(record.trade_date),
        *_time_and_prices(record.entry_time, record.entry_price, record.stop_price),
        *_time_and_prices(record.exit_time, record.eod_exit_price),
        _number(record.r_multiple, 3),
        record.notes,
    )


def _time_and_prices(at: time | None, *prices: float | None) -> Iterator[str]:
    yield NONE if at is None else f"{at:%H:%M}"
    yield from (_number(price, 2) for price in prices)


def _number(value: float | None, digits: int = 6) -> str:
    return NONE if value is None else f"{value:.{digits}f}"
