"""`quant sandbox`: venues to trade on without a broker, on this machine only."""

from __future__ import annotations

import typer

from venue_sandbox.cli.paper import up_paper

__all__ = ["app"]

app = typer.Typer(help="Venues to trade on without a broker, on this machine only.", no_args_is_help=True)
up = typer.Typer(help="Start a venue and what belongs to it.", no_args_is_help=True)
app.add_typer(up, name="up")
up.command("paper")(up_paper)


@up.callback()
def _up() -> None:
    """Start a venue and what belongs to it."""
