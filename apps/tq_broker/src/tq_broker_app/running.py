"""Running one of the eight services: composed from settings, until it is told to stop or its login is over."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from loguru import logger
from quant_platform_kit.adapters.calendar_tables import load_calendar, with_closed_days
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.server_clock import ServerClock, http_time
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import LeaseLost, StoreError
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.clock import Clock

from tq_broker_app.bus.ports import BusDown
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.errors import SessionOver
from tq_broker_app.names import RESTART, Role
from tq_broker_app.operations.health import Health, served
from tq_broker_app.operations.stacks import tell_on_signal
from tq_broker_app.roles.parts import Common, Parts, Point
from tq_broker_app.settings import Settings

if TYPE_CHECKING:
    from tq_broker_app.tq.session import TqSession

__all__ = ["calendar_of", "clock_of", "run_role"]

CALENDAR = "XSHG"
CLOCK_SECONDS = 5.0
SWITCH_SECONDS = 0.0005
"""How long one thread may keep the other waiting: the TqApi has a thread of its own, and an order crosses twice."""
STOP_SECONDS = 7.0
"""How long what is under way has to end after SIGTERM."""
LAST_SECONDS = 9.0
"""When the process is gone after SIGTERM, whatever it waits for: what was under way is found again."""
T = TypeVar("T")


class Service(Protocol):
    """One of the eight."""

    async def run(self) -> None:
        """Work until cancelled, or until the bus is closed."""
        ...


def clock_of(settings: Settings) -> Clock:
    """Return the machine's clock, or that of a venue on this machine."""
    return ServerClock(http_time(settings.tq.clock_url, CLOCK_SECONDS)) if settings.tq.clock_url else SystemClock()


def calendar_of(settings: Settings) -> ExchangeCalendar:
    """Return the trading days of China's exchanges, with the closed days of the settings' own file."""
    calendar, own = load_calendar(CALENDAR), settings.calendar.closed_days_file
    return with_closed_days(calendar, Path(own)) if own else calendar


def run_role(role: Role, settings: Settings, announce: Callable[[int], None], reached: Callable[[Point], None]) -> int:
    """Run a service; return its exit status: 0 after SIGTERM or SIGINT, 75 to be started again.

    Parameters
    ----------
    announce
        Told the port of ``/healthz`` once it listens.
    reached
        Called at every `Point`.

    Raises
    ------
    InvalidInput
        Settings, queues or the calendar are not as they have to be.
    """
    return asyncio.run(_Run(role, settings, announce, reached).run())


