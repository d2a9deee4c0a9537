"""``tq-broker watch``: whether all eight work, and what waits for a person."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Annotated

import typer
from quant_platform_kit.adapters.command_line import columns, print_json, say

from tq_broker_app.cli.options import DEFAULT_CONFIG, AsJson, Config, settings_of
from tq_broker_app.cli.output import notice, told_if_slow
from tq_broker_app.running import clock_of
from tq_broker_app.settings import Settings

if TYPE_CHECKING:
    from tq_broker_app.cli.watching import Seen

__all__ = ["watch"]


def watch(
    once: Annotated[
        bool, typer.Option("--once", help="One look, nobody is told; exit 1 if anything is wrong.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time between two looks.")] = 10,
    patience: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long a service may be down, or a server silent.")
    ] = 60,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Look at the eight services, dead letters and UNKNOWN orders, and tell people of each thing once."""
    for name, seconds in (("--every", every), ("--patience", patience)):
        if not math.isfinite(seconds):
            raise typer.BadParameter(f"{seconds:g} is no number of seconds", param_hint=name)
    settings = settings_of(config)
    if once:
        with told_if_slow("asking the services, RabbitMQ, PostgreSQL and Redis"):
            status = asyncio.run(_once(settings, as_json=as_json))
        raise typer.Exit(status)
    asyncio.run(_watch(settings, every, patience, as_json=as_json))


async def _once(settings: Settings, *, as_json: bool) -> int:
    from tq_broker_app.cli.watching import look

    seen = await look(settings, clock_of(settings))
    if as_json:
        print_json(seen.document)
    else:
        _show(seen)
    return 1 if seen.found else 0


async def _watch(settings: Settings, every: float, patience: float, *, as_json: bool) -> None:
    from tq_broker_app.cli.watching import Messenger, look
    from tq_broker_app.operations.alerts import Incidents, together

    clock, incidents, messenger = clock_of(settings), Incidents(patience), Messenger(settings)
    notice(f"a look every {every:g} s; people are told of a service that is down for {patience:g} s")
    while True:
        seen = await look(settings, clock)
        for over in incidents.ended(seen.found):
            say_event(seen, "over", over.text, as_json=as_json)
        for due in together(incidents.due(seen.found, clock.monotonic())):
            say_event(seen, "alert", due.text, as_json=as_json)
            if (error := await asyncio.to_thread(messenger.tell, due, seen.at)) is not None:
                say_event(seen, "nobody was told", error, as_json=as_json)
        await asyncio.sleep(every)


def say_event(seen: Seen, what: str, text: str, *, as_json: bool) -> None:
    """Print what has changed."""
    if as_json:
        print_json({"at": seen.at, "event": what, "text": text})
    else:
        say(f"{seen.at:%Y-%m-%d %H:%M:%S} {what}: {text}")


def _show(seen: Seen) -> None:
    rows = [
        (each.role.value, each.phase, each.details.get("trading_day", "-"), each.details.get("error", ""))
        for each in seen.looks
    ]
    columns(("service", "phase", "trading day", ""), rows)
    for each in seen.found:
        say(f"{each.kind}: {each.text}")
    if not seen.found:
        say("all quiet")
