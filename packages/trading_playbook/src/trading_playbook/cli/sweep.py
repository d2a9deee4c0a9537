"""`quant playbook sweep`: DP20 with many numbers, and what is left of the best of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.by_value import code_digest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.strategies import read_config
from quant_platform_kit.cli import sweeping
from quant_platform_kit.cli.options import ConfigOption, JsonOption
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.sweep_request import Place, files_digest, plan_of, points_of

from trading_playbook.cli import options
from trading_playbook.costs import Costs
from trading_playbook.days import days_between
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.sources.files import FileSource
from trading_playbook.swept import SweptDp20

__all__ = ["sweep_command"]

MOST_RISK = 0.2
CostsOption = Annotated[
    float | None, typer.Option(parser=options.basis_points, metavar="BPS", help="Of each fill; 0 if absent.")
]


def _risk(text: str | float) -> float:
    """Read the share that a trade puts at risk; the default comes as a number."""
    try:
        risk = float(text)
    except ValueError:
        risk = 0.0
    if not 0 < risk <= MOST_RISK:
        raise typer.BadParameter(f"{text!r} is no share to put at risk; give 0.01 for 1 %, at most {MOST_RISK}")
    return risk


def sweep_command(
    bars: Annotated[Path, typer.Option(metavar="FILE", help="Intraday bars, parquet.")],
    daily: Annotated[Path, typer.Option(metavar="FILE", help="Daily closes, CSV or parquet.")],
    start: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day.")],
    end: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Last day.")],
    out: sweeping.OutOption,
    symbol: Annotated[str, typer.Option(parser=options.symbol, metavar="QQQ", help="One symbol.")] = "QQQ",
    grid: sweeping.GridOption = None,
    random: sweeping.RandomOption = None,
    seed: sweeping.SeedOption = 0,
    split: sweeping.SplitOption = None,
    walk_forward: sweeping.WalkOption = None,
    config: ConfigOption = None,
    risk: Annotated[
        float, typer.Option(parser=_risk, metavar="SHARE", help="Of the equity, which a trade puts at risk.")
    ] = 0.01,
    commission_bps: CostsOption = None,
    slippage_bps: CostsOption = None,
    workers: sweeping.WorkersOption = None,
    backend: sweeping.BackendOption = None,
    journal: sweeping.JournalOption = None,
    json: JsonOption = False,
) -> None:
    """Test DP20 with many numbers, choose the best, and say how much of it is luck."""
    calendar = load_calendar("XNYS")
    first, last = options.sessions_asked(calendar, start, end, calendar.local_date(SystemClock().now()))
    plan, who = plan_of(split, walk_forward), sweeping.who_works(workers, backend)
    fixed = {name: str(value) for name, value in read_config(config or []).values.items()}
    points = points_of(grid or [], random, seed, Dp20Parameters, fixed)
    days = days_between(calendar, first, last)
    if not days:
        raise InvalidInput(f"no session between {first} and {last}; choose another --start or --end")
    source = FileSource(bars, daily, symbol, calendar)
    identity = {"prices": files_digest([bars, daily]), "code": code_digest(source)}
    costs = Costs(commission_bps=commission_bps or 0.0, slippage_bps=slippage_bps or 0.0)
    subject = SweptDp20(source, days, calendar, risk, costs, fixed, identity)
    place = Place(out, journal)
    found = sweeping.with_progress(subject, points, plan, place, who)
    listed = {
        "Symbol": symbol,
        "Bars, daily closes": f"{bars.name}, {daily.name}",
        "SHA-256 of both": str(identity["prices"]),
        "At risk in a trade": f"{risk:.2%} of the equity",
        "Commission, slippage": f"{costs.commission_bps:g} bp, {costs.slippage_bps:g} bp",
        "Settings that are fixed": ", ".join(f"{name}={value}" for name, value in fixed.items()) or "none",
    }
    sweeping.finish(found, plan, place, listed, as_json=json)
