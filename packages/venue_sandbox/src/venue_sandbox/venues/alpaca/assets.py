"""``/v2/assets``: what can be traded."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from venue_sandbox.exchange.faults import RequestFacts, VenueFault
from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.venues.alpaca.context import AlpacaVenue
from venue_sandbox.venues.http.front import Endpoint, Refused, named

__all__ = ["SHARE", "asset_document", "asset_endpoints"]
SHARE = "us_equity"
"""The class of every instrument here."""


def asset_endpoints(venue: AlpacaVenue) -> list[Endpoint]:
    """Return the endpoints."""

    async def one(request: web.Request, fault: VenueFault | None) -> web.Response:
        instrument = venue.exchange.listing.find(request.match_info["symbol"])
        if instrument is None:
            raise Refused(404, f"asset not found for {request.match_info['symbol']}", 40410000)
        return web.json_response(asset_document(venue, instrument))

    async def every(request: web.Request, fault: VenueFault | None) -> web.Response:
        listed = (asset_document(venue, each) for each in venue.exchange.listing.instruments.values())
        status = request.query.get("status")
        return web.json_response([each for each in listed if status in (None, each["status"])])

    async def facts(request: web.Request) -> RequestFacts:
        return RequestFacts("asset", symbol=request.match_info["symbol"])

    return [
        Endpoint("GET", "/v2/assets", every, named("assets")),
        Endpoint("GET", "/v2/assets/{symbol}", one, facts),
    ]


def asset_document(venue: AlpacaVenue, instrument: Instrument) -> dict[str, Any]:
    """Return what is told of an instrument."""
    return {
        "id": venue.id_of("asset", instrument.symbol),
        "class": SHARE,
        "exchange": instrument.exchange,
        "symbol": instrument.symbol,
        "name": f"{instrument.symbol} {instrument.kind.value}",
        "status": "active",
        "tradable": True,
        "marginable": True,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "shortable": True,
        "easy_to_borrow": True,
        "fractionable": True,
        "attributes": [],
        **venue.assets.get(instrument.symbol, {}),
    }
