"""``GET /v2/calendar`` and ``/v2/clock``: the days on which the exchange trades, its hours, and what time it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.venues.alpaca.context import AlpacaVenue
from venue_sandbox.venues.alpaca.faults import CALENDAR, CLOCK
from venue_sandbox.venues.http.front import Endpoint, Refused, named

__all__ = ["calendar_endpoints"]


def calendar_endpoints(venue: AlpacaVenue) -> list[Endpoint]:
    """Return the endpoints."""

    async def answer(request: web.Request, fault: VenueFault | None) -> web.StreamResponse:
        table = venue.calendar.table
        first, last = _day(request.query, "start", table.first), _day(request.query, "end", table.last)
        days = venue.calendar.between(max(first, table.first), min(last, table.last))
        return web.json_response([_entry(venue, day) for day in days if day not in venue.closed])

    async def clock(request: web.Request, fault: VenueFault | None) -> web.Response:
        return web.json_response(_clock(venue))

    return [
        Endpoint("GET", "/v2/calendar", answer, named(CALENDAR)),
        Endpoint("GET", "/v2/clock", clock, named(CLOCK)),
    ]


def _clock(venue: AlpacaVenue) -> dict[str, Any]:
    now, hours = venue.exchange.now(), venue.exchange.hours
    closes = hours.trading_session(now)
    opens = closes if now < hours.opening(closes) else venue.calendar.after(closes)
    zone = venue.calendar.timezone
    told = {"timestamp": now, "next_open": hours.opening(opens), "next_close": hours.closing(closes)}
    return {"is_open": venue.exchange.is_open(), **{name: at.astimezone(zone).isoformat() for name, at in told.items()}}


def _entry(venue: AlpacaVenue, day: date) -> dict[str, Any]:
    hours = venue.calendar.hours(day)
    opens, closes = (at.astimezone(venue.calendar.timezone) for at in (hours.open, hours.close))
    return {
        "date": day.isoformat(),
        "open": f"{opens:%H:%M}",
        "close": f"{closes:%H:%M}",
        "session_open": "0400",
        "session_close": "2000",
    }


def _day(query: Mapping[str, str], name: str, usual: date) -> date:
    text = query.get(name)
    try:
        return usual if text is None else date.fromisoformat(text)
    except ValueError:
        raise Refused(422, f"invalid {name}: {text}") from None
