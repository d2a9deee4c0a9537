"""The server: every endpoint behind its access token, and the control endpoint."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from venue_sandbox.exchange.control import venue_control
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFault, VenueFaults
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.servers.control import CONTROL
from venue_sandbox.servers.serving import Ports
from venue_sandbox.venues.http.front import Endpoint, Front, Refused, Venue
from venue_sandbox.venues.http.rate_limit import RateLimit
from venue_sandbox.venues.http.serving import front_serving
from venue_sandbox.venues.http.watching import Cutter, change_front
from venue_sandbox.venues.schwab.accounts import account_endpoints
from venue_sandbox.venues.schwab.calls import refused_endpoints
from venue_sandbox.venues.schwab.context import SchwabContext
from venue_sandbox.venues.schwab.faults import SCHWAB_FAULTS, AgeLogin, ExpireAccess
from venue_sandbox.venues.schwab.history import history_endpoints
from venue_sandbox.venues.schwab.instruments import instrument_endpoints
from venue_sandbox.venues.schwab.logins import Logins
from venue_sandbox.venues.schwab.market_hours import hours_endpoints
from venue_sandbox.venues.schwab.oauth import OAUTH, Application, oauth_endpoints, token_document
from venue_sandbox.venues.schwab.orders import order_endpoints
from venue_sandbox.venues.schwab.quotes import quote_endpoints

__all__ = ["Options", "application", "endpoints", "serving"]

TRADER = "/trader/"
BEARER = "Bearer "
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the server is set up: who may log in, and how many orders an account may send in a minute (0: any)."""

    application: Application
    port: int = 0
    fill_delay: float = 0.02
    orders_per_minute: int = 120


@asynccontextmanager
async def serving(exchange: Exchange, options: Options) -> AsyncGenerator[Ports]:
    """Serve an exchange as Schwab would; yield its port and that of its control endpoint."""
    logins, pacer = Logins(exchange), Pacer(exchange, options.fill_delay)

    def change(fault: VenueFault) -> None:
        match fault:
            case AgeLogin():
                logins.age(fault.seconds)
            case ExpireAccess():
                logins.expire_access()
            case _:
                change_front(venue, fault)

    venue = Venue(exchange, pacer, VenueFaults(SCHWAB_FAULTS, change))
    context = SchwabContext(venue, logins, RateLimit(options.orders_per_minute, MINUTE))
    exchange.observers = (Cutter(venue), pacer)
    control = venue_control(exchange, venue.faults)
    control.add_routes([web.post(f"{CONTROL}login", _log_in(logins))])
    async with front_serving(
        application(context, options.application), control, exchange, pacer, options.port
    ) as ports:
        yield ports


def application(context: SchwabContext, client: Application) -> web.Application:
    """Return the venue's application: every endpoint behind its access token."""

    async def admit(request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_open = request.path.startswith(OAUTH)
        if not is_open and not (f"{scheme} " == BEARER and context.logins.accepts(token)):
            raise Refused(401, "Client not authorized")

    return Front(context.venue, admit, _refuse).application(endpoints(context, client))


def endpoints(context: SchwabContext, client: Application) -> list[Endpoint]:
    """Return every endpoint, those that are refused included."""
    return [
        *oauth_endpoints(context.logins, client),
        *account_endpoints(context),
        *order_endpoints(context),
        *quote_endpoints(context),
        *history_endpoints(context),
        *instrument_endpoints(context),
        *hours_endpoints(context),
        *refused_endpoints(),
    ]


def _refuse(request: web.Request, refused: Refused) -> web.Response:
    """Write an error: a message of the Trader API, or a list of errors of the others."""
    if request.path.startswith(TRADER) and refused.status != 401:
        return web.json_response({"message": refused.message, "errors": [refused.message]}, status=refused.status)
    error = {"id": "sandbox", "status": refused.status, "title": refused.message, "detail": refused.message}
    return web.json_response({"errors": [error]}, status=refused.status)


def _log_in(logins: Logins) -> Handler:
    async def log_in(request: web.Request) -> web.Response:
        """Log in, and answer with what schwab-py keeps in a token file."""
        token, now = token_document(logins.log_in()), int(time.time())
        return web.json_response(
            {"creation_timestamp": now, "token": {**token, "expires_at": now + token["expires_in"]}}
        )

    return log_in
