"""``tq-broker check``: whether a deployment could start, changing nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import typer
from quant_platform_kit.adapters.command_line import columns, print_json
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.services.operate.switches import switched_off

from tq_broker_app.bus.letters import depths
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.cli.options import DEFAULT_CONFIG, AsJson, Config, settings_of
from tq_broker_app.cli.output import told_if_slow
from tq_broker_app.running import calendar_of, clock_of
from tq_broker_app.settings import RunMode, Settings

__all__ = ["check"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, whether it is good, and what was found."""

    what: str
    good: bool
    found: str


def check(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Read the settings, and ask RabbitMQ, PostgreSQL, Redis and the ledger, changing nothing; exit 1 if one fails."""
    settings = settings_of(config)
    results = [Checked("settings", good=True, found=f"{config}, portfolio {settings.tq.portfolio_id}")]
    with told_if_slow("asking RabbitMQ, PostgreSQL and Redis"):
        results += asyncio.run(_all(settings))
    if as_json:
        print_json([{"what": each.what, "good": each.good, "found": each.found} for each in results])
    else:
        columns(("what", "", "found"), ((each.what, "ok" if each.good else "FAILED", each.found) for each in results))
    if not all(each.good for each in results):
        raise typer.Exit(1)


async def _all(settings: Settings) -> Iterable[Checked]:
    asked: dict[str, Callable[[], Awaitable[str]]] = {
        "queues": lambda: _queues(settings),
        "database": lambda: asyncio.to_thread(_database, settings),
        "redis": lambda: _redis(settings),
        "ledger": lambda: asyncio.to_thread(_ledger, settings),
        "calendar": lambda: asyncio.to_thread(_calendar, settings),
    }
    return await asyncio.gather(*(_one(what, ask) for what, ask in asked.items()))


async def _one(what: str, ask: Callable[[], Awaitable[str]]) -> Checked:
    try:
        return Checked(what, good=True, found=await ask())
    except QuantError as error:
        return Checked(what, good=False, found=" ".join(str(error).split()))


async def _queues(settings: Settings) -> str:
    bus = RabbitBus(settings.rabbitmq, settings.tq.portfolio_id, clock_of(settings))
    found = await depths(bus)
    missing = [bus.places[queue].queue for queue, depth in found.items() if depth is None]
    waiting = ", ".join(f"{bus.places[queue].queue} {depth}" for queue, depth in found.items() if depth)
    told = [f"not there yet, made by the services: {', '.join(missing)}"] if missing else ["all there"]
    return "; ".join([*told, f"messages waiting: {waiting or 'none'}"])


def _database(settings: Settings) -> str:
    from tq_broker_app.cli.history import history_is_there

    there = history_is_there(settings)
    return "reachable" if there else "reachable; the tables are made by order-handler"


async def _redis(settings: Settings) -> str:
    from tq_broker_app.cache.asking import ask_cache

    own = settings.redis
    await ask_cache(own.host, own.port, own.db, own.password.get_secret_value())
    return f"reachable, database {own.db}"


def _ledger(settings: Settings) -> str:
    store, tq = open_store(settings.database.ledger_url), settings.tq
    if tq.run_mode is not RunMode.REAL:
        store.keys("futures/orders/")
        return "reachable"
    off = switched_off(store, tq.service, tq.account_id, tq.mode)
    return f"reachable; orders are kept back: {'; '.join(off)}" if off else "reachable; orders may be sent"


def _calendar(settings: Settings) -> str:
    return f"trading days are known until {calendar_of(settings).table.last}"
