"""When the market for shares is open on a day."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web
from quant_platform_kit.domain.errors import UnknownSession

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.venues.http.front import Endpoint, Refused, named
from venue_sandbox.venues.schwab.context import SchwabContext

__all__ = ["hours_endpoints"]

EQUITY = "equity"


def hours_endpoints(context: SchwabContext) -> list[Endpoint]:
    """Return the endpoint of market hours."""

    async def hours(request: web.Request, fault: VenueFault | None) -> web.Response:
        if request.match_info.get("market", request.query.get("markets")) != EQUITY:
            raise Refused(400, "markets: the sandbox has equity only")
        try:
            day = date.fromisoformat(request.query["date"]) if "date" in request.query else context.exchange.today()
            return web.json_response({EQUITY: _document(context, day)})
        except (ValueError, UnknownSession):
            raise Refused(400, "date is no day that the sandbox knows") from None

    return [
        Endpoint("GET", "/marketdata/v1/markets", hours, named("hours")),
        Endpoint("GET", "/marketdata/v1/markets/{market}", hours, named("hours")),
    ]


def _document(context: SchwabContext, day: date) -> dict[str, Any]:
    calendar, forced = context.exchange.hours.calendar, context.exchange.book.forced_open
    described = {"date": day.isoformat(), "marketType": "EQUITY"}
    is_held_closed = forced is False and day == context.exchange.today()
    if not calendar.is_session(day) or is_held_closed:
        return {EQUITY: {**described, "product": EQUITY, "isOpen": False}}
    hours = calendar.hours(day)
    opens, closes = (at.astimezone(calendar.timezone).isoformat() for at in (hours.open, hours.close))
    regular = {"regularMarket": [{"start": opens, "end": closes}]}
    return {"EQ": {**described, "product": "EQ", "productName": EQUITY, "isOpen": True, "sessionHours": regular}}
