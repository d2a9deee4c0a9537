"""`quant sandbox up tws|schwab|longbridge|alpaca`: a broker's venue on this machine, and the settings of its app."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import typer
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import Refused

from venue_sandbox.cli.watching import one_line
from venue_sandbox.stands.exchange_stand import ExchangeStand
from venue_sandbox.stands.registry import STANDS

__all__ = ["PASSED_ON", "fronts"]

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": list[str]()}
"""The options of a venue are its own: it reads the rest of the command line."""

Command = Callable[[typer.Context], None]


def fronts() -> Iterator[tuple[str, str, Command]]:
    """Yield name, help and function of a command for every stand whose venue is on the exchange core."""
    for kind in STANDS.values():
        if issubclass(kind, ExchangeStand):
            name = kind.module.rpartition(".")[2]
            text = f"Run the venue of {kind.title}: --folder DIR --account DUSBX1=100000; --help lists all options."
            yield name, text, _command(name, kind)


def _command(name: str, kind: type[ExchangeStand]) -> Command:
    def up(context: typer.Context) -> None:
        _run(name, kind, context.args)

    return up


def _run(name: str, kind: type[ExchangeStand], words: list[str]) -> None:
    """Run a venue until Ctrl-C: a line with its ports, then its app's settings as a shell takes them."""
    parser = import_module(f"{kind.module}.__main__").parser()
    parser.prog, parser.error = f"quant sandbox up {name}", _misused
    options = parser.parse_args(words)
    with one_line(), TemporaryDirectory() as scratch:
        with kind.from_command_line(options, words, Path(scratch) / "venue.log") as stand:
            say, venue = console(), stand.server
            say.print(json.dumps({"port": venue.port, "control_port": venue.control_port}), soft_wrap=True)
            for setting, value in stand.settings(options.account[0].account).items():
                say.print(f"export {setting}={shlex.quote(value)}", soft_wrap=True, highlight=False, markup=False)
            status = venue.process.wait()
        raise Refused(f"the venue ended with status {status}{venue.last_words()}")


def _misused(message: str) -> NoReturn:
    """Tell a mistake in the words as every command does."""
    raise typer.BadParameter(message)
