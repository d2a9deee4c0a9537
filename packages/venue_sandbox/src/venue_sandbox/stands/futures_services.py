"""The eight services of the China futures app as processes, on private servers, as an engine and a reader see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from quant_platform_kit.ports.clock import Clock
from tq_broker_app.bus.ports import Queue
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.cache.writing import TTL_SECONDS, open_cache
from tq_broker_app.database.engine import open_engine
from tq_broker_app.database.tables import ORDER_EVENT, ORDER_HISTORY
from tq_broker_app.running import clock_of
from tq_broker_app.settings import Settings

from venue_sandbox.servers.launch import Unhealthy
from venue_sandbox.servers.private import Running
from venue_sandbox.stands.futures import Addresses, FuturesSite
from venue_sandbox.stands.futures_rows import Written, written
from venue_sandbox.stands.tqsdk import TqStand

__all__ = ["ServicesBroker", "private_servers", "services"]


@dataclass(frozen=True, slots=True)
class ServicesBroker:
    """The services that run beside this process."""

    settings: Settings
    bus: RabbitBus
    clock: Clock
    account: str

    queues: ClassVar[str] = "queues of RabbitMQ"
    rows: ClassVar[str] = "in PostgreSQL"
    keys: ClassVar[str] = "in Redis, each for an hour"

    async def submit(self, body: bytes) -> None:
        """Send what an engine asks for."""
        await self.bus.publish(Queue.SUBMIT, body)

    async def cancel(self, body: bytes) -> None:
        """Send what an engine wants cancelled."""
        await self.bus.publish(Queue.CANCEL, body)

    async def written(self) -> Written:
        """Return what was written so far."""
        orders, events = await asyncio.to_thread(_rows, self.settings.database.url)
        return written(orders, events, await _keys(self.settings))


@asynccontextmanager
async def services(folder: Path, venue: TqStand, addresses: Addresses, account: str) -> AsyncGenerator[ServicesBroker]:
    """Run the eight services until the context ends."""
    with FuturesSite(folder, venue, addresses) as site:
        await asyncio.to_thread(site.start, supervise=True)
        settings = site.settings()
        clock = clock_of(settings)
        bus = RabbitBus(settings.rabbitmq, settings.tq.portfolio_id, clock)
        try:
            yield ServicesBroker(settings, bus, clock, account)
        finally:
            await bus.close()
            await asyncio.to_thread(site.stop_all)


@contextmanager
def private_servers(makers: Sequence[Callable[[], AbstractContextManager[Running]]]) -> Generator[list[str]]:
    """Run private servers, started side by side; yield their addresses."""
    with ExitStack() as running, ThreadPoolExecutor(len(makers)) as pool:
        contexts = [make() for make in makers]
        starting = [pool.submit(context.__enter__) for context in contexts]
        failures: list[BaseException] = []
        for context, started in zip(contexts, starting, strict=True):
            if (failure := started.exception()) is None:
                running.push(context.__exit__)
            else:
                failures.append(failure)
        if failures:
            raise failures[0]
        yield [started.result().url for started in starting]


def _rows(url: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            orders = connection.execute(ORDER_HISTORY.select()).mappings().all()
            events = connection.execute(ORDER_EVENT.select().order_by(ORDER_EVENT.c.id)).mappings().all()
        return [_named(row) for row in orders], [_named(row) for row in events]
    finally:
        engine.dispose()


def _named(row: Any) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


async def _keys(settings: Settings) -> dict[str, str]:
    """Return all keys and their values; each of them has to expire."""
    own = settings.redis
    client: Any = open_cache(own.host, own.port, own.db, own.password.get_secret_value())
    try:
        found: dict[str, str] = {}
        for key in await client.keys("*"):
            if not 0 < await client.ttl(key) <= TTL_SECONDS:
                raise Unhealthy(f"Redis: {key.decode()} does not expire within {TTL_SECONDS} s")
            found[key.decode()] = (await client.get(key)).decode()
        return found
    finally:
        await client.aclose()
