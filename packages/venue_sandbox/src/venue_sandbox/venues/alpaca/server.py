"""The server: every endpoint behind its keys, and the control endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC
from email.utils import format_datetime
from typing import Any

from aiohttp import web
from quant_platform_kit.domain.sessions import ExchangeCalendar

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.faults import Clock, SplitSet, VenueFault, VenueFaults
from venue_sandbox.servers.control import CONTROL, fault_routes
from venue_sandbox.servers.serving import Ports, listening
from venue_sandbox.venues.alpaca.bars import bar_endpoints
from venue_sandbox.venues.alpaca.calendar import calendar_endpoints
from venue_sandbox.venues.alpaca.context import AlpacaVenue, Plan
from venue_sandbox.venues.alpaca.faults import ALPACA_FAULTS, CORE, CloseDay
from venue_sandbox.venues.alpaca.tape import Split, Tape
from venue_sandbox.venues.http.front import Front, Refused
from venue_sandbox.venues.http.rate_limit import RateLimit

__all__ = ["application", "control_application", "serving", "venue_of"]

MINUTE = 60.0
UNAUTHORIZED, TOO_MANY = (401, 40110000), (429, 42910000)


def venue_of(tape: Tape, calendar: ExchangeCalendar, clock: VenueClock, plan: Plan, per_minute: int) -> AlpacaVenue:
    """Return a venue; ``per_minute`` is how many requests it takes, 0 for any number."""

    def change(fault: VenueFault) -> None:
        match fault:
            case Clock():
                ahead = clock.ahead if fault.instant is None else clock.ahead_at(fault.instant)
                clock.ahead = ahead + fault.forward
            case SplitSet():
                session = fault.session or calendar.local_date(clock.now())
                tape.split(fault.symbol, Split(session, float(fault.ratio)))
            case CloseDay():
                venue.closed.add(fault.session)
            case _:
                raise AssertionError(fault)

    faults = VenueFaults(ALPACA_FAULTS, change, CORE)
    venue = AlpacaVenue(tape, calendar, clock, plan, RateLimit(per_minute, MINUTE), faults)
    return venue


@asynccontextmanager
async def serving(venue: AlpacaVenue, port: int = 0) -> AsyncGenerator[Ports]:
    """Serve a venue; yield its port and that of its control endpoint. Answers are dated by its own clock."""
    served = application(venue)
    async with listening(control_application(venue), 0) as control_port, listening(served, port) as at:
        yield {"port": at, "control_port": control_port}


def application(venue: AlpacaVenue) -> web.Application:
    """Return the venue's application."""

    async def admit(request: web.Request) -> None:
        sent = (request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY"))
        if sent != (venue.plan.key, venue.plan.secret):
            raise Refused(UNAUTHORIZED[0], "request is not authorized", UNAUTHORIZED[1])
        if not venue.limit.admits(venue.plan.key):
            raise Refused(TOO_MANY[0], "too many requests", TOO_MANY[1])

    async def date(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = format_datetime(venue.clock.now().astimezone(UTC), usegmt=True)

    made = Front(venue, admit, _refuse).application([*bar_endpoints(venue), *calendar_endpoints(venue)])
    made.on_response_prepare.append(date)
    return made


def control_application(venue: AlpacaVenue) -> web.Application:
    """Return the control endpoint: faults and counts as everywhere, and ``GET /_control/state``."""

    async def show(request: web.Request) -> web.Response:
        return web.json_response(_state(venue))

    made = web.Application()
    made.add_routes(fault_routes(venue.faults.arm, venue.faults.clear, venue.faults.requests))
    made.add_routes([web.get(f"{CONTROL}state", show)])
    return made


def _state(venue: AlpacaVenue) -> dict[str, Any]:
    splits = venue.tape.splits.items()
    return {
        "now": venue.clock.now().isoformat(),
        "splits": [
            {"symbol": symbol, "session": each.session.isoformat(), "ratio": each.ratio}
            for symbol, several in splits
            for each in several
        ],
        "closed": sorted(day.isoformat() for day in venue.closed),
    }


def _refuse(request: web.Request, refused: Refused) -> web.Response:
    return web.json_response({"code": refused.code, "message": refused.message}, status=refused.status)
