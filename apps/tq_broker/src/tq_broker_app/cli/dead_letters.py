"""``tq-broker dead-letters``: what could not be processed, looked at, sent again or dropped."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import columns, print_json, say

from tq_broker_app.bus.letters import Letter, Letters, open_letters
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.cli.options import DEFAULT_CONFIG, AsJson, Config, settings_of
from tq_broker_app.cli.output import notice, shortened, told_if_slow
from tq_broker_app.settings import Settings

__all__ = ["app"]

SHOWN = 60
"""Characters of an original in a line."""
EVERY = 500
"""So many letters are worked on between two remarks about progress."""

app = typer.Typer(no_args_is_help=True, help="Messages that could not be processed: list, replay, drop.")

Numbers = Annotated[
    list[int] | None, typer.Argument(metavar="NUMBER...", min=1, help="Letters, as `list` counts them.")
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


@app.command("list")
def list_letters(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show all dead letters, the oldest first; each stays where it is."""
    with told_if_slow("asking RabbitMQ"):
        asyncio.run(_list(_bus(settings_of(config)), as_json=as_json))


@app.command()
def replay(
    numbers: Numbers = None, every: All = False, config: Config = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Send originals to the queues that they came from, and drop their letters once that is confirmed."""
    _check(numbers, every=every)
    with told_if_slow("asking RabbitMQ"):
        asyncio.run(_work("replayed", _bus(settings_of(config)), numbers, as_json=as_json))


@app.command()
def drop(numbers: Numbers = None, every: All = False, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Drop letters for good."""
    _check(numbers, every=every)
    with told_if_slow("asking RabbitMQ"):
        asyncio.run(_work("dropped", _bus(settings_of(config)), numbers, as_json=as_json))


def document_of(letter: Letter) -> dict[str, Any]:
    """Return a letter as JSON shows it."""
    content = letter.content
    told = {} if content is None else content.model_dump(mode="json")
    return {"number": letter.number, "digest": letter.digest, "readable": content is not None, **told} | (
        {} if content else {"original": letter.told}
    )


def _check(numbers: list[int] | None, *, every: bool) -> None:
    if every == bool(numbers):
        raise typer.BadParameter("give either the numbers of letters, as `tq-broker dead-letters list` shows, or --all")


def _bus(settings: Settings) -> RabbitBus:
    return RabbitBus(settings.rabbitmq, settings.tq.portfolio_id, SystemClock())


async def _list(bus: RabbitBus, *, as_json: bool) -> None:
    async with open_letters(bus) as letters:
        if as_json:
            print_json([document_of(letter) for letter in letters.all])
        elif not letters.all:
            say("no dead letters")
        else:
            columns(("no.", "at", "queue", "tries", "reason", "original"), map(_line, letters.all))


def _line(letter: Letter) -> tuple[str, ...]:
    content, original = letter.content, shortened(letter.told, SHOWN)
    if content is None:
        return (str(letter.number), "-", "-", "-", "no dead letter of this app's", original)
    at = f"{content.at:%Y-%m-%d %H:%M:%S}"
    return (str(letter.number), at, content.queue.value, str(content.attempts), content.reason, original)


async def _work(done: str, bus: RabbitBus, numbers: list[int] | None, *, as_json: bool) -> None:
    """Work on letters one by one; what was done before an error is told."""
    worked: list[Letter] = []
    try:
        async with open_letters(bus) as letters:
            for letter in letters.all if numbers is None or not numbers else letters.chosen(numbers):
                await _one(done, letters, letter)
                worked.append(letter)
                if len(worked) % EVERY == 0:
                    notice(f"{len(worked)} letters {done}")
    finally:
        await bus.close()
        if as_json:
            print_json({done: [document_of(letter) for letter in worked]})
        else:
            say(f"{len(worked)} dead letter{'' if len(worked) == 1 else 's'} {done}")


async def _one(done: str, letters: Letters, letter: Letter) -> None:
    await (letters.replay if done == "replayed" else letters.drop)(letter)
