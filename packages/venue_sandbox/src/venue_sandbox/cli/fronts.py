"""`quant sandbox up tws|schwab|longbridge`: a broker's venue on this machine, and the settings of its app."""

from __future__ import annotations

import json
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping

import typer
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import Refused

from venue_sandbox.servers.launch import Server, Unhealthy

__all__ = ["PASSED_ON", "up_longbridge", "up_schwab", "up_tws"]

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": list[str]()}
"""The options of a venue are its own: it reads the rest of the command line."""

SettingsOf = Callable[[Server, Namespace], Mapping[str, str]]


def up_tws(context: typer.Context) -> None:
    """Run a TWS venue: --folder DIR --account DUSBX1=100000; --help lists all options."""
    # Here, because every start of quant reads this module.
    from venue_sandbox.stands.ibkr import settings_at
    from venue_sandbox.venues.tws.__main__ import parser

    _run("tws", parser(), context.args, lambda venue, _: settings_at(venue))


def up_schwab(context: typer.Context) -> None:
    """Run a Schwab venue: --folder DIR --account DUSBX1=100000; --help lists all options."""
    from venue_sandbox.stands.schwab import log_in, settings_at
    from venue_sandbox.venues.schwab.__main__ import parser

    def settings(venue: Server, options: Namespace) -> Mapping[str, str]:
        log_in(venue, options.folder)
        return settings_at(venue, options.folder, options.key, options.secret)

    _run("schwab", parser(), context.args, settings)


def up_longbridge(context: typer.Context) -> None:
    """Run a LongBridge venue: --folder DIR --account DUSBX1=HKD:780000,USD:100000; --help lists all options."""
    from venue_sandbox.stands.longbridge import settings_at
    from venue_sandbox.venues.longbridge.__main__ import parser

    def settings(venue: Server, options: Namespace) -> Mapping[str, str]:
        return settings_at(venue, options.account[0].account)

    _run("longbridge", parser(), context.args, settings)


def _run(name: str, parser: ArgumentParser, words: list[str], settings: SettingsOf) -> None:
    """Run a venue until Ctrl-C: a line with its ports, then its app's settings as a shell takes them."""
    parser.prog = f"quant sandbox up {name}"
    options = parser.parse_args(words)
    try:
        with Server(f"venue_sandbox.{name}", *words) as venue:
            say = console()
            say.print(json.dumps({"port": venue.port, "control_port": venue.control_port}), soft_wrap=True)
            for setting, value in settings(venue, options).items():
                say.print(f"export {setting}={shlex.quote(value)}", soft_wrap=True, highlight=False, markup=False)
            venue.process.wait()
    except Unhealthy as error:
        raise Refused(f"{error}; what it said is above") from None
    except KeyboardInterrupt:
        console().print("stopped")
