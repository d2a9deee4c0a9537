"""The server: every endpoint behind its keys, and the control endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from venue_sandbox.exchange.control import venue_control
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFault, VenueFaults
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.servers.control import CONTROL
from venue_sandbox.servers.faults import FaultError
from venue_sandbox.servers.serving import Ports
from venue_sandbox.venues.alpaca.accounts import account_endpoints
from venue_sandbox.venues.alpaca.assets import asset_endpoints
from venue_sandbox.venues.alpaca.bars import bar_endpoints
from venue_sandbox.venues.alpaca.calendar import calendar_endpoints
from venue_sandbox.venues.alpaca.calls import refused_endpoints
from venue_sandbox.venues.alpaca.context import AccountFlags, AlpacaVenue, AssetFlags, Plan
from venue_sandbox.venues.alpaca.faults import (
    ALPACA_FAULTS,
    AccountState,
    AssetState,
    CloseDay,
    Seldom,
    ShownStatus,
    StreamedBar,
    StreamError,
    StreamMute,
)
from venue_sandbox.venues.alpaca.orders import order_endpoints
from venue_sandbox.venues.alpaca.quotes import quote_endpoints
from venue_sandbox.venues.alpaca.streams import Streams
from venue_sandbox.venues.alpaca.tape import Tape
from venue_sandbox.venues.http.front import Endpoint, Front, Refused, Venue
from venue_sandbox.venues.http.rate_limit import RateLimit
from venue_sandbox.venues.http.serving import front_serving
from venue_sandbox.venues.http.watching import Cutter, change_front

__all__ = ["Options", "application", "endpoints", "serving", "venue_of"]

MINUTE = 60.0
TOO_MANY = 429, 42910000


@dataclass(frozen=True, slots=True)
class Options:
    """How the server is set up: who may ask for what, and how many requests in a minute (0: any)."""

    plan: Plan
    port: int = 0
    fill_delay: float = 0.02
    per_minute: int = 200


def venue_of(exchange: Exchange, tape: Tape, options: Options) -> AlpacaVenue:
    """Return a venue in front of an exchange."""

    def change(fault: VenueFault) -> None:
        match fault:
            case CloseDay():
                (venue.closed.add if fault.closed else venue.closed.discard)(fault.session)
            case AccountState():
                if fault.account not in exchange.book.accounts:
                    raise FaultError(f"account {fault.account!r} is not open")
                venue.accounts[fault.account] = cast("AccountFlags", _said(fault, "account"))
            case AssetState():
                venue.assets[fault.symbol] = cast("AssetFlags", _said(fault, "symbol"))
            case Seldom():
                venue.seldom[fault.symbol] = fault.seconds
            case ShownStatus():
                venue.shown |= {fault.order: fault.status}
            case StreamedBar() | StreamError() | StreamMute():
                _change_streams(venue, fault)
            case _:
                change_front(venue.front, fault)

    pacer = Pacer(exchange, options.fill_delay)
    front = Venue(exchange, pacer, VenueFaults(ALPACA_FAULTS, change))
    venue = AlpacaVenue(front, tape, options.plan, RateLimit(options.per_minute, MINUTE))
    exchange.observers = (Cutter(front), pacer)
    return venue


@asynccontextmanager
async def serving(exchange: Exchange, tape: Tape, options: Options) -> AsyncGenerator[Ports]:
    """Serve an exchange as Alpaca would; yield its port and that of its control endpoint."""
    venue = venue_of(exchange, tape, options)
    control = venue_control(exchange, venue.faults)

    async def show(request: web.Request) -> web.Response:
        return web.json_response(_state(venue))

    control.add_routes([web.get(f"{CONTROL}state", show)])
    streams, served = Streams(venue), application(venue)
    exchange.observers = (*exchange.observers, streams.orders)
    served.add_routes(streams.routes())
    async with front_serving(served, control, exchange, venue.front.pacer, options.port) as ports:
        publishing = asyncio.create_task(streams.run())
        try:
            yield ports
        finally:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing


def application(venue: AlpacaVenue) -> web.Application:
    """Return the venue's application: every endpoint behind its keys."""

    async def admit(request: web.Request) -> None:
        if not venue.limit.admits(venue.account_of(request)):
            raise Refused(TOO_MANY[0], "too many requests", TOO_MANY[1])

    return Front(venue, admit, _refuse).application(endpoints(venue))


def endpoints(venue: AlpacaVenue) -> list[Endpoint]:
    """Return every endpoint, those that are refused included."""
    return [
        *account_endpoints(venue),
        *asset_endpoints(venue),
        *order_endpoints(venue),
        *calendar_endpoints(venue),
        *bar_endpoints(venue),
        *quote_endpoints(venue),
        *refused_endpoints(),
    ]


def _change_streams(venue: AlpacaVenue, fault: StreamedBar | StreamError | StreamMute) -> None:
    match fault:
        case StreamedBar():
            venue.bar_faults[fault.symbol, fault.start] = fault
        case StreamError():
            venue.stream_error = None if fault.code is None else (fault.code, fault.message)
        case StreamMute():
            venue.mute = fault.mute


def _said(fault: VenueFault, named: str) -> Mapping[str, Any]:
    """Return what a change says of something, without its name."""
    return fault.model_dump(exclude_none=True, exclude={"kind", "operation", "times", "skip", named})


def _state(venue: AlpacaVenue) -> dict[str, Any]:
    return {
        "now": venue.clock.now().isoformat(),
        "splits": [
            {"symbol": symbol, "session": each.session.isoformat(), "ratio": each.ratio}
            for symbol in venue.exchange.listing.instruments
            for each in venue.splits_of(symbol)
        ],
        "closed": sorted(day.isoformat() for day in venue.closed),
    }


def _refuse(request: web.Request, refused: Refused) -> web.Response:
    return web.json_response({"code": refused.code, "message": refused.message}, status=refused.status)
