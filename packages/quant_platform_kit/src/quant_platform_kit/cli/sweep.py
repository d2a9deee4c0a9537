"""`quant sweep`: a strategy with many configurations, and what is left of the best of them."""

from __future__ import annotations

from dataclasses import replace

import typer

from quant_platform_kit.adapters.strategies import read_config
from quant_platform_kit.cli import options, sweeping
from quant_platform_kit.cli.backtest import told_of_prices
from quant_platform_kit.cli.backtest_options import BacktestOptions
from quant_platform_kit.cli.grouped import grouped, parameters_of
from quant_platform_kit.sweep_request import Place, plan_of, points_of, settings_rows, sweepable, swept_backtest

__all__ = ["sweep_command"]

NOT_SWEPT = ("snapshots", "build", "sectors", "membership", "fundamentals", "own_features", "benchmark", "risk_free")
"""Options of a back-test that a sweep has no use for."""
ASKED = [option for option in parameters_of(BacktestOptions) if option.name not in NOT_SWEPT]


@grouped("asked", ASKED, lambda given: BacktestOptions(**given))
def sweep_command(
    *,
    asked: BacktestOptions,
    out: sweeping.OutOption,
    grid: sweeping.GridOption = None,
    random: sweeping.RandomOption = None,
    seed: sweeping.SeedOption = 0,
    split: sweeping.SplitOption = None,
    walk_forward: sweeping.WalkOption = None,
    workers: sweeping.WorkersOption = None,
    backend: sweeping.BackendOption = None,
    journal: sweeping.JournalOption = None,
    json: options.JsonOption = False,
) -> None:
    """Back-test a strategy with many configurations, choose the best, and say how much of it is luck."""
    found = options.named_strategy(asked.profile, asked.strategy)
    if found is None:
        raise typer.BadParameter("give either --profile NAME or --strategy FILE.py:CLASS")
    plan, who, place = plan_of(split, walk_forward), sweeping.who_works(workers, backend), Place(out, journal)
    given = read_config(asked.config or [])
    points = points_of(grid or [], random, seed, sweepable(found).Config, given.values)
    first = [f"{name}={value}" for name, value in points[0].items()]
    request = replace(asked, config=[*(asked.config or []), *first]).request
    told_of_prices(request)
    subject = swept_backtest(request, given)
    swept = sweeping.with_progress(subject, points, plan, place, who)
    sweeping.finish(swept, plan, place, settings_rows(request, subject), as_json=json)
