"""`quant demo`: the whole tour, on an invented market or on one's own prices."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import InvalidInput

from venue_sandbox.demo.market import Market, choose_market, own_market
from venue_sandbox.demo.proof import replay_step
from venue_sandbox.demo.tour import backtest_step, brokers_step, scheduled_step, tested
from venue_sandbox.demo.trouble import block_step, candidates_step, crash_step
from venue_sandbox.stands.ibkr import IbkrPlatform
from venue_sandbox.stands.longbridge import LongBridgePlatform
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.schwab import SchwabPlatform

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True)

LEASE = {"LEASE_SECONDS": "6"}
"""Short times, so that a recovery takes seconds here and not a minute."""
PAPER = {**LEASE, "PAPER_TIMEOUT_SECONDS": "2", "PAPER_SETTLE_SECONDS": "1"}
IBKR, SCHWAB = {**LEASE, "IBKR_TIMEOUT_SECONDS": "2"}, {**LEASE, "SCHWAB_TIMEOUT_SECONDS": "2.5"}
LONGBRIDGE = {**LEASE, "LONGBRIDGE_TIMEOUT_SECONDS": "2.5"}
OWN = ("account", "backtest", "features", "ibkr", "longbridge", "prices.csv", "schwab")


@app.callback()
def demo(
    prices: Annotated[Path | None, typer.Option(help="Your own price file instead of the invented market.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report and the paper account; emptied first.")] = Path(
        "demo-output"
    ),
) -> None:
    """Back-test, trade on schedule, crash, block, prove, decide on features: all here, nothing sent anywhere."""
    from venue_sandbox.demo.features import features_step  # apps are tested beside the sandbox alone

    market = own_market(prices) if prices else choose_market()
    result = tested(market)
    first, second, third = market.turns(result)
    _empty(out, prices)
    if market.label:
        console().print(f"[bold yellow]{market.label}[/bold yellow]\n")
    backtest_step(market, result, out / "backtest")
    prices_file = market.file(out / "prices.csv")
    with PaperPlatform(out / "account", prices_file, market.profile, settings=PAPER) as paper:
        digest = scheduled_step(paper, market, result, first)
        with ExitStack() as running:
            ibkr, schwab, _ = brokers = _brokers(out, prices_file, market, first)
            for platform in brokers:
                running.enter_context(platform)
            brokers_step(brokers, market, first, digest)
            crash_step(ibkr, market, second)
            candidates_step(schwab, market, second)
        block_step(paper, market, first, third)
        replay_step(paper)
    features_step(out / "features")
    _next_steps(out)


def _brokers(
    out: Path, prices: Path, market: Market, first: date
) -> tuple[IbkrPlatform, SchwabPlatform, LongBridgePlatform]:
    """Return the brokers, each with a folder of its own; at Schwab the history comes from the price file."""
    opens, profile = market.due(first).isoformat(), market.profile
    sourced = {**SCHWAB, **SchwabPlatform.kind.history_settings(prices)}
    return (
        IbkrPlatform(out / "ibkr", prices, profile, settings=IBKR, opens_at=opens),
        SchwabPlatform(out / "schwab", prices, profile, settings=sourced, opens_at=opens),
        LongBridgePlatform(out / "longbridge", prices, profile, settings=LONGBRIDGE, opens_at=opens),
    )


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
