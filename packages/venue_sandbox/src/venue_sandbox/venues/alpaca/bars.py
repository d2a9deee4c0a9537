"""``GET /v2/stocks/bars``: bars of symbols between two instants, page by page."""

from __future__ import annotations

import base64
import binascii
import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.faults import RequestFacts, VenueFault
from venue_sandbox.venues.alpaca.bar_options import BAR_OPTIONS, FEEDS, TIMEFRAMES
from venue_sandbox.venues.alpaca.context import LATE, AlpacaVenue
from venue_sandbox.venues.alpaca.faults import BARS, BadBar, CutJson, Html, RepeatToken
from venue_sandbox.venues.alpaca.tape import ADJUSTMENTS, Bar
from venue_sandbox.venues.http.front import Endpoint, Refused
from venue_sandbox.venues.http.options import unserved

__all__ = ["bar_endpoints"]

MOST, USUAL = 10_000, 1_000
RECENT = "subscription does not permit querying recent SIP data"
IEX_SHARE = 50
"""One of so many shares is traded at IEX."""
PAGE = "<!DOCTYPE html>\n<html><body><h1>Bad gateway</h1></body></html>\n"

Row = tuple[str, Bar]


@dataclass(frozen=True, slots=True)
class _Asked:
    symbols: tuple[str, ...]
    timeframe: str
    start: datetime
    end: datetime
    adjustment: str
    feed: str
    limit: int
    position: int


def bar_endpoints(venue: AlpacaVenue) -> list[Endpoint]:
    """Return the endpoint."""

    async def answer(request: web.Request, fault: VenueFault | None) -> web.StreamResponse:
        if isinstance(fault, Html):
            return web.Response(status=fault.status, text=PAGE, content_type="text/html")
        asked = _asked(venue, request.query)
        document = _document(venue, asked)
        match fault:
            case RepeatToken():
                document["next_page_token"] = _token(asked.position)
            case BadBar():
                _harm(document, fault.harm)
            case _:
                pass
        text = json.dumps(document)
        return web.Response(
            text=text[: len(text) // 2] if isinstance(fault, CutJson) else text, content_type="application/json"
        )

    async def facts(request: web.Request) -> RequestFacts:
        return RequestFacts(BARS, symbol=request.query.get("symbols", ""))

    return [Endpoint("GET", "/v2/stocks/bars", answer, facts)]


def _asked(venue: AlpacaVenue, query: Mapping[str, str]) -> _Asked:
    if why := unserved(query, BAR_OPTIONS):
        raise Refused(400, why)
    symbols = tuple(sorted(filter(None, query.get("symbols", "").split(","))))
    if not symbols:
        raise Refused(400, "symbols is required")
    now, feed = venue.clock.now(), _choice(query, "feed", FEEDS, "sip")
    newest = now if venue.plan.paid or feed != "sip" else now - LATE
    end = _instant(query, "end") or newest
    if end > newest and feed == "sip" and not venue.plan.paid:
        raise Refused(403, RECENT)
    return _Asked(
        symbols,
        _choice(query, "timeframe", TIMEFRAMES, ""),
        _instant(query, "start") or datetime.combine(now.date(), time(), UTC),
        end,
        _choice(query, "adjustment", ADJUSTMENTS, "raw"),
        feed,
        _limit(query),
        _position(query.get("page_token", "")),
    )


def _document(venue: AlpacaVenue, asked: _Asked) -> dict[str, Any]:
    rows = [row for symbol in asked.symbols for row in _rows(venue, symbol, asked)]
    stop = asked.position + min(asked.limit, venue.plan.page)
    bars: dict[str, list[dict[str, Any]]] = {}
    for symbol, bar in rows[asked.position : stop]:
        bars.setdefault(symbol, []).append(_bar(venue, symbol, bar, asked))
    return {"bars": bars, "next_page_token": _token(stop) if stop < len(rows) else None}


def _rows(venue: AlpacaVenue, symbol: str, asked: _Asked) -> list[Row]:
    """Return the bars of a symbol that start within the time that is asked for, and are finished."""
    bars = venue.days_of(symbol) if asked.timeframe == "1Day" else venue.tape.minutes.get(symbol, [])
    late = LATE if asked.feed == "sip" and not venue.plan.paid else timedelta(0)
    first = bisect_left(bars, asked.start, key=lambda bar: bar.start)
    last = bisect_right(bars, asked.end, key=lambda bar: bar.start)
    return [(symbol, bar) for bar in bars[first:last] if bar.ends <= venue.clock.now() - late]


def _bar(venue: AlpacaVenue, symbol: str, bar: Bar, asked: _Asked) -> dict[str, Any]:
    today = venue.calendar.local_date(venue.clock.now())
    prices, volume = venue.tape.adjusted(symbol, bar, asked.adjustment, today, venue.splits_of(symbol))
    units = round(volume / IEX_SHARE) if asked.feed == "iex" else round(volume)
    fields = dict(zip("ohlc", prices, strict=True))
    return {"t": f"{bar.start:%Y-%m-%dT%H:%M:%SZ}", **fields, "v": units, "n": 1, "vw": round(sum(prices) / 4, 6)}


def _harm(document: dict[str, Any], harm: str) -> None:
    """Make the middle bar of a page one that cannot be meant."""
    for bars in document["bars"].values():
        bar, at = bars[len(bars) // 2], len(bars) // 2
        match harm:
            case "missing":
                bar["c"] = None
            case "nan":
                bar["c"] = math.nan
            case "infinite":
                bar["h"] = math.inf
            case "negative":
                bar["l"] = -bar["l"]
            case "zero":
                bar["o"] = 0
            case "high_below_low":
                bar["h"], bar["l"] = bar["l"] - 1, bar["h"]
            case "duplicate":
                bars.insert(at, dict(bar))
            case "holiday":
                bar["t"] = _moved(bar["t"], _days_to_saturday(bar["t"]))
            case _:
                bars[:] = [{**each, "t": _moved(each["t"], timedelta(minutes=1))} for each in bars]


def _moved(text: str, by: timedelta) -> str:
    return f"{datetime.fromisoformat(text) + by:%Y-%m-%dT%H:%M:%SZ}"


def _days_to_saturday(text: str) -> timedelta:
    return timedelta(days=5 - date.fromisoformat(text[:10]).weekday())


def _choice(query: Mapping[str, str], name: str, known: tuple[str, ...], usual: str) -> str:
    value = query.get(name, usual)
    if value not in known:
        raise Refused(400, f"invalid {name}: {value}")
    return value


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, f"invalid {name}: {text}") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(USUAL))
    if not (text.isdecimal() and 1 <= int(text) <= MOST):
        raise Refused(400, f"invalid limit: {text}")
    return int(text)


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def _position(token: str) -> int:
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = "-"
    if token and not text.isdecimal():
        raise Refused(400, "invalid page_token")
    return int(text or 0)
