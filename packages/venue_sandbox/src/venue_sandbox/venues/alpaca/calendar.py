"""``GET /v2/calendar``: the days on which the exchange trades, and its hours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.venues.alpaca.context import AlpacaVenue
from venue_sandbox.venues.alpaca.faults import CALENDAR
from venue_sandbox.venues.http.front import Endpoint, Refused, named

__all__ = ["calendar_endpoints"]


def calendar_endpoints(venue: AlpacaVenue) -> list[Endpoint]:
    """Return the endpoint."""

    async def answer(request: web.Request, fault: VenueFault | None) -> web.StreamResponse:
        table = venue.calendar.table
        first, last = _day(request.query, "start", table.first), _day(request.query, "end", table.last)
        days = venue.calendar.between(max(first, table.first), min(last, table.last))
        return web.json_response([_entry(venue, day) for day in days if day not in venue.closed])

    return [Endpoint("GET", "/v2/calendar", answer, named(CALENDAR))]


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
