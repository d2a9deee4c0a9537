"""Running one service: composed from settings, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module

from loguru import logger
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.events.errors import BusDown

from event_trading_app.executor.parts import Point
from event_trading_app.names import RESTART, Service
from event_trading_app.operations.health import Health, served
from event_trading_app.operations.metrics import Metrics
from event_trading_app.services.context import Context
from event_trading_app.settings import Settings

__all__ = ["run_service"]

LAST_SECONDS = 20.0
"""When the process is gone after SIGTERM, whatever it waits for: what was under way is found again."""


NEEDS: Mapping[Service, tuple[str, ...]] = {
    Service.INGESTOR: ("near_ws_url", "near_token"),
    Service.PRICES: ("prices_file",),
    Service.INVENTORY: ("near_node_url", "tokens"),
    Service.NORMALIZER: (),
    Service.REACTOR: (),
    Service.EXECUTOR: ("near_key", "near_ws_url", "near_token", "near_node_url", "store_url"),
    Service.MONITOR: ("near_node_url", "store_url"),
    Service.ARCHIVER: ("archive_url",),
}
"""What a service cannot do without; it is asked for before anything else is."""


def _pass(point: Point) -> None:
    """Go on."""


def run_service(
    service: Service,
    settings: Settings,
    announce: Callable[[int], None],
    reached: Callable[[Point], None] = _pass,
) -> int:
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
        A setting is not as it has to be for this service.
    """
    return asyncio.run(_run(service, settings, announce, reached))


async def _run(
    service: Service, settings: Settings, announce: Callable[[int], None], reached: Callable[[Point], None]
) -> int:
    settings.required(*NEEDS[service])
    context = Context(service, settings, Health(service.value), Metrics(), reached=reached)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, context)
    port = settings.port + service.offset if settings.port else 0
    # A service is loaded when it is run: the others' libraries cost it memory.
    run: Callable[[Context], Awaitable[None]] = import_module(f"event_trading_app.services.{service.value}").run
    async with served(context.health, context.metrics, settings.host, port) as listening:
        announce(listening)
        try:
            await asyncio.to_thread(context.declare_topics)
            await run(context)
        except (StoreError, BusDown) as error:
            logger.warning("{} ends, to be started again: {}", service.value, error)
            return RESTART
        finally:
            await asyncio.to_thread(context.tracer.close)
    return 0


def _stop(context: Context) -> None:
    """Take note of a signal to stop; whatever hangs then does not hang longer than a supervisor waits."""
    logger.info("{} was told to stop", context.service.value)
    context.stop.set()
    last = threading.Timer(LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
