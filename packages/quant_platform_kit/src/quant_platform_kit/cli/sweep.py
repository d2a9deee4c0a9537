"""`quant sweep`: a strategy with many configurations, and what is left of the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.by_value import code_digest, pickled
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.command_line import notice
from quant_platform_kit.adapters.price_files import price_table, read_price_files
from quant_platform_kit.adapters.strategies import GivenConfig, bind, read_config
from quant_platform_kit.cli import options, sweeping
from quant_platform_kit.cli.backtest import CostOption, DayOption, NumberOption, columns_read, with_costs
from quant_platform_kit.cli.output import amount
from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Strategy
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt
from quant_platform_kit.services.research.swept_backtest import SweptBacktest

__all__ = ["Market", "settings_rows", "sweep_command", "swept_backtest"]


@dataclass(frozen=True, slots=True)
class Market:
    """The prices of a sweep: files, and the series that is taken."""

    files: Sequence[Path]
    price_field: str


def sweep_command(
    prices: options.PricesOption,
    start: DayOption,
    end: DayOption,
    out: sweeping.OutOption,
    profile: options.ProfileOption = None,
    strategy: options.StrategyOption = None,
    grid: sweeping.GridOption = None,
    random: sweeping.RandomOption = None,
    seed: sweeping.SeedOption = 0,
    split: sweeping.SplitOption = None,
    walk_forward: sweeping.WalkOption = None,
    price_field: options.PriceFieldOption = "adj_close",
    fill: Annotated[FillAt, typer.Option(help="When orders fill after the session decided on.")] = FillAt.NEXT_OPEN,
    execution: options.ExecutionOption = options.Execution.REALISTIC,
    cash: NumberOption = Decimal(100_000),
    config: options.ConfigOption = None,
    commission_bps: CostOption = None,
    slippage_bps: CostOption = None,
    believe: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL:DAY", help="Take an odd price for right, as `quant believe` does; repeatable."),
    ] = None,
    workers: sweeping.WorkersOption = None,
    backend: sweeping.BackendOption = None,
    journal: sweeping.JournalOption = None,
    json: options.JsonOption = False,
) -> None:
    """Back-test a strategy with many configurations, choose the best, and say how much of it is luck."""
    found = options.named_strategy(profile, strategy)
    if found is None:
        raise typer.BadParameter("give either --profile NAME or --strategy FILE.py:CLASS")
    policy = with_costs(options.policy(execution, found.manifest.target_mode), commission_bps, slippage_bps)
    believed = frozenset(options.symbol_day(each) for each in believe or ())
    settings = BacktestSettings(start, end, cash, fill, policy, None, believed)
    plan, who = sweeping.plan_of(split, walk_forward), sweeping.workers_of(workers, backend)
    given, market, place = (
        read_config(config or []),
        Market(prices, price_field),
        sweeping.Place(out, journal),
    )
    points = sweeping.points_of(grid or [], random, seed, found.Config, given.values)
    subject = swept_backtest(found, given, points[0], market, settings)
    swept = sweeping.swept(subject, points, plan, place, who)
    sweeping.finish(swept, plan, place, settings_rows(subject, market, execution), as_json=json)


def swept_backtest(
    strategy: Strategy, given: GivenConfig, first: Point, market: Market, settings: BacktestSettings
) -> SweptBacktest:
    """Read the prices of a sweep, once, and make ready what is tried.

    Parameters
    ----------
    given
        Settings that all trials have.
    first
        One of the points, for a look at its settings before the prices are read.

    Raises
    ------
    InvalidInput
        The strategy refuses the point or reads feature snapshots, or the prices cannot be read.
    """
    calendar, manifest = load_calendar("XNYS"), strategy.manifest
    if manifest.features is not None:
        raise InvalidInput(
            f"{manifest.profile} reads feature snapshots, which are built for one configuration: there are none for "
            "the others of a sweep; back-test each with quant backtest --build"
        )
    bind(strategy, replace(given, values={**given.values, **first}))
    file = read_price_files(market.files, columns_read(market.price_field, settings.fill))
    if file.carried(market.price_field) is not manifest.adjustment:
        notice(f"{manifest.profile} is meant for {manifest.adjustment.value} prices, not {market.price_field}")
    return SweptBacktest(
        strategy=pickled(strategy),
        fixed=given.values,
        bind=bind,
        prices=price_table(file, manifest.symbols, market.price_field, calendar),
        calendar=calendar,
        settings=settings,
        identity={
            "prices": sweeping.files_digest(market.files),
            "price_field": market.price_field,
            "code": code_digest(strategy),
        },
    )


def settings_rows(subject: SweptBacktest, market: Market, execution: options.Execution) -> dict[str, str]:
    """Return what all trials have, for the page."""
    rules, asked = subject.settings.policy.rules, subject.settings
    return {
        "Prices": " and ".join(path.name for path in market.files),
        "SHA-256 of the prices": str(subject.identity["prices"]),
        "Price field": market.price_field,
        "Fill": asked.fill.value,
        "Execution": execution.value,
        "Commission": f"{rules.commission_bps.normalize():f} bp",
        "Slippage": f"{rules.slippage_bps.normalize():f} bp",
        "Starting cash": amount(asked.cash),
        "Settings that are fixed": ", ".join(f"{key}={value}" for key, value in subject.fixed.items()) or "none",
    }
