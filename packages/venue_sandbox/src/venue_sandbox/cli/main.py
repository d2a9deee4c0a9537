"""`quant sandbox`: venues to trade on without a broker, on this machine only."""

from __future__ import annotations

import typer

from venue_sandbox.cli.folder import restart_service
from venue_sandbox.cli.fronts import PASSED_ON, fronts
from venue_sandbox.cli.paper import up_paper
from venue_sandbox.cli.rehearse import rehearse
from venue_sandbox.cli.venue import set_fault, show_book, show_prices

__all__ = ["app"]

app = typer.Typer(help="Venues to trade on without a broker, on this machine only.", no_args_is_help=True)
up = typer.Typer(help="Start a venue and what belongs to it.", no_args_is_help=True)
app.add_typer(up, name="up")
up.command("paper")(up_paper)
for name, text, command in fronts():
    up.command(name, help=text, context_settings=PASSED_ON)(command)
app.command("rehearse")(rehearse)
app.command("restart")(restart_service)
app.command("book")(show_book)
app.command("fault")(set_fault)
app.command("prices")(show_prices)


@up.callback()
def _up() -> None:
    """Start a venue and what belongs to it."""
