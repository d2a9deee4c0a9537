"""A feature snapshot from its files to a filled book: late, published, one bit of it flipped, cured."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.feature_sources import feature_source
from quant_platform_kit.adapters.price_files import LongPrices, read_prices
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.backtest_request import Execution, policy
from quant_platform_kit.cli.compose import PaperRun, run_on_paper
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.testing.synthetic import synthetic_prices
from snapshot_pipelines.build.builder import Recipe, build
from snapshot_pipelines.build.sources import Inputs, read_market
from snapshot_pipelines.build.versions import write_versions
from snapshot_pipelines.cli.publish import publish_command

from venue_sandbox.demo.tour import check

__all__ = ["features_step"]

PROFILE = "mega_cap_leader_rotation"
STOCKS = tuple(f"S{number:02}" for number in range(60))
SECTORS = ("Industrials", "Health Care", "Financials", "Information Technology")
OCTOBER, NOVEMBER, LATE = date(2023, 10, 31), date(2023, 11, 30), date(2023, 12, 1)
SHARES = 2_000_000
VERSION = "snapshot-pipelines demo"


def features_step(out: Path) -> None:
    """Show what a snapshot-backed service lives on."""
    say = console()
    say.rule("8  A feature snapshot: built, published, checked, decided on")
    strategy = bind(find_strategy(PROFILE))
    prices, sectors = _files(out)
    built, root = out / "built", out / "published"
    _build(strategy, Inputs([prices], sectors), (OCTOBER, NOVEMBER), built)
    say.print(f"built     {len(STOCKS)} invented stocks, as of {OCTOBER} and {NOVEMBER}")
    publish_command([str(built)], to=str(root), as_of=OCTOBER)
    desk = _Desk(strategy, read_prices(prices, ["close", "adj_close"]), root, out / "book")
    late = desk.run(NOVEMBER)
    check(late.outcome is Outcome.BLOCKED and not late.orders, "a run on a stale snapshot was not blocked")
    say.print(f"late      {late.as_of}: [red]{late.outcome.value}[/red], {late.reasons[0]}", soft_wrap=True)
    publish_command([str(built)], to=str(root), as_of=NOVEMBER)
    _flip(root)
    damaged = desk.run(NOVEMBER, "damaged")
    check(damaged.outcome is Outcome.BLOCKED and not damaged.orders, "a changed snapshot was decided on")
    say.print(f"one bit   {damaged.as_of}: [red]{damaged.outcome.value}[/red], {damaged.reasons[0]}", soft_wrap=True)
    _flip(root)
    cured = desk.run(LATE)
    check(cured.outcome is Outcome.COMPLETED and cured.executes == NOVEMBER, "the month end was not executed")
    features = cured.reasoning.inputs.features if cured.reasoning else None
    held = ", ".join(f"{order.side.value} {order.symbol}" for order in cured.orders)
    say.print(
        f"cured     {cured.as_of}: [green]{cured.outcome.value}[/green], the REBALANCE of {cured.executes}: {held}"
    )
    say.print(f"          {features.text if features else ''}\n", soft_wrap=True)


class _Desk:
    """A paper account that trades on the snapshots of a root."""

    def __init__(self, strategy: BoundStrategy, prices: LongPrices, root: Path, book: Path) -> None:
        self._strategy, self._prices, self._root, self._book = strategy, prices, root, book

    def run(self, as_of: date, slot: str = "cli") -> RunReport:
        """Decide on a session."""
        rules = policy(Execution.REALISTIC, self._strategy.manifest.target_mode)
        features, cash = feature_source(self._strategy, str(self._root)), Decimal(100_000)
        run = PaperRun(self._strategy, self._prices, "adj_close", as_of, self._book, cash, rules, features=features)
        return run_on_paper(run, slot)


def _files(out: Path) -> tuple[Path, Path]:
    """Write an invented market and the sectors of its stocks; return both files."""
    out.mkdir(parents=True, exist_ok=True)
    symbols = (*STOCKS, "BIL", "QQQ", "SPY")
    market = synthetic_prices(symbols, load_calendar("XNYS"), date(2022, 9, 1), date(2023, 12, 8))
    days = np.datetime_as_string(market.days).tolist()
    names = np.array(market.symbols)[market.codes].tolist()
    series = [market.columns[name].tolist() for name in _PRICES]
    rows = zip(days, names, *series, [SHARES] * len(names), strict=True)
    _write(out / "stocks.csv", ("date", "symbol", *_PRICES, "volume"), rows)
    labels = ((s, f"Stock {s}", SECTORS[n % len(SECTORS)], "2022-09-01") for n, s in enumerate(STOCKS))
    _write(out / "sectors.csv", ("symbol", "name", "gics_sector", "label_as_of"), labels)
    return out / "stocks.csv", out / "sectors.csv"


_PRICES = ("open", "close", "adj_close")


def _write(path: Path, head: tuple[str, ...], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def _build(strategy: BoundStrategy, inputs: Inputs, as_ofs: tuple[date, ...], out: Path) -> None:
    market, sources = read_market(inputs, load_calendar("XNYS"))
    now = SystemClock().now().replace(microsecond=0)
    write_versions(out, build(Recipe(strategy, None, market, sources, VERSION, now), as_ofs))


def _flip(root: Path) -> None:
    """Flip one bit of November's rows."""
    (file,) = (root / "versions" / str(NOVEMBER)).glob("*.parquet")
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
