"""``event-trading bus``: the topics that matter kept in a file, brought back into an empty bus, and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import print_json, say
from quant_platform_kit.adapters.compressed_lines import read_lines, write_lines
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.events.offsets import rewind
from quant_platform_kit.events.topic_backup import KeptTopics, check_topics, restore_topics, topic_lines
from quant_platform_kit.events.topics import Topic as Declared
from quant_platform_kit.services.operate.switches import halts, scopes_of

from event_trading_app.cli.options import AsJson, Config, settings_of
from event_trading_app.names import Service, Topic
from event_trading_app.settings import Settings
from event_trading_app.topics import declared

__all__ = ["app"]

ONLY_IN_THE_ARCHIVE = (Topic.RAW_QUOTE, Topic.RAW_QUOTE_STATUS, Topic.SWAP_DEMAND)
"""What is large, is kept by the archive, and leads to nothing any more when it is old."""

app = typer.Typer(no_args_is_help=True, help="Keep the topics that matter, bring them back, have a service read again.")


@app.command("export")
def export_topics(
    out: Annotated[Path, typer.Option(metavar="FILE.jsonl.gz", help="The backup; it must not exist yet.")],
    every: Annotated[bool, typer.Option("--all", help="Raw quotes and demands too, which the archive has.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="A bus that has none of the topics is no mistake.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write commands, results, prices, balances, dead letters, and what each service has done with, to a file."""
    settings = settings_of(config)
    names = [topic.name for topic in _kept(settings, every=every)]
    groups = [settings.namespace + service.stage for service in Service]
    write_lines(out, topic_lines(settings.bus, names, groups, SystemClock().now(), empty=empty))
    _tell(f"{out} holds", _checked(out), as_json=as_json)


@app.command("import")
def import_topics(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup of `event-trading bus export`.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write a backup into a bus that has none of its messages; services must not run, and the ledger is halted."""
    settings, kept = settings_of(config), _checked(file)
    _require_halted(settings)
    restore_topics(settings.bus, _kept(settings, every=True), read_lines(file), kept)
    _tell(f"{file} is restored:", kept, as_json=as_json)


@app.command("rewind")
def rewind_service(
    service: Annotated[Service, typer.Argument(help="Which service; it must not run.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Have a service read all that the bus still has; what it has done with is not done twice."""
    settings = settings_of(config)
    found = rewind(settings.bus, settings.namespace + service.stage)
    if as_json:
        print_json({"service": service.value, "partitions": len(found), "messages": sum(found.values())})
    else:
        say(f"{service.value} reads {sum(found.values())} messages of {len(found)} partitions again")


def _require_halted(settings: Settings) -> None:
    """Refuse a ledger by which commands that the bus hands out again would be answered before somebody has looked.

    A release's hold does not count: the release lifts it by itself.
    """
    settings.required("store_url")
    if halts(open_store(settings.store_url.get_secret_value())).on().isdisjoint(scopes_of(None, settings.account)):
        raise Refused(
            f"the ledger does not halt account {settings.account}, and a restored bus hands out commands again: "
            "`quant halt all --empty --reason TEXT` there first, and resume once it is reconciled"
        )


def _kept(settings: Settings, *, every: bool) -> tuple[Declared, ...]:
    left_out = () if every else tuple(settings.namespace + topic.value for topic in ONLY_IN_THE_ARCHIVE)
    topics = declared(settings.partitions, settings.namespace)
    return tuple(topic for topic in topics if topic.name not in left_out)


def _checked(file: Path) -> KeptTopics:
    try:
        return check_topics(read_lines(file))
    except InvalidInput as error:
        raise InvalidInput(f"{file} is no backup of topics, or damaged: {error}") from None


def _tell(begin: str, kept: KeptTopics, *, as_json: bool) -> None:
    if as_json:
        print_json({"created_at": kept.created_at, "messages": kept.messages, "pending": kept.pending})
        return
    say(f"{begin} {sum(kept.messages.values())} messages of {len(kept.messages)} topics")
    for name, count in sorted(kept.pending.items()):
        say(f"  {name} has {count} of them before it")
