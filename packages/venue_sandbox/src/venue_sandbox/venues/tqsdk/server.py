"""The server: auth, md and td on one port, and the control endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC
from email.utils import format_datetime
from functools import partial

from aiohttp import web

from venue_sandbox.servers.serving import Ports, listening
from venue_sandbox.venues.tqsdk.auth import AuthServer
from venue_sandbox.venues.tqsdk.control import control_application
from venue_sandbox.venues.tqsdk.desk import Desk
from venue_sandbox.venues.tqsdk.faults import DiffFault, Faults
from venue_sandbox.venues.tqsdk.md import MarketDataServer
from venue_sandbox.venues.tqsdk.operations import Floor
from venue_sandbox.venues.tqsdk.sockets import Sockets
from venue_sandbox.venues.tqsdk.td import TradeServer
from venue_sandbox.venues.tqsdk.venue import Venue

__all__ = ["applications", "serving"]


@asynccontextmanager
async def serving(venue: Venue, port: int = 0) -> AsyncGenerator[Ports]:
    """Serve a venue; yield its port and that of its control endpoint."""
    application, control = applications(venue)
    async with listening(control, 0) as control_port, listening(application, port) as served:
        yield {"port": served, "control_port": control_port}


def applications(venue: Venue) -> tuple[web.Application, web.Application]:
    """Return what serves a venue, and its control endpoint; orders that may still trade go on."""
    sockets = Sockets()

    def at_once(fault: DiffFault) -> None:
        trade.at_once(fault)

    desk = Desk(venue)
    trade = TradeServer(venue, desk, Faults(at_once), sockets)
    market = MarketDataServer(venue, sockets)
    venue.told, venue.quoted = sockets.push, market.quoted
    application = web.Application()
    application.add_routes(AuthServer(venue).routes())
    application.add_routes([web.get("/td", trade.serve), web.get("/md", market.serve), web.get("/", _tell_time)])
    application.on_response_prepare.append(partial(_date, venue))
    desk.resume()
    return application, control_application(Floor(venue, desk, trade))


async def _tell_time(_: web.Request) -> web.Response:
    """Answer with nothing but the time, which is in every answer's header."""
    return web.Response()


async def _date(venue: Venue, request: web.Request, response: web.StreamResponse) -> None:
    """Let every answer tell the venue's time."""
    del request
    response.headers["Date"] = format_datetime(venue.clock.now().astimezone(UTC), usegmt=True)
