"""The core of the China futures app in one process: one login, a ledger in files, queues and rows in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from quant_platform_kit.adapters.logs import start_logging
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.ports.clock import Clock
from tq_broker_app.bus.ports import Queue
from tq_broker_app.roles.parts import Parts
from tq_broker_app.roles.together import until_first
from tq_broker_app.running import calendar_of, clock_of

from venue_sandbox.stands.futures import FuturesSite
from venue_sandbox.stands.futures_memory import MemoryBus, MemoryCache, MemoryOrders
from venue_sandbox.stands.futures_rows import Written, written
from venue_sandbox.stands.tqsdk import TqStand

__all__ = ["InsideBroker", "inside"]


@dataclass(frozen=True, slots=True)
class InsideBroker:
    """The services that run in this process, as an engine and a reader see them."""

    parts: Parts
    orders: MemoryOrders
    cache: MemoryCache
    account: str
    working: asyncio.Task[None]

    queues: ClassVar[str] = "queues in the memory of this process"
    rows: ClassVar[str] = "in memory, kept by a reader of the same messages"
    keys: ClassVar[str] = "in memory, kept by a reader of the same messages"

    @property
    def clock(self) -> Clock:
        """The time that counts."""
        return self.parts.clock

    async def submit(self, body: bytes) -> None:
        """Send what an engine asks for."""
        await self.parts.bus.publish(Queue.SUBMIT, body)

    async def cancel(self, body: bytes) -> None:
        """Send what an engine wants cancelled."""
        await self.parts.bus.publish(Queue.CANCEL, body)

    async def written(self) -> Written:
        """Return what was written so far; raises what has ended the services."""
        if self.working.done():
            self.working.result()
        return written(self.orders.all_rows(), self.orders.all_events(), self.cache.keys)


@asynccontextmanager
async def inside(folder: Path, venue: TqStand) -> AsyncGenerator[InsideBroker]:
    """Run the services until the context ends; one TqApi serves all of them.

    The environment of this process changes: tqsdk finds the venue there, and reaches nothing else.
    """
    os.environ.update(venue.environment)  # noqa: TID251 - tqsdk reads it when it is imported
    site = FuturesSite(folder, venue, changes={"database": {"store_url": (folder / "ledger").as_uri()}})
    settings = site.settings()
    with (folder / "demo.log").open("w", encoding="utf-8") as log:
        start_logging(as_json=False, stream=log)
        clock = clock_of(settings)
        store = open_store(settings.database.ledger_url)
        bus, calendar = MemoryBus(clock), calendar_of(settings)
        parts = Parts(settings=settings, clock=clock, calendar=calendar, store=store, bus=bus)
        async with _running(parts) as broker:
            yield broker


@asynccontextmanager
async def _running(parts: Parts) -> AsyncGenerator[InsideBroker]:
    from tq_broker_app.roles.account_monitor import AccountMonitor
    from tq_broker_app.roles.handlers import AccountHandler, OrderHandler, PositionHandler
    from tq_broker_app.roles.order_canceller import OrderCanceller
    from tq_broker_app.roles.order_monitor import OrderMonitor
    from tq_broker_app.roles.order_submitter import OrderSubmitter
    from tq_broker_app.roles.position_monitor import PositionMonitor
    from tq_broker_app.tq.session import TqSession

    session = TqSession(parts.settings.tq, lists_symbols=True)
    await session.start(parts.clock.now())
    orders, cache = MemoryOrders(), MemoryCache()
    submitter = OrderSubmitter(parts, session, "demo")
    services = (
        submitter,
        OrderCanceller(parts, session),
        *(kind(parts, session) for kind in (OrderMonitor, PositionMonitor, AccountMonitor)),
        OrderHandler(parts, cast(Any, orders)),
        PositionHandler(parts, cast(Any, cache.positions)),
        AccountHandler(parts, cast(Any, cache.account)),
    )
    working = asyncio.create_task(until_first(*(service.run() for service in services)))
    try:
        yield InsideBroker(parts, orders, cache, session.account_id, working)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await submitter.stand_down()
        await session.close()
