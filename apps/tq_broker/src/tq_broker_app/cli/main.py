"""``tq-broker``: exit status 0 done, 1 refused or failed, 2 usage; services also 75, to be started again."""

from __future__ import annotations

import sys

import typer
from quant_platform_kit.domain.errors import QuantError

from tq_broker_app.cli.run import run

__all__ = ["main"]

app = typer.Typer(
    name="tq-broker",
    help="Orders of an engine on China futures: eight services over RabbitMQ, Redis, PostgreSQL and TqSDK.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)


@app.callback()
def _group() -> None:
    """Take the options that all commands share."""


def main() -> None:
    """Run the command; an error of the user's is one line and status 1."""
    try:
        app()
    except QuantError as error:
        sys.stderr.write(f"tq-broker: {' '.join(str(error).split())}\n")
        sys.exit(1)
