"""`quant brief`: a short look before a run is due, for a scheduler: login, clock, one quote."""

from __future__ import annotations

from typing import Annotated

import typer

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.cli.broker import look_before_run
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.digests import plain

__all__ = ["brief_command"]


def brief_command(
    platform: Annotated[
        str, typer.Option(metavar="NAME", help="Whose service; its settings are read from the environment.")
    ],
    schedule: Annotated[
        str, typer.Option(metavar="CRON", help="When its runs are due, in the exchange's time: five fields.")
    ],
    json: JsonOption = False,
) -> None:
    """Look whether the login will hold until the next run, if one is due within half a day; exit 1 and tell if not."""
    looked = look_before_run(platform, schedule, SystemClock().now())
    if json:
        print_json(plain(looked))
    elif looked.due is None:
        say("no run is due within half a day; nothing was asked")
    else:
        for brief in looked.briefs:
            state = brief.failed or (
                f"run {brief.open_run} is open" if brief.open_run else "login, clock and quote are well"
            )
            say(f"{brief.account or platform}  {state}, the next run is due at {looked.due:%Y-%m-%d %H:%M} UTC")
    if looked.concerns:
        raise typer.Exit(complain(" | ".join(looked.concerns), 1))
