"""What a back-test is asked on a command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.price_files import read_price_files
from quant_platform_kit.adapters.price_income import AskedIncome, Dividends
from quant_platform_kit.backtest_request import DEFAULT_CASH, BacktestRequest, Execution
from quant_platform_kit.cli import options
from quant_platform_kit.ports.snapshot_builder import SnapshotFiles
from quant_platform_kit.services.research.asked_costs import AskedCosts
from quant_platform_kit.services.research.backtest import FillAt

__all__ = ["BacktestOptions", "columns_read"]

DayOption = Annotated[date, typer.Option(parser=options.day, metavar="YYYY-MM-DD")]
NumberOption = Annotated[Decimal, typer.Option(parser=options.number, metavar="NUMBER")]


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """The options of a command that back-tests, as they were given."""

    prices: options.PricesOption
    start: DayOption
    end: DayOption
    profile: options.ProfileOption = None
    strategy: options.StrategyOption = None
    price_field: options.PriceFieldOption = "adj_close"
    fill: Annotated[FillAt, typer.Option(help="When orders fill after the session decided on.")] = FillAt.NEXT_OPEN
    execution: options.ExecutionOption = Execution.REALISTIC
    cash: NumberOption = DEFAULT_CASH
    config: options.ConfigOption = None
    snapshots: options.SnapshotsOption = None
    build: Annotated[bool, typer.Option("--build", help="Build the feature snapshots on the way instead.")] = False
    sectors: Annotated[Path | None, typer.Option(metavar="FILE", help="With --build: sectors of the stocks.")] = None
    membership: Annotated[Path | None, typer.Option(metavar="FILE", help="With --build: who was a member.")] = None
    fundamentals: Annotated[Path | None, typer.Option(metavar="FILE", help="With --build: facts of accounts.")] = None
    own_features: Annotated[
        Path | None, typer.Option("--features", metavar="FILE.py", help="With --build: features of your own.")
    ] = None
    benchmark: Annotated[str | None, typer.Option(help="Symbol to compare with; SPY where the file has it.")] = None
    commission_bps: options.CostOption = None
    slippage_bps: options.CostOption = None
    commission_per_share: options.CommissionPerShareOption = None
    commission_minimum: options.CommissionMinimumOption = None
    lots: options.LotsOption = None
    cash_yield: options.CashYieldOption = "0"
    dividends: options.DividendsOption = Dividends.PRICED
    risk_free: Annotated[
        str | None,
        typer.Option("--risk-free", metavar="SYMBOL|RATE", help="What ratios are above: BIL, or 0.02 a year; else 0."),
    ] = None
    believe: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL:DAY", help="Take an odd price for right, as `quant believe` does; repeatable."),
    ] = None

    @property
    def request(self) -> BacktestRequest:
        """What they ask, with the prices read; a usage error where options do not go together."""
        build = self._build
        bound = options.bound_strategy(self.profile, self.strategy, self.config)
        costs = AskedCosts(
            self.commission_bps, self.slippage_bps, self.commission_per_share, self.commission_minimum, self.lots
        )
        income = AskedIncome(self.cash_yield, self.dividends)
        file = read_price_files(self.prices, columns_read(self.price_field, self.fill), income.columns)
        return BacktestRequest(
            bound,
            file,
            self.start,
            self.end,
            price_field=self.price_field,
            fill=self.fill,
            execution=self.execution,
            cash=self.cash,
            costs=costs,
            income=income,
            benchmark=self.benchmark,
            believed=frozenset(options.symbol_day(each) for each in self.believe or ()),
            snapshots=self.snapshots,
            build=build,
            risk_free=rate_or_symbol(self.risk_free),
        )

    @property
    def _build(self) -> SnapshotFiles | None:
        if not self.build:
            if self.sectors or self.membership or self.fundamentals or self.own_features:
                raise typer.BadParameter("--sectors, --membership, --fundamentals and --features go with --build")
            return None
        if self.snapshots or self.sectors is None:
            raise typer.BadParameter("--build needs --sectors, and no --snapshots")
        return SnapshotFiles(self.prices, self.sectors, self.membership, self.fundamentals, self.own_features)


def rate_or_symbol(text: str | None) -> Decimal | str | None:
    """Read a rate per year, or the symbol of what earns one."""
    if text is None:
        return None
    try:
        return options.number(text)
    except typer.BadParameter:
        return options.symbol(text)


def columns_read(price_field: str, fill: FillAt) -> list[str]:
    """Return the columns of a price file that a back-test reads."""
    names = ["close"] if price_field == "close" else ["close", price_field]
    return [*names, "open"] if fill is FillAt.NEXT_OPEN else names
