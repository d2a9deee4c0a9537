"""`quant playbook`: what the kit finds under its entry point group ``quant.commands``."""

from __future__ import annotations

import typer

from trading_playbook.cli import journal
from trading_playbook.cli.backtest import backtest_command
from trading_playbook.cli.live import replay_command, shortfall_command
from trading_playbook.cli.sweep import sweep_command
from trading_playbook.cli.watchdog import watchdog_command

__all__ = ["app"]

app = typer.Typer(help="The trading playbook: DP20, its journal and its figures.", no_args_is_help=True)
app.command("backtest")(backtest_command)
app.command("sweep")(sweep_command)
app.command("watchdog")(watchdog_command)
app.command("shortfall")(shortfall_command)
app.command("replay")(replay_command)
app.add_typer(journal.app, name="journal")


@app.callback()
def _playbook() -> None: ...
