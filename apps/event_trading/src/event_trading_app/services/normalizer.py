"""Turns raw events of the venue into normalized ones."""

from __future__ import annotations

from quant_platform_kit.events.bus import Outgoing, Received
from quant_platform_kit.events.stages import Transform
from quant_platform_kit.events.traced import traced_function

from event_trading_app.names import Topic
from event_trading_app.services.context import Context
from event_trading_app.services.stages import run_transform
from event_trading_app.topics import outgoing
from event_trading_app.venues.near_intents.normalize.demand import normalize

__all__ = ["run"]


async def run(context: Context) -> None:
    """Normalize until stopped."""
    namespace = context.settings.namespace

    def function(message: Received) -> list[Outgoing]:
        return [outgoing(event, namespace) for event in normalize(message.event())]

    traced = traced_function(context.tracer, "normalize", function)
    await run_transform(context, Transform(context.member(Topic.RAW_QUOTE), traced, context.clock))
