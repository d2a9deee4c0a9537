"""`tq-broker demo`: orders at a venue of this machine through the real tqsdk, and what is written of them."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from venue_sandbox.demo.futures_tour import Broker, Tour
    from venue_sandbox.stands.tqsdk import TqStand

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True)

MONDAY = "2026-11-30T02:00:00+00:00"
"""Where the venue's clock begins: ten in the morning in Beijing, on a trading day."""
USER = "DUSBX-demo"
WIDE = 170
"""Columns of what is no terminal."""
Say = Callable[[str], None]


@app.callback()
def demo(
    services: Annotated[
        bool,
        typer.Option("--services", help="All eight processes, with a RabbitMQ, Redis and PostgreSQL of their own."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fill, partial fills, split close, cancel and rejects, all on this machine; exit 1 if one was not shown."""
    from quant_platform_kit.domain.errors import InvalidInput, QuantError

    from venue_sandbox.demo.futures_tour import NotShown
    from venue_sandbox.servers.launch import Unhealthy
    from venue_sandbox.servers.machine import CannotRun

    if find_spec("tqsdk") is None:
        raise InvalidInput("tqsdk is not installed here: install tq-broker[tqsdk]")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tq-demo-") as name:
        folder, say = Path(name), _quiet if as_json else _say
        try:
            found, broker = asyncio.run(_shown(folder, say, services=services))
        except (CannotRun, Unhealthy) as error:
            raise NotShown(f"{error}{_last_words(folder)}") from error
        except QuantError as error:
            raise NotShown(f"{error}{_last_words(folder)}") from error
    document = _document(found, broker, time.monotonic() - began, services=services)
    if as_json:
        from quant_platform_kit.adapters.command_line import print_json

        print_json(document)
    else:
        _print(found, broker, document)


async def _shown(folder: Path, say: Say, *, services: bool) -> tuple[Tour, Broker]:
    from venue_sandbox.demo.futures_tour import tour
    from venue_sandbox.stands.tqsdk import TqStand

    say("a venue that speaks DIFF; its clock begins on Monday 2026-11-30, 10:00 in Beijing")
    with TqStand(folder, ("--clock", MONDAY, "--seed", "1")) as venue:
        async with (_services if services else _inside)(folder, venue, say) as broker:
            say(f"logged in to {broker.account}; {broker.queues}")
            return await tour(broker, venue, say), broker


@asynccontextmanager
async def _inside(folder: Path, venue: TqStand, say: Say) -> AsyncGenerator[Broker]:
    from venue_sandbox.stands.futures_inside import inside

    say("tqsdk, and the services in this process: a ledger in files, queues in memory")
    async with inside(folder / "site", venue) as broker:
        yield broker


@asynccontextmanager
async def _services(folder: Path, venue: TqStand, say: Say) -> AsyncGenerator[Broker]:
    from venue_sandbox.servers.postgresql import postgresql
    from venue_sandbox.servers.rabbitmq import rabbitmq
    from venue_sandbox.servers.redis import redis
    from venue_sandbox.stands.futures import Addresses
    from venue_sandbox.stands.futures_services import private_servers, services

    say("PostgreSQL, RabbitMQ and Redis of this run's own, on loopback")
    with ExitStack() as running:
        urls = running.enter_context(private_servers((postgresql, rabbitmq, redis)))
        say("eight processes, five of them with a TqApi each")
        async with services(folder / "site", venue, Addresses(*urls), USER) as broker:
            yield broker


def _document(found: Tour, broker: Broker, seconds: float, *, services: bool) -> dict[str, Any]:
    written = found.written
    assert written is not None, "the tour has come to its end"
    return {
        "mode": "services" if services else "in-process",
        "queues": broker.queues,
        "rows": broker.rows,
        "keys": broker.keys,
        "orders": list(written.orders.values()),
        "events": list(written.events),
        "cache": dict(written.cache),
        "inserts": found.inserts,
        "seconds": round(seconds, 1),
    }


def _print(found: Tour, broker: Broker, document: dict[str, Any]) -> None:
    from quant_platform_kit.cli.output import console

    from venue_sandbox.demo.futures_tables import cache_table, events_table, orders_table, steps_table

    written, out = found.written, console()
    out.width = out.width if out.is_terminal else WIDE
    assert written is not None, "the tour has come to its end"
    for made in (
        steps_table(found.steps, written),
        orders_table(written, broker.rows),
        events_table(written, broker.rows),
        cache_table(written, broker.keys),
    ):
        out.print(made)
    out.print(f"{len(found.inserts)} orders reached the venue, each once; {broker.queues}; {document['seconds']} s")


def _last_words(folder: Path) -> str:
    """Return what services said last that speak of errors, as the folder will be gone."""
    said = (line for log in sorted(folder.rglob("*.err")) for line in log.read_text("utf-8", "replace").splitlines())
    errors = [line for line in said if " ERROR " in line or line.startswith("tq-broker:")]
    return f"; {errors[-1]}" if errors else ""


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _quiet(text: str) -> None:
    """Say nothing."""
