"""`quant demo`: the main job from prices to a filled book, on an invented market or on one's own prices."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.backtest_files import write_backtest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices, read_prices
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.cli.backtest import run_backtest, show_figures
from quant_platform_kit.cli.compose import PaperRun, run_on_paper
from quant_platform_kit.cli.options import Execution, policy
from quant_platform_kit.cli.output import console
from quant_platform_kit.cli.paper import show_account
from quant_platform_kit.cli.run import show_report
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.services.backtest import BacktestSettings, FillAt
from quant_platform_kit.testing.paper import read_account
from quant_platform_kit.testing.synthetic import LABEL, synthetic_prices

__all__ = ["demo"]

PROFILE = "dual_momentum"
CASH = Decimal(100_000)
FIRST, LAST = date(2012, 1, 3), date(2023, 12, 29)
WARM_UP_SESSIONS = 300


def demo(
    prices: Annotated[Path | None, typer.Option(help="Your own price file instead of the invented market.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report and the paper account; emptied first.")] = Path(
        "demo-output"
    ),
) -> None:
    """Back-test a strategy, run it once on a paper account, and run it again to see that nothing is ordered twice."""
    say = console()
    bound = bind(find_strategy(PROFILE))
    market, label = (_own(prices), None) if prices else (_invented(bound), LABEL)
    sessions = _sessions(bound, market)
    _empty(out)
    if label:
        say.print(f"[bold yellow]{label}[/bold yellow]\n")
    say.rule("1  Back-test")
    settings = BacktestSettings(
        sessions[WARM_UP_SESSIONS],
        sessions[-1],
        CASH,
        FillAt.NEXT_CLOSE,
        policy(Execution.REALISTIC, bound.manifest.target_mode),
        "SPY",
    )
    result = run_backtest(bound, market, "adj_close", settings)
    show_figures(result)
    listed = {"Fill": "next-close", "Execution": "realistic", "Starting cash": f"{CASH:,}"}
    write_backtest(out / "backtest", result, bound, listed, label)
    say.print(f"report  {out / 'backtest' / 'report.html'}\n", soft_wrap=True)

    say.rule("2  One run on the paper broker")
    as_of = _last_month_end(sessions)
    run = PaperRun(bound, market, "adj_close", as_of, out / "account", CASH, settings.policy)
    first = run_on_paper(run)
    show_report(first)
    show_account(read_account(out / "account"))

    say.rule("3  The same run again")
    second = run_on_paper(run)
    if second != first:
        raise InvalidInput("the second run reported something else than the first: this is a defect, please report it")
    filled = read_account(out / "account")
    say.print(f"the same report, run {second.run_id}; orders in the book before and after: {len(filled.reports)}\n")
    _next_steps(out)


def _own(path: Path) -> LongPrices:
    return read_prices(path, ["close", "adj_close"])


def _invented(bound: BoundStrategy) -> LongPrices:
    return synthetic_prices(bound.manifest.symbols, load_calendar("XNYS"), FIRST, LAST)


def _empty(out: Path) -> None:
    """Remove what an earlier demo left, and nothing else."""
    for name in ("backtest", "account"):
        shutil.rmtree(out / name, ignore_errors=True)


def _sessions(bound: BoundStrategy, market: LongPrices) -> tuple[date, ...]:
    absent = [symbol for symbol in bound.manifest.symbols if symbol not in market.symbols]
    if absent:
        raise InvalidInput(f"{market.path} has no prices of {', '.join(absent)}; {PROFILE} needs them")
    days = [market.days[market.codes == market.symbols.index(symbol)] for symbol in bound.manifest.symbols]
    first, last = max(day.min() for day in days).item(), min(day.max() for day in days).item()
    sessions = load_calendar("XNYS").between(first, last)
    if len(sessions) < 2 * WARM_UP_SESSIONS:
        raise InvalidInput(f"{market.path} has {len(sessions)} common sessions; the demo needs {2 * WARM_UP_SESSIONS}")
    return sessions


def _last_month_end(sessions: tuple[date, ...]) -> date:
    """Return the newest session that ends a month and has another after it."""
    return [day for day, after in pairwise(sessions) if after.month != day.month][-1]


def _next_steps(out: Path) -> None:
    say = console()
    say.rule("Your own prices")
    for line in (
        "make demo PRICES=file.parquet        this tour on your file (date, symbol, close, adj_close)",
        ".venv/bin/quant prices check FILE    what of a file is usable, and for which profile",
        ".venv/bin/quant profiles             every strategy and the platforms it may run on",
        ".venv/bin/quant backtest --help      a back-test of your own",
        f".venv/bin/quant paper show --book {out / 'account'}",
    ):
        say.print(line, soft_wrap=True)
