"""``tq-broker``: exit status 0 done, 1 refused or failed, 2 usage; services also 75, to be started again."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Annotated

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
def _group(stop_at_eof: Annotated[bool, typer.Option("--stop-at-eof", hidden=True)] = False) -> None:
    """Take the options that all commands share."""
    if stop_at_eof:
        threading.Thread(target=_stop_at_eof, daemon=True).start()


def _stop_at_eof() -> None:
    """Stop as if told to when standard input ends, as it does when the parent dies."""
    while os.read(0, 1 << 16):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the command; an error of the user's is one line and status 1."""
    try:
        app()
    except QuantError as error:
        sys.stderr.write(f"tq-broker: {' '.join(str(error).split())}\n")
        sys.exit(1)
