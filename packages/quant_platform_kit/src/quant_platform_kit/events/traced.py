"""What a stage does with a message as a span, in the trace of whoever sent the message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quant_platform_kit.events.bus import Outgoing, Received
from quant_platform_kit.events.durable import Handle
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.transform import Function
from quant_platform_kit.ports.tracing import Tracer

__all__ = ["traced_function", "traced_handle", "traced_telling"]


def traced_function(tracer: Tracer, name: str, function: Function) -> Function:
    """Return the function of a `Transform` whose results carry its span on; the function itself where nothing is."""
    if not tracer.is_on:
        return function

    def traced(message: Received) -> list[Outgoing]:
        with tracer.span(name, message.trace):
            here = tracer.here()
            return [made._replace(trace=here) for made in function(message)]

    return traced


def traced_handle(tracer: Tracer, name: str, handle: Handle) -> Handle:
    """Return what a `Durable` does, as a span; the same where nothing is traced."""
    if not tracer.is_on:
        return handle

    async def traced(message: Received) -> None:
        with tracer.span(name, message.trace):
            await handle(message)

    return traced


def traced_telling(
    tracer: Tracer, message_of: Callable[[Event], Outgoing], publish: Callable[[Outgoing], Awaitable[None]]
) -> Callable[[Event], Awaitable[None]]:
    """Return what puts an event on the bus, in the span that is open then."""
    if not tracer.is_on:
        return lambda event: publish(message_of(event))
    return lambda event: publish(message_of(event)._replace(trace=tracer.here()))
