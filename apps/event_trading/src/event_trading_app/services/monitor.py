"""Watches open answers until each has come to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from loguru import logger
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.events.bus import Place, Received
from quant_platform_kit.events.following import Follower
from quant_platform_kit.events.publishing import Publisher
from quant_platform_kit.events.stages import Durable, Hooks
from quant_platform_kit.ports.notifier import Notification
from quant_platform_kit.services.observe.notifying import Notices

from event_trading_app.monitor.monitor import Monitor
from event_trading_app.names import Topic
from event_trading_app.services.context import Context
from event_trading_app.services.stages import beside, run_durable
from event_trading_app.services.venue import looking_only
from event_trading_app.venues.near_intents.raw import RawQuoteStatus

__all__ = ["run"]

HEARD_AGAIN = timedelta(hours=1)
"""How far back statuses of the venue are read at the start."""
PATIENCE_SECONDS = 0.1
TIDY_SECONDS = 30.0


async def run(context: Context) -> None:
    """Watch until stopped."""
    settings = context.settings
    venue = looking_only(settings)
    loop = asyncio.get_running_loop()
    try:
        async with Publisher(settings.bus) as publisher:
            patience = timedelta(seconds=settings.alert_seconds)
            monitor = Monitor(context.parts(publisher, venue), _alert(context), patience)
            context.metrics.outcomes = lambda: monitor.outcomes
            context.metrics.gauges = lambda: {"open_answers": monitor.open}

            def heard(message: Received) -> None:
                status = RawQuoteStatus.model_validate(message.event().payload)
                loop.call_soon_threadsafe(monitor.hint, status.quote_hash, status.tx_hash)

            stage = Durable(
                context.member(Topic.TRADE_RESULT, patience=PATIENCE_SECONDS),
                lambda message: monitor.handle(message.event(), message.partition, message.trace),
                context.clock,
                hooks=_hooks(monitor),
            )
            with Follower(settings.bus, context.topic(Topic.RAW_QUOTE_STATUS), heard, HEARD_AGAIN, PATIENCE_SECONDS):
                await beside(run_durable(context, stage), monitor.run(context.stop), _tidy(monitor))
    finally:
        await venue.node.close()


async def _tidy(monitor: Monitor) -> None:
    while True:
        await asyncio.sleep(TIDY_SECONDS)
        await monitor.tidy()


def _hooks(monitor: Monitor) -> Hooks:
    async def assigned(place: Place) -> None:
        await monitor.assigned(place.partition)

    async def revoked(place: Place) -> None:
        await monitor.revoked(place.partition)

    return Hooks(assigned, revoked)


def _alert(context: Context) -> Callable[[Notification], None]:
    urls = context.settings.notify_urls.get_secret_value().split()
    notices = Notices(context.store, AppriseNotifier(urls) if urls else None)

    def alert(notification: Notification) -> None:
        delivery = notices.deliver(notification)
        if delivery is not None and delivery.error:
            logger.error("nobody was told: {}", delivery.error)

    return alert
