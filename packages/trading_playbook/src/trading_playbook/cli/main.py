"""`quant playbook`: what the kit finds under its entry point group ``quant.commands``."""

from __future__ import annotations

import typer

from trading_playbook.cli.backtest import backtest_command

__all__ = ["app"]

app = typer.Typer(help="The trading playbook: DP20, its journal and its figures.", no_args_is_help=True)
app.command("backtest")(backtest_command)


@app.callback()
def _playbook() -> None: ...
