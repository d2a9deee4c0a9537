"""Quotes of one symbol or several."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from venue_sandbox.exchange.faults import RequestFacts, VenueFault
from venue_sandbox.exchange.instruments import Instrument, Kind
from venue_sandbox.exchange.market import VOLUME, Quote
from venue_sandbox.venues.http.front import Endpoint, Refused
from venue_sandbox.venues.schwab.context import SchwabContext, number
from venue_sandbox.venues.schwab.instruments import cusip, description, exchange_of

__all__ = ["quote_endpoints"]

SUB_TYPES = {Kind.STOCK: "COE", Kind.ETF: "ETF"}
SIZE = 300
EVERYTHING = "all"


def quote_endpoints(context: SchwabContext) -> list[Endpoint]:
    """Return the endpoints of quotes."""

    async def facts(request: web.Request) -> RequestFacts:
        return RequestFacts("quotes", symbol=_asked(request))

    async def quotes(request: web.Request, fault: VenueFault | None) -> web.Response:
        if request.query.get("indicative", "false").lower() == "true":
            raise Refused(400, "indicative: the sandbox has no indicative quotes")
        fields = request.query.get("fields", EVERYTHING).split(",")
        symbols = [symbol for symbol in _asked(request).split(",") if symbol]
        found = {symbol: document for symbol in symbols if (document := _document(context, symbol, fields))}
        answer: dict[str, Any] = dict(found)
        if unknown := [symbol for symbol in symbols if symbol not in found]:
            answer["errors"] = {"invalidSymbols": unknown}
        alone = "symbol" in request.match_info
        return web.json_response(answer, status=404 if alone and not found else 200)

    return [
        Endpoint("GET", "/marketdata/v1/quotes", quotes, facts),
        Endpoint("GET", "/marketdata/v1/{symbol}/quotes", quotes, facts),
    ]


def _asked(request: web.Request) -> str:
    return request.match_info.get("symbol") or request.query.get("symbols", "")


def _document(context: SchwabContext, symbol: str, fields: list[str]) -> dict[str, Any] | None:
    """Return what is wanted of a symbol's quote; None if it is not listed, or has no price yet."""
    instrument = context.exchange.listing.find(symbol)
    quote = None if instrument is None else context.exchange.quote(symbol)
    if instrument is None or quote is None:
        return None
    made = int(quote.as_of.timestamp() * 1000)
    change = number(quote.last - quote.previous_close)
    percent = 100 * change / number(quote.previous_close)
    parts = {
        "quote": _prices(quote, made, change, percent, "Normal" if context.exchange.is_open() else "Closed"),
        "reference": _reference(instrument),
        "regular": {
            "regularMarketLastPrice": number(quote.last),
            "regularMarketLastSize": SIZE,
            "regularMarketNetChange": change,
            "regularMarketPercentChange": percent,
            "regularMarketTradeTime": made,
        },
    }
    wanted = {name: part for name, part in parts.items() if EVERYTHING in fields or name in fields}
    return {
        "assetMainType": "EQUITY",
        "assetSubType": SUB_TYPES[instrument.kind],
        "quoteType": "NBBO",
        "realtime": True,
        "ssid": instrument.contract_id,
        "symbol": symbol,
        **wanted,
    }


def _prices(quote: Quote, made: int, change: float, percent: float, status: str) -> dict[str, Any]:
    """Return the prices; ``made`` is their time in epoch milliseconds."""
    return {
        "askPrice": number(quote.ask),
        "askSize": SIZE,
        "askTime": made,
        "bidPrice": number(quote.bid),
        "bidSize": SIZE,
        "bidTime": made,
        "closePrice": number(quote.previous_close),
        "highPrice": number(max(quote.open, quote.last)),
        "lastPrice": number(quote.last),
        "lastSize": SIZE,
        "lowPrice": number(min(quote.open, quote.last)),
        "mark": number(quote.last),
        "netChange": change,
        "netPercentChange": percent,
        "openPrice": number(quote.open),
        "quoteTime": made,
        "securityStatus": status,
        "totalVolume": VOLUME,
        "tradeTime": made,
    }


def _reference(instrument: Instrument) -> dict[str, Any]:
    code, name = exchange_of(instrument)
    return {
        "cusip": cusip(instrument),
        "description": description(instrument),
        "exchange": code,
        "exchangeName": name,
        "isHardToBorrow": False,
        "isShortable": True,
    }
