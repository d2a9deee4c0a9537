"""``event-trading replay``: past events, judged or told again; it needs no key and knows no venue."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import print_json, say
from quant_platform_kit.adapters.snapshot_stores import open_snapshots
from quant_platform_kit.events.publishing import Publisher
from quant_platform_kit.events.topics import declare

from event_trading_app.archive.files import Row
from event_trading_app.cli.options import AsJson, Config, settings_of
from event_trading_app.names import Topic
from event_trading_app.replay.judging import judge
from event_trading_app.replay.reading import archived, retained
from event_trading_app.replay.telling import Telling
from event_trading_app.settings import Settings
from event_trading_app.topics import declared
from event_trading_app.venues.near_intents.normalize.demand import normalize

__all__ = ["replay"]

RAW = (Topic.RAW_QUOTE, Topic.RAW_QUOTE_STATUS, Topic.REFERENCE_PRICE, Topic.INVENTORY)
"""What is told again: all else is made of it."""
JUDGED = (Topic.RAW_QUOTE, Topic.SWAP_DEMAND, Topic.EXECUTE_TRADE)
SHOWN = 20


class Source(StrEnum):
    """Where past events are read."""

    ARCHIVE = "archive"
    BUS = "bus"


Since = Annotated[datetime, typer.Option(help="From when on, UTC.")]
Until = Annotated[datetime, typer.Option(help="Until when, UTC; not included.")]


def replay(
    since: Since,
    until: Until,
    source: Annotated[Source, typer.Option("--from", help="Where events are read.")] = Source.ARCHIVE,
    namespace: Annotated[
        str, typer.Option(help="Tell the events again into topics of this namespace, such as `replay.`")
    ] = "",
    speed: Annotated[float, typer.Option(min=0, help="1: as they came; 0: as fast as it goes.")] = 0.0,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make normalized events and commands again and compare them, exit 1 where one differs; or tell events again."""
    settings = settings_of(config)
    span = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
    rows = _read(settings, source, RAW if namespace else JUDGED, span)
    if namespace:
        told = asyncio.run(_tell(settings, rows, namespace, speed))
        say(f"told again in {namespace}*: {told} events")
        return
    verdict = judge(rows, normalize)
    if as_json:
        print_json(
            {
                "normalized": verdict.normalized,
                "commands": verdict.commands,
                "unreadable": verdict.unreadable,
                "differences": verdict.differences,
            }
        )
    else:
        say(
            f"the same: {verdict.normalized} normalized events, {verdict.commands} commands; unreadable raw events: "
            f"{verdict.unreadable}; different: {len(verdict.differences)}"
        )
        for text in verdict.differences[:SHOWN]:
            say(text)
    if verdict.differences:
        raise typer.Exit(1)


def _read(settings: Settings, source: Source, topics: tuple[Topic, ...], span: tuple[datetime, datetime]) -> list[Row]:
    names = [topic.value for topic in topics]
    if source is Source.BUS:
        return retained(settings.bus, names, *span)
    settings.required("archive_url")
    return archived(open_snapshots(settings.archive_url), names, *span)


async def _tell(settings: Settings, rows: list[Row], namespace: str, speed: float) -> int:
    async with Publisher(settings.bus) as publisher:
        telling = Telling(publisher, namespace, speed)
        await asyncio.to_thread(declare, settings.bus, declared(settings.partitions, namespace))
        return await telling.tell(rows)
