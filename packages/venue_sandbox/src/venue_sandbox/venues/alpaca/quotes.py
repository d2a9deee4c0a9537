"""``/v2/stocks/.../latest`` and ``/v2/stocks/snapshots``: the newest prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from quant_platform_kit.domain.strategy import Adjustment

from venue_sandbox.exchange.faults import RequestFacts, VenueFault
from venue_sandbox.exchange.market import Bar, Quote
from venue_sandbox.venues.alpaca.bar_options import FEEDS, LATEST_OPTIONS
from venue_sandbox.venues.alpaca.bars import RECENT
from venue_sandbox.venues.alpaca.context import AlpacaVenue, instant
from venue_sandbox.venues.http.front import Endpoint, Refused
from venue_sandbox.venues.http.options import unserved

__all__ = ["quote_endpoints"]

SIZE = 3
ONE_DAY = 2
"""Bars of a snapshot: that of the newest session, and the one before."""

Told = Callable[[str, Quote], dict[str, Any]]


def quote_endpoints(venue: AlpacaVenue) -> list[Endpoint]:
    """Return the endpoints."""

    async def facts(request: web.Request) -> RequestFacts:
        return RequestFacts("quotes", symbol=request.query.get("symbols", ""))

    def endpoint(path: str, name: str, told: Told) -> Endpoint:
        async def answer(request: web.Request, fault: VenueFault | None) -> web.Response:
            found = {symbol: told(symbol, quote) for symbol, quote in _quotes(venue, request).items()}
            return web.json_response({name: found} if name else found)

        return Endpoint("GET", f"/v2/stocks/{path}", answer, facts)

    return [
        endpoint("quotes/latest", "quotes", lambda _, quote: _quote(quote)),
        endpoint("trades/latest", "trades", lambda _, quote: _trade(quote)),
        endpoint("snapshots", "", lambda symbol, quote: _snapshot(venue, symbol, quote)),
    ]


def _quotes(venue: AlpacaVenue, request: web.Request) -> dict[str, Quote]:
    """Return the quotes that a request asks for; a symbol that is not known, or has no price, is absent."""
    if why := unserved(request.query, LATEST_OPTIONS):
        raise Refused(400, why)
    feed = request.query.get("feed", "sip" if venue.plan.paid else "iex")
    if feed not in FEEDS:
        raise Refused(400, f"invalid feed: {feed}")
    if feed == "sip" and not venue.plan.paid:
        raise Refused(403, RECENT)
    symbols = sorted(filter(None, request.query.get("symbols", "").split(",")))
    if not symbols:
        raise Refused(400, "symbols is required")
    listed = (symbol for symbol in symbols if venue.exchange.listing.find(symbol) is not None)
    found = {symbol: quote for symbol in listed if (quote := venue.exchange.quote(symbol)) is not None}
    return {symbol: _at(venue, symbol, quote) for symbol, quote in found.items()} if feed == "iex" else found


def _at(venue: AlpacaVenue, symbol: str, quote: Quote) -> Quote:
    """Return a quote as IEX has it, where some symbols trade seldom."""
    return replace(quote, as_of=quote.as_of - timedelta(seconds=venue.seldom.get(symbol, 0.0)))


def _quote(quote: Quote) -> dict[str, Any]:
    prices = {"ap": float(quote.ask), "bp": float(quote.bid)}
    return {"t": instant(quote.as_of), **prices, "as": SIZE, "bs": SIZE, "ax": "V", "bx": "V", "c": ["R"], "z": "B"}


def _trade(quote: Quote) -> dict[str, Any]:
    made = instant(quote.as_of)
    return {"t": made, "p": float(quote.last), "s": SIZE, "x": "V", "i": 1, "c": ["@"], "z": "B"}


def _snapshot(venue: AlpacaVenue, symbol: str, quote: Quote) -> dict[str, Any]:
    bars = venue.exchange.market.bars(symbol, venue.exchange.now(), Adjustment.SPLIT, ONE_DAY)
    starts = [venue.midnight(bar.session) for bar in bars]
    days = [_day(bar, start) for bar, start in zip(bars, starts, strict=True)]
    named = {"dailyBar": days[-1], "prevDailyBar": days[-2] if len(days) > 1 else None}
    return {"latestTrade": _trade(quote), "latestQuote": _quote(quote), "minuteBar": None, **named}


def _day(bar: Bar, start: datetime) -> dict[str, Any]:
    prices = {"o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close, "vw": bar.close}
    return {"t": instant(start), **{name: float(price) for name, price in prices.items()}, "v": bar.volume, "n": 1}
