"""Run a front: its port, that of its control endpoint, and time that passes at the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC
from email.utils import format_datetime

from aiohttp import web

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.servers.serving import Ports, listening

__all__ = ["front_serving"]


@asynccontextmanager
async def front_serving(
    application: web.Application, control: web.Application, exchange: Exchange, pacer: Pacer, port: int
) -> AsyncGenerator[Ports]:
    """Serve both applications; yield their ports. Answers of the venue are dated by its own clock."""

    async def date(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = format_datetime(exchange.now().astimezone(UTC), usegmt=True)

    application.on_response_prepare.append(date)
    async with listening(control, 0) as control_port, listening(application, port) as served:
        pacing = asyncio.create_task(pacer.run())
        try:
            yield {"port": served, "control_port": control_port}
        finally:
            pacing.cancel()
            with suppress(asyncio.CancelledError):
                await pacing
