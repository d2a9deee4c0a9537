"""Brings commands to the venue: each exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from loguru import logger
from quant_platform_kit.domain.errors import LeaseLost, StoreError
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.bus import Place, Received
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.errors import Unreadable
from quant_platform_kit.events.publishing import Publisher
from quant_platform_kit.events.stages import Durable, Flow, Hooks
from quant_platform_kit.events.traced import traced_handle
from quant_platform_kit.services.operate.owners import require_ownership

from event_trading_app.errors import VenueDown
from event_trading_app.executor.executing import Executor
from event_trading_app.executor.ledger import Command
from event_trading_app.names import Topic
from event_trading_app.payloads import ExecuteTrade
from event_trading_app.schemas import SCHEMAS
from event_trading_app.services.context import Context
from event_trading_app.services.stages import beside, run_durable
from event_trading_app.services.venue import signing_venue

__all__ = ["command_in", "run"]

RENEWALS = 4
"""So often in its duration a lease is looked at."""


async def run(context: Context) -> None:
    """Execute until stopped."""
    settings, outcomes = context.settings, Counter[str]()
    venue = signing_venue(settings, context.clock)
    context.metrics.outcomes = lambda: outcomes
    context.health.details |= {"account": settings.account, "mode": settings.mode.value}
    if settings.mode in (Mode.LIVE, Mode.PAPER):
        await asyncio.to_thread(require_ownership, context.store, settings.account, settings.service_name)
    try:
        async with Publisher(settings.bus) as publisher:
            parts = context.parts(publisher, venue)
            tell = parts.tell

            async def told(event: Event) -> None:
                await tell(event)
                outcomes[str(event.payload["state"]).lower()] += 1

            executor = Executor(replace(parts, tell=told))
            stage = Durable(
                context.member(Topic.EXECUTE_TRADE),
                traced_handle(context.tracer, "execute", lambda message: executor.handle(command_in(message))),
                context.clock,
                flow=Flow(at_once=settings.at_once),
                hooks=_hooks(executor),
                down=(VenueDown,),
            )
            await beside(run_durable(context, stage), _keep(executor, settings.lease_seconds / RENEWALS))
    finally:
        await venue.close()


def command_in(message: Received) -> Command:
    """Return the command that a message is; raises `Unreadable`."""
    event = message.event()
    asked = SCHEMAS.check(event)
    if not isinstance(asked, ExecuteTrade):
        raise Unreadable(f"{event.event_type} is no command to trade")
    if event.event_id != asked.command_id:
        raise Unreadable(f"event_id {event.event_id} is not command_id {asked.command_id}: a command has one id")
    return Command(asked, event.venue, event.observed_at, event.ingested_at, message.partition)


async def _keep(executor: Executor, seconds: float) -> None:
    """Renew the leases as long as the stage runs; whoever has lost one finds out before it sends."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await executor.renew()
        except (LeaseLost, StoreError) as error:
            logger.warning("a lease is not renewed: {}", error)


def _hooks(executor: Executor) -> Hooks:
    async def assigned(place: Place) -> None:
        await executor.assigned(place.partition)

    async def revoked(place: Place) -> None:
        await executor.revoked(place.partition)

    return Hooks(assigned, revoked)
