"""Price history: daily candles, adjusted for splits and not for dividends."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from quant_platform_kit.domain.strategy import Adjustment

from venue_sandbox.exchange.faults import RequestFacts, VenueFault
from venue_sandbox.exchange.market import Bar
from venue_sandbox.venues.http.front import Endpoint, Refused
from venue_sandbox.venues.schwab.context import SchwabContext, number

__all__ = ["candle_time", "history_endpoints", "period_begin"]

ZONE = ZoneInfo("America/Chicago")
"""Daily candles carry the midnight of this zone."""
DAYS = {"day": 1.0, "month": 30.4375, "year": 365.25}
DEFAULT_PERIODS = {"day": 10, "month": 1, "year": 1, "ytd": 1}


def history_endpoints(context: SchwabContext) -> list[Endpoint]:
    """Return the endpoint of price history."""

    async def facts(request: web.Request) -> RequestFacts:
        return RequestFacts("history", symbol=request.query.get("symbol", ""))

    async def history(request: web.Request, fault: VenueFault | None) -> web.Response:
        if request.query.get("frequencyType", "minute") != "daily":
            raise Refused(400, "frequencyType: the sandbox has daily candles only")
        if request.query.get("frequency", "1") != "1":
            raise Refused(400, "frequency: a daily candle is one of one day")
        symbol = request.query.get("symbol", "")
        if context.exchange.listing.find(symbol) is None:
            raise Refused(404, f"{symbol} is not listed")
        return web.json_response(_document(context, symbol, request))

    return [Endpoint("GET", "/marketdata/v1/pricehistory", history, facts)]


def candle_time(bar: Bar) -> datetime:
    """Return the instant that a daily candle carries."""
    return datetime.combine(bar.session, time(), ZONE)


def period_begin(kind: str, count: int, end: datetime) -> datetime:
    """Return where a period of so many days, months or years that ends at ``end`` begins; ``ytd`` is the year's."""
    if kind == "ytd":
        return datetime(end.astimezone(ZONE).year, 1, 1, tzinfo=ZONE)
    return end - timedelta(days=count * DAYS[kind])


def _document(context: SchwabContext, symbol: str, request: web.Request) -> dict[str, Any]:
    now = context.exchange.now()
    begin, end = _span(request, now)
    bars = context.exchange.market.bars(symbol, now, Adjustment.SPLIT)
    wanted = [bar for bar in bars if begin <= candle_time(bar) <= end]
    document: dict[str, Any] = {"symbol": symbol, "empty": not wanted, "candles": [_candle(bar) for bar in wanted]}
    before = [bar for bar in bars if candle_time(bar) < begin]
    if request.query.get("needPreviousClose", "").lower() == "true" and before:
        document["previousClose"] = number(before[-1].close)
        document["previousCloseDate"] = _milliseconds(candle_time(before[-1]))
    return document


def _span(request: web.Request, now: datetime) -> tuple[datetime, datetime]:
    query = request.query
    try:
        end = _instant(query["endDate"]) if "endDate" in query else now
        if "startDate" in query:
            return _instant(query["startDate"]), end
        kind = query.get("periodType", "day")
        return period_begin(kind, int(query.get("period", DEFAULT_PERIODS[kind])), end), end
    except (KeyError, ValueError, OverflowError):
        raise Refused(400, "startDate, endDate, periodType or period makes no sense") from None


def _instant(text: str) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _candle(bar: Bar) -> dict[str, Any]:
    return {
        "open": number(bar.open),
        "high": number(bar.high),
        "low": number(bar.low),
        "close": number(bar.close),
        "volume": bar.volume,
        "datetime": _milliseconds(candle_time(bar)),
    }
