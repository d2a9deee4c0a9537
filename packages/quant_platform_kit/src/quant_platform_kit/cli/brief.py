"""`quant contact --brief`: a short look before a run is due, for a scheduler: login, clock, one quote."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.installed import load_of_platform
from quant_platform_kit.cli.broker import ENTRY_POINTS
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.digests import plain

if TYPE_CHECKING:
    from quant_platform_kit.runtime.service import Service

__all__ = ["look_before_a_run"]


def look_before_a_run(platform: str, schedule: str | None, *, json: bool) -> int:
    """Look whether the login will hold until the next run, if one is due within half a day; return the exit code.

    Parameters
    ----------
    schedule
        When runs are due: five fields of cron, in the exchange's time.
    """
    if schedule is None:
        raise typer.BadParameter("--brief needs to know when runs are due: add --schedule CRON")
    compose: Callable[[], Service] = load_of_platform(ENTRY_POINTS, platform, "service")
    from quant_platform_kit.runtime.preflight import look_ahead

    looked = look_ahead(compose(), schedule, SystemClock().now())
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
    return complain(" | ".join(looked.concerns), 1) if looked.concerns else 0
