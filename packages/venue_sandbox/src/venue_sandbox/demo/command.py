"""`quant demo`: the whole tour, on an invented market or on one's own prices."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import InvalidInput

from venue_sandbox.demo.market import choose_market, own_market
from venue_sandbox.demo.proof import replay_step
from venue_sandbox.demo.tour import backtest_step, broker_step, scheduled_step, tested
from venue_sandbox.demo.trouble import block_step, crash_step
from venue_sandbox.paper_platform import PaperPlatform

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True)

SETTINGS = {"LEASE_SECONDS": "6", "PAPER_TIMEOUT_SECONDS": "2", "PAPER_SETTLE_SECONDS": "1"}
"""Short times, so that a recovery takes seconds here and not a minute."""
OWN = ("account", "backtest", "ibkr", "prices.csv")


@app.callback()
def demo(
    prices: Annotated[Path | None, typer.Option(help="Your own price file instead of the invented market.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report and the paper account; emptied first.")] = Path(
        "demo-output"
    ),
) -> None:
    """Back-test, trade on schedule, crash, block and prove: everything on this machine, nothing sent anywhere."""
    market = own_market(prices) if prices else choose_market()
    result = tested(market)
    first, second, third = market.turns(result)
    _empty(out, prices)
    if market.label:
        console().print(f"[bold yellow]{market.label}[/bold yellow]\n")
    backtest_step(market, result, out / "backtest")
    with PaperPlatform(out / "account", market.file(out / "prices.csv"), market.profile, settings=SETTINGS) as platform:
        digest = scheduled_step(platform, market, result, first)
        broker_step(out / "ibkr", market, platform.prices, first, digest)
        crash_step(platform, market, first, second)
        block_step(platform, market, second, third)
        replay_step(platform)
    _next_steps(out)


def _empty(out: Path, prices: Path | None) -> None:
    """Remove what an earlier demo left, and nothing else."""
    if prices and prices.resolve().is_relative_to(out.resolve()):
        raise InvalidInput(f"--prices {prices} lies in --out {out}, which is emptied first: choose another folder")
    for name in OWN:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _next_steps(out: Path) -> None:
    say = console()
    say.rule("Your own prices")
    for line in (
        "make demo PRICES=file.parquet        this tour on your file (date, symbol, close, adj_close)",
        ".venv/bin/quant prices check FILE    what of a file is usable, and for which profile",
        ".venv/bin/quant profiles             every strategy and the platforms it may run on",
        ".venv/bin/quant backtest --help      a back-test of your own",
        ".venv/bin/quant sandbox up paper     the service and its pages, to look at in a browser",
        f"{out / 'backtest' / 'report.html'}    the back-test's report",
    ):
        say.print(line, soft_wrap=True)
