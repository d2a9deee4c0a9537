"""Listens to the solver bus of the venue, and puts on the bus what it says, byte for byte."""

from __future__ import annotations

from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.publishing import Publisher

from event_trading_app.services.context import Context
from event_trading_app.venues.near_intents.bus import bus_at
from event_trading_app.venues.near_intents.ingest.listening import Listener

__all__ = ["run"]


async def run(context: Context) -> None:
    """Listen until stopped."""
    settings = context.settings
    async with Publisher(settings.bus) as publisher:
        tell = context.teller(publisher)

        async def ingest(event: Event) -> None:
            with context.tracer.span("ingest", event=event.event_id):
                await tell(event)

        listener = Listener(
            bus_at(settings.near_ws_url, settings.near_token.get_secret_value()),
            ingest,
            context.clock,
        )
        counts = listener.counts
        context.health.state = lambda: "" if counts.connected else "waiting: the solver bus is not connected"
        context.metrics.outcomes = lambda: {
            **counts.events,
            "duplicates": counts.duplicates,
            "connections": counts.connections,
            "gaps": counts.gaps,
            "gap_seconds": counts.gap_seconds,
            **{f"failed_{reason}": count for reason, count in counts.failures.items()},
        }
        context.health.phase = "working"
        await listener.run(context.stop)