@dataclass(slots=True)
class _Run:
    role: Role
    settings: Settings
    announce: Callable[[int], None]
    reached: Callable[[Point], None]

    async def run(self) -> int:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _stop, stop)
        tell_on_signal()
        try:
            return await self._served(stop)
        except (SessionOver, LeaseLost, StoreError, BusDown) as error:
            logger.warning("{} ends, to be started again: {}", self.role.value, error)
            return RESTART

    async def _served(self, stop: asyncio.Event) -> int:
        bus = RabbitBus(self.settings.rabbitmq, self.settings.tq.portfolio_id, clock_of(self.settings))
        own, parts = self.settings.operations, self._parts(bus)
        health = Health(self.role.value, state=lambda: bus.state)
        port = own.port + self.role.offset if own.port else 0
        async with served(health, parts.figures, own.host, port) as listening, AsyncExitStack() as opened:
            self.announce(listening)
            begun = opened.enter_async_context(self._service(parts, health))
            if (service := await _unless_stopped(begun, stop)) is None:
                return 0
            health.phase = "working"
            return await self._until_stopped(service, parts, stop, health)

    async def _until_stopped(self, service: Service, parts: Common, stop: asyncio.Event, health: Health) -> int:
        working, stopping = asyncio.create_task(service.run()), asyncio.create_task(stop.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not stop.is_set():
            working.result()
            raise BusDown("the service ended by itself")
        logger.info("{} was told to stop", self.role.value)
        health.phase = "stopping"
        closing = asyncio.create_task(parts.bus.close())
        await asyncio.wait((working,), timeout=STOP_SECONDS if self.role.consumes else 0)
        working.cancel()
        for ended in await asyncio.gather(working, closing, return_exceptions=True):
            if isinstance(ended, Exception):
                logger.warning("while stopping: {}", ended)
        return 0

    def _parts(self, bus: RabbitBus) -> Parts | Common:
        """Return the parts of the service; handlers have no ledger, and do not load what one needs."""
        settings, clock = self.settings, clock_of(self.settings)
        if not self.role.trades:
            return Common(settings=settings, clock=clock, bus=bus, reached=self.reached)
        return Parts(
            settings=settings,
            clock=clock,
            bus=bus,
            reached=self.reached,
            calendar=calendar_of(settings),
            store=open_store(settings.database.ledger_url),
        )

    @asynccontextmanager
    async def _service(self, parts: Parts | Common, health: Health) -> AsyncGenerator[Service]:
        trades = isinstance(parts, Parts)
        async with _trading(self.role, parts, health) if trades else _handling(self.role, parts) as service:
            yield service


def _stop(stop: asyncio.Event) -> None:
    """Take note of a signal to stop; whatever hangs then does not hang longer than a supervisor waits."""
    stop.set()
    last = threading.Timer(LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()


async def _unless_stopped(work: Coroutine[None, None, T], stop: asyncio.Event) -> T | None:
    """Return what some work returns; None if it was cancelled because the service has to stop."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return None


@asynccontextmanager
async def _trading(role: Role, parts: Parts, health: Health) -> AsyncGenerator[Service]:
    """Yield a service with a TqApi of its own."""
    from tq_broker_app.roles.account_monitor import AccountMonitor
    from tq_broker_app.roles.order_canceller import OrderCanceller
    from tq_broker_app.roles.order_monitor import OrderMonitor
    from tq_broker_app.roles.order_submitter import OrderSubmitter
    from tq_broker_app.roles.position_monitor import PositionMonitor
    from tq_broker_app.tq.session import TqSession

    kinds = {
        Role.ORDER_CANCELLER: OrderCanceller,
        Role.ORDER_MONITOR: OrderMonitor,
        Role.POSITION_MONITOR: PositionMonitor,
        Role.ACCOUNT_MONITOR: AccountMonitor,
    }
    sys.setswitchinterval(SWITCH_SECONDS)
    submits = role is Role.ORDER_SUBMITTER
    session = TqSession(parts.settings.tq, lists_symbols=submits)
    await _logged_in(session, parts)
    health.details |= {"account": session.account_id, "trading_day": session.trading_day}
    logger.info("{} logged in to account {}, trading day {}", role.value, session.account_id, session.trading_day)
    submitter = OrderSubmitter(parts, session, _holder(parts)) if submits else None
    try:
        yield _Watched(submitter or kinds[role](parts, session), session)
    finally:
        if submitter is not None:
            await submitter.stand_down()
        await session.close()


async def _logged_in(session: TqSession, parts: Parts) -> None:
    """Log in; after a refusal wait a while: futures companies lock accounts that are refused too often."""
    pause = parts.settings.tq.login_pause_seconds
    try:
        await session.start(parts.clock.now())
    except SessionOver as error:
        logger.error("{}; the next try is in {:g} s", error, pause)
        await asyncio.sleep(pause)
        raise


@dataclass(frozen=True, slots=True)
class _Watched:
    """A service that ends with its login."""

    service: Service
    session: TqSession

    async def run(self) -> None:
        from tq_broker_app.roles.together import until_first

        await until_first(self.service.run(), self._until_over())

    async def _until_over(self) -> None:
        raise SessionOver(await self.session.over())


@asynccontextmanager
async def _handling(role: Role, parts: Common) -> AsyncGenerator[Service]:
    """Yield a service that writes what monitors tell."""
    from tq_broker_app.cache.writing import AccountCache, PositionCache, open_cache
    from tq_broker_app.roles.handlers import AccountHandler, OrderHandler, PositionHandler

    settings = parts.settings
    if role is Role.ORDER_HANDLER:
        from tq_broker_app.database.engine import open_engine
        from tq_broker_app.database.upgrading import bring_up_to_date
        from tq_broker_app.database.writing import OrderWriter

        await asyncio.to_thread(bring_up_to_date, settings.database.url)
        engine = open_engine(settings.database.url)
        try:
            yield OrderHandler(parts, OrderWriter(engine))
        finally:
            engine.dispose()
        return
    redis = settings.redis
    client = open_cache(redis.host, redis.port, redis.db, redis.password.get_secret_value())
    try:
        if role is Role.POSITION_HANDLER:
            yield PositionHandler(parts, PositionCache(client))
        else:
            yield AccountHandler(parts, AccountCache(client))
    finally:
        await client.aclose()


def _holder(parts: Parts) -> str:
    return f"{parts.settings.tq.service} {socket.gethostname()} {os.getpid()}"
