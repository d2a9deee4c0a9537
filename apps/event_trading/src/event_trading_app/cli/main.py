"""``event-trading``: exit status 0 done, 1 refused or failed, 2 usage; services also 75, to be started again."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import run_command_line, stop_at_eof

from event_trading_app.cli.run import run

__all__ = ["main", "with_all_commands"]

PROGRAM = "event-trading"
ENTRY_POINTS = "event_trading.commands"
"""Entry point group: each loads a `typer.Typer` that becomes a sub-command of its name."""

app = typer.Typer(
    name=PROGRAM,
    help="Event-driven trading: services over a Kafka-compatible bus.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)


@app.callback()
def _group(at_eof: Annotated[bool, typer.Option("--stop-at-eof", hidden=True)] = False) -> None:
    """Take the options that all commands share."""
    if at_eof:
        stop_at_eof()


def with_all_commands() -> typer.Typer:
    """Return the command line with what people use; services are started without, as it takes memory."""
    from event_trading_app.cli import bus, dead_letters
    from event_trading_app.cli.check import check
    from event_trading_app.cli.replay import replay
    from event_trading_app.cli.up import up

    for command in (check, up, replay):
        app.command()(command)
    app.add_typer(dead_letters.app, name="dead-letters")
    app.add_typer(bus.app, name="bus")
    for entry in entry_points(group=ENTRY_POINTS):
        app.add_typer(entry.load(), name=entry.name)
    return app


def main() -> None:
    """Run the command line."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    run_command_line(app if words[:1] == ["run"] else with_all_commands(), PROGRAM, quiet=True)
