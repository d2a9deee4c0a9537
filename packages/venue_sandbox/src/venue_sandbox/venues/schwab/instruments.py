"""Instruments as the API describes them."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.exchange.instruments import Instrument, Kind
from venue_sandbox.venues.http.front import Endpoint, Refused, named
from venue_sandbox.venues.schwab.context import SchwabContext

__all__ = ["cusip", "description", "exchange_of", "instrument_document", "instrument_endpoints"]

EXCHANGES = {"ARCA": ("P", "NYSE Arca"), "NASDAQ": ("Q", "NASDAQ")}
"""Code and name of an exchange, as quotes and instruments tell them."""
POSITION_TYPES = {Kind.STOCK: "EQUITY", Kind.ETF: "COLLECTIVE_INVESTMENT"}
SEARCH_TYPES = {Kind.STOCK: "EQUITY", Kind.ETF: "ETF"}
BY_SYMBOL = ("symbol-search", "fundamental")
BY_EXPRESSION = ("symbol-regex", "search")


def cusip(instrument: Instrument) -> str:
    """Return nine digits that stand for the instrument."""
    return f"{instrument.contract_id:09d}"


def description(instrument: Instrument) -> str:
    """Return the instrument's name."""
    return f"{instrument.symbol} OF THE SANDBOX"


def exchange_of(instrument: Instrument) -> tuple[str, str]:
    """Return code and name of the exchange that lists the instrument."""
    return EXCHANGES.get(instrument.exchange, (instrument.exchange[0], instrument.exchange))


def instrument_document(instrument: Instrument) -> dict[str, Any]:
    """Return an instrument as positions and orders name it."""
    document: dict[str, Any] = {
        "assetType": POSITION_TYPES[instrument.kind],
        "cusip": cusip(instrument),
        "symbol": instrument.symbol,
        "instrumentId": instrument.contract_id,
    }
    if instrument.kind is Kind.ETF:
        document |= {"description": description(instrument), "type": "EXCHANGE_TRADED_FUND"}
    return document


def instrument_endpoints(context: SchwabContext) -> list[Endpoint]:
    """Return the endpoints that look up instruments."""

    async def search(request: web.Request, fault: VenueFault | None) -> web.Response:
        found = _found(context, request.query.get("symbol", ""), request.query.get("projection", ""))
        return web.json_response({"instruments": [_described(instrument) for instrument in found]} if found else {})

    async def by_cusip(request: web.Request, fault: VenueFault | None) -> web.Response:
        for instrument in context.exchange.listing.instruments.values():
            if cusip(instrument) == request.match_info["cusip"]:
                return web.json_response({"instruments": [_described(instrument)]})
        raise Refused(404, "Not Found")

    return [
        Endpoint("GET", "/marketdata/v1/instruments", search, named("instruments")),
        Endpoint("GET", "/marketdata/v1/instruments/{cusip}", by_cusip, named("instruments")),
    ]


def _found(context: SchwabContext, symbol: str, projection: str) -> list[Instrument]:
    instruments = context.exchange.listing.instruments
    if projection in BY_SYMBOL:
        return [instruments[name] for name in symbol.split(",") if name in instruments]
    if projection not in BY_EXPRESSION:
        raise Refused(400, f"projection {projection}: the sandbox has {', '.join(BY_SYMBOL + BY_EXPRESSION)}")
    try:
        wanted = re.compile(symbol)
    except re.error:
        raise Refused(400, f"{symbol} is no regular expression") from None
    return [instrument for name, instrument in instruments.items() if wanted.fullmatch(name)]


def _described(instrument: Instrument) -> dict[str, Any]:
    return {
        "cusip": cusip(instrument),
        "symbol": instrument.symbol,
        "description": description(instrument),
        "exchange": exchange_of(instrument)[1],
        "assetType": SEARCH_TYPES[instrument.kind],
    }
