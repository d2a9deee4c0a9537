"""``event-trading dead-letters``: what could not be processed, looked at, sent again or dropped."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import columns, print_json, say
from quant_platform_kit.events import dead_letters
from quant_platform_kit.events.dead_letters import Letter

from event_trading_app.cli.options import AsJson, Config, settings_of
from event_trading_app.names import Service

__all__ = ["app"]

SHOWN = 100

app = typer.Typer(no_args_is_help=True, help="Messages that could not be processed: list, replay, drop.")

Stage = Annotated[Service, typer.Argument(help="Whose dead letters.")]
Numbers = Annotated[list[int], typer.Argument(metavar="NUMBER...", min=0, help="Letters, as `list` numbers them.")]


@app.command("list")
def list_letters(config: Config = None, as_json: AsJson = False) -> None:
    """Show the dead letters of all services, the oldest first of each."""
    settings = settings_of(config)
    found = [
        (service, letter)
        for service in Service
        for letter in dead_letters.letters(settings.bus, settings.namespace + service.stage)
    ]
    if as_json:
        print_json([_document(letter) for _, letter in found])
    elif not found:
        say("no dead letters")
    else:
        columns(("stage", "no.", "at", "from", "reason"), (_line(service, letter) for service, letter in found))


@app.command()
def replay(stage: Stage, numbers: Numbers, config: Config = None) -> None:
    """Send messages to where they came from again."""
    settings = settings_of(config)
    done = dead_letters.replay(settings.bus, settings.namespace + stage.stage, numbers, SystemClock().now())
    say(f"replayed: {len(done)}")


@app.command()
def drop(stage: Stage, numbers: Numbers, config: Config = None) -> None:
    """Drop letters for good."""
    settings = settings_of(config)
    done = dead_letters.drop(settings.bus, settings.namespace + stage.stage, numbers, SystemClock().now())
    say(f"dropped: {len(done)}")


def _document(letter: Letter) -> dict[str, Any]:
    return {"number": letter.number, **letter.content.model_dump(mode="json")}


def _line(service: Service, letter: Letter) -> tuple[str, ...]:
    content = letter.content
    where = f"{content.topic}/{content.partition}@{content.offset}"
    reason = " ".join(content.reason.split())
    return service.stage, str(letter.number), f"{content.at:%Y-%m-%d %H:%M:%S}", where, reason[:SHOWN]
