"""The server: signed requests, two websockets, and the control endpoint."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from venue_sandbox.exchange.control import venue_control
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFault, VenueFaults
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.servers.control import CONTROL
from venue_sandbox.servers.faults import FaultError
from venue_sandbox.servers.serving import Ports
from venue_sandbox.venues.http.faults import HalfOpen
from venue_sandbox.venues.http.front import Answer, Endpoint, Front, Refused, Venue, named
from venue_sandbox.venues.http.rate_limit import RateLimit
from venue_sandbox.venues.http.serving import front_serving
from venue_sandbox.venues.http.watching import Cutter, change_front
from venue_sandbox.venues.longbridge.assets import asset_endpoints
from venue_sandbox.venues.longbridge.calls import refused_endpoints
from venue_sandbox.venues.longbridge.context import LongBridgeContext
from venue_sandbox.venues.longbridge.faults import LONGBRIDGE_FAULTS, DeadSocket, ExpireSessions, ExpireToken, Gzip
from venue_sandbox.venues.longbridge.orders import order_endpoints
from venue_sandbox.venues.longbridge.replaying import Rows, read_rows, replayed_commands, replayed_endpoints
from venue_sandbox.venues.longbridge.socket_commands import COMMANDS, Pusher
from venue_sandbox.venues.longbridge.sockets import Kind, Sockets
from venue_sandbox.venues.longbridge.token_endpoints import token_endpoints
from venue_sandbox.venues.longbridge.tokens import Credentials, Tokens

__all__ = ["Options", "http_endpoints", "serving"]

SOCKETS = "/ws/"
LIMIT_SECONDS = 30.0
CODES = {401: 401003, 403: 403201, 429: 429002, 500: 500000}


@dataclass(frozen=True, slots=True)
class Options:
    """How the server is set up.

    Attributes
    ----------
    credentials
        Whose signature is good.
    trade_calls
        How many an account has in 30 s; 0 for any number.
    replay
        Rows of a capture, which are told instead of what the exchange has.
    """

    credentials: Credentials
    port: int = 0
    fill_delay: float = 0.02
    trade_calls: int = 0
    replay: Path | None = None


@asynccontextmanager
async def serving(exchange: Exchange, options: Options) -> AsyncGenerator[Ports]:
    """Serve an exchange as LongBridge would; yield its port and that of its control endpoint."""
    pacer = Pacer(exchange, options.fill_delay)

    def change(fault: VenueFault) -> None:
        _change(context, sockets, fault)

    venue = Venue(exchange, pacer, VenueFaults(LONGBRIDGE_FAULTS, change))
    context = LongBridgeContext(
        venue, options.credentials, Tokens(exchange), RateLimit(options.trade_calls, LIMIT_SECONDS)
    )
    told = None if options.replay is None else read_rows(options.replay)
    sockets = Sockets(context, COMMANDS if told is None else replayed_commands(told))
    exchange.observers = (Pusher(context, sockets), Cutter(venue), pacer)
    control = venue_control(exchange, venue.faults)
    control.add_routes(_logins(context))
    async with front_serving(_application(context, sockets, told), control, exchange, pacer, options.port) as ports:
        yield ports


def _application(context: LongBridgeContext, sockets: Sockets, told: Rows | None) -> web.Application:
    def serve(kind: Kind) -> Answer:
        async def socket(request: web.Request, fault: VenueFault | None) -> web.StreamResponse:
            return await sockets.serve(request, kind)

        return socket

    async def admit(request: web.Request) -> None:
        if not request.path.startswith(SOCKETS):
            await context.admit(request)

    sockets_served = [
        Endpoint("GET", f"{SOCKETS}quote", serve("quote"), named("quote_socket")),
        Endpoint("GET", f"{SOCKETS}trade", serve("trade"), named("trade_socket")),
    ]
    endpoints = http_endpoints(context) if told is None else [*token_endpoints(context), *replayed_endpoints(told)]
    return Front(context.venue, admit, _refuse).application([*endpoints, *sockets_served])


def http_endpoints(context: LongBridgeContext) -> list[Endpoint]:
    """Return every endpoint but the websockets, those that are refused included."""
    return [*token_endpoints(context), *asset_endpoints(context), *order_endpoints(context), *refused_endpoints()]


def _change(context: LongBridgeContext, sockets: Sockets, fault: VenueFault) -> None:
    match fault:
        case ExpireToken():
            if fault.account is not None and fault.account not in context.exchange.book.accounts:
                raise FaultError(f"account {fault.account!r} is not open")
            context.tokens.expire(fault.account)
        case ExpireSessions():
            context.sessions.expire()
        case DeadSocket():
            sockets.die(fault.socket)
        case HalfOpen():
            sockets.die(None)
            change_front(context.venue, fault)
        case Gzip():
            context.gzip = fault.state
        case _:
            change_front(context.venue, fault)


def _refuse(request: web.Request, refused: Refused) -> web.Response:
    """Write an error; its code is the protocol's own, or one that fits the status."""
    code = refused.code or CODES.get(refused.status, refused.status * 1000)
    return web.json_response({"code": code, "message": refused.message, "data": None}, status=refused.status)


def _logins(context: LongBridgeContext) -> list[web.RouteDef]:
    """Return the control endpoint's routes about tokens."""

    def shown() -> web.Response:
        credentials = context.credentials
        return web.json_response(
            {"key": credentials.key, "secret": credentials.secret, "tokens": context.tokens.current()}
        )

    async def show(request: web.Request) -> web.Response:
        return shown()

    async def log_in(request: web.Request) -> web.Response:
        """Give an account another token, or every account if none is named."""
        wish = json.loads(await request.text() or "{}")
        accounts = list(context.exchange.book.accounts)
        for account in [wish["account"]] if "account" in wish else accounts:
            if account not in accounts:
                return web.Response(status=400, text=f"account {account!r} is not open\n")
            context.tokens.renew(account)
        return shown()

    return [web.get(f"{CONTROL}login", show), web.post(f"{CONTROL}login", log_in)]
