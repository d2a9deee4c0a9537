"""The services of the China futures app as processes, each test with a venue, a portfolio and a database of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import aio_pika
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool
from tq_broker_app.bus.names import Place, places
from tq_broker_app.bus.ports import Queue
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.running import clock_of
from tq_broker_app.settings import Settings
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.futures import Addresses, FuturesSite
from venue_sandbox.stands.tqsdk import TqStand

ROOT = Path(__file__).resolve().parents[3]
CLOCK = "2025-03-11T01:10:00+00:00"
"""Ten past nine of a Tuesday in Shanghai: everything trades for an hour."""
NEXT_DAY = "2025-03-12"
REBAR = "SHFE.rb2510"
USER = "DUSBX-demo"
"""The simulated account of the sites' user."""
SECONDS = 20.0


def loaded(path: str) -> ModuleType:
    """Return a module of the tests of an app."""
    name = f"shared_{Path(path).stem}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, ROOT / path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


BAD_INPUTS = loaded("apps/tq_broker/tests/bad_inputs.py")


@contextmanager
def fresh_database(server: str) -> Generator[str]:
    """Yield the address of a database of a server, which is there for one test only."""
    name = f"test_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


class Site(FuturesSite):
    """A site that closes the pipes of the services which its supervisor has started again."""

    def __enter__(self) -> Site:
        self.started: list[Server] = []
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()
        for server in self.started:
            server.kill()

    def _started(self, name: str, role: str) -> Server:
        self.started.append(server := super()._started(name, role))
        return server


@dataclass
class Desk:
    """An engine of one site, and whoever reads its queues."""

    site: Site
    settings: Settings

    @property
    def portfolio(self) -> str:
        """The portfolio's id."""
        return self.settings.tq.portfolio_id

    @property
    def venue(self) -> TqStand:
        """The venue."""
        return self.site.venue

    def order(self, order_id: str, **payload: Any) -> bytes:
        """Return an order that fills at once unless its fields say otherwise."""
        now = clock_of(self.settings).now()
        return json.dumps(BAD_INPUTS.order(order_id, now, self.portfolio, **payload)).encode()

    def cancel_of(self, order_id: str) -> bytes:
        """Return a cancel."""
        payload = {"order_id": order_id, "portfolio_id": self.portfolio}
        now = clock_of(self.settings).now().isoformat()
        return json.dumps({"type": "CANCEL", "request_id": uuid4().hex, "timestamp": now, "payload": payload}).encode()

    def submit(self, order_id: str, **payload: Any) -> None:
        """Send an order."""
        self.send(Queue.SUBMIT, self.order(order_id, **payload))

    def cancel(self, order_id: str) -> None:
        """Send a cancel."""
        self.send(Queue.CANCEL, self.cancel_of(order_id))

    def send(self, queue: Queue, *bodies: bytes) -> None:
        """Publish messages, confirmed."""

        async def run() -> None:
            bus = RabbitBus(self.settings.rabbitmq, self.portfolio, clock_of(self.settings))
            for body in bodies:
                await bus.publish(queue, body)
            await bus.close()

        asyncio.run(run())

    def take(self, queue: Queue = Queue.ORDERS) -> list[dict[str, Any]]:
        """Take all messages out of a queue that no service reads."""

        async def run() -> list[dict[str, Any]]:
            async with await aio_pika.connect(self.settings.rabbitmq.url.get_secret_value()) as connection:
                channel = await connection.channel()
                name = places(self.settings.rabbitmq, self.portfolio)[queue].queue
                found = await channel.get_queue(name, ensure=False)
                taken: list[dict[str, Any]] = []
                while (message := await found.get(no_ack=True, fail=False)) is not None:
                    taken.append(json.loads(message.body))
                return taken

        return asyncio.run(run())

    def told(self, enough: Callable[[list[dict[str, Any]]], Any], queue: Queue = Queue.ORDERS) -> list[dict[str, Any]]:
        """Take what is told until it is enough; everything that was told."""
        told: list[dict[str, Any]] = []

        def found() -> bool:
            told.extend(self.take(queue))
            return bool(enough(told))

        assert until(found), [_short(message) for message in told]
        return told

    def event(self, order_id: str, kind: str) -> dict[str, Any]:
        """Return an event of an order, once it is told."""

        def of(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [m for m in told if m.get("order_id") == order_id and kind in (m.get("event_type"), m["status"])]

        return of(self.told(of))[0]


def _short(message: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(message.get(name) for name in ("type", "order_id", "status", "event_type", "reason"))


def until(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Wait until something is true; return what it is at last."""
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@contextmanager
def venue_at(folder: Path, *words: str, clock: str = CLOCK) -> Generator[TqStand]:
    """Yield a venue whose clock begins in the morning."""
    folder.mkdir(exist_ok=True)
    with TqStand(folder, ("--clock", clock, *words)) as venue:
        yield venue


@contextmanager
def desk_at(
    folder: Path,
    venue: TqStand,
    addresses: Addresses,
    roles: Sequence[str],
    *,
    supervise: bool = False,
    username: str = "demo",
    **changes: dict[str, Any],
) -> Generator[Desk]:
    """Yield a desk whose services work; their queues are gone afterwards."""
    changes["tq"] = {"username": username, **changes.get("tq", {})}
    site = Site(folder, venue, addresses, portfolio=f"p{uuid4().hex[:8]}", changes=changes)
    site.write_config()
    asyncio.run(_with_queues(site.settings(), _declare))
    with ExitStack() as opened:
        opened.callback(lambda: asyncio.run(_with_queues(site.settings(), _delete)))
        opened.enter_context(site)
        if roles:
            site.start(roles, supervise=supervise)
        yield Desk(site, site.settings())


async def _with_queues(settings: Settings, use: Callable[[Any, Place], Awaitable[None]]) -> None:
    """Declare or delete all queues, as an engine may that is there first."""
    async with await aio_pika.connect(settings.rabbitmq.url.get_secret_value()) as connection:
        channel = await connection.channel()
        for place in places(settings.rabbitmq, settings.tq.portfolio_id).values():
            await use(channel, place)


async def _declare(channel: Any, place: Place) -> None:
    queue = await channel.declare_queue(place.queue, durable=True)
    await queue.bind(await channel.declare_exchange(place.exchange, "direct", durable=True), place.queue)


async def _delete(channel: Any, place: Place) -> None:
    await channel.queue_delete(place.queue)
    await channel.exchange_delete(place.exchange)
