"""Daily candlesticks: as they were traded, or adjusted for splits and dividends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from math import prod
from typing import Any

from quant_platform_kit.domain.strategy import Adjustment

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.market import Bar
from venue_sandbox.venues.longbridge.context import text
from venue_sandbox.venues.longbridge.symbols import named, symbol_of

__all__ = ["BadQuery", "candlesticks", "history", "read_day"]

DAY = 1000
NO_ADJUST, FORWARD_ADJUST = 0, 1
BY_OFFSET, BY_DATE = 1, 2
FORWARD = 1
MOST = 1000

Values = Mapping[str, Any]


class BadQuery(ValueError):
    """A request that is not served."""


def read_day(day: str) -> date:
    """Read a day as ``20230602``."""
    try:
        return datetime.strptime(day, "%Y%m%d").date()  # noqa: DTZ007
    except ValueError:
        raise BadQuery(f"{day!r} is no day such as 20230602") from None


def candlesticks(exchange: Exchange, request: Values) -> Values:
    """Return the newest candlesticks of a symbol."""
    count = min(max(request["count"], 1), MOST)
    return _answer(exchange, request, _bars(exchange, request, newest=count))


def history(exchange: Exchange, request: Values) -> Values:
    """Return the candlesticks from one day to another, or so many up to a day, or from it on."""
    bars = _bars(exchange, request)
    if request["query_type"] == BY_DATE:
        span = request["date_request"] or {"start_date": "", "end_date": ""}
        first = read_day(span["start_date"]) if span["start_date"] else date.min
        last = read_day(span["end_date"]) if span["end_date"] else date.max
        return _answer(exchange, request, [bar for bar in bars if first <= bar.session <= last][-MOST:])
    if request["query_type"] != BY_OFFSET or request["offset_request"] is None:
        raise BadQuery("the query is neither by offset nor by date")
    return _answer(exchange, request, _by_offset(bars, request["offset_request"]))


def _by_offset(bars: list[Bar], offset: Values) -> list[Bar]:
    count = min(max(offset["count"], 1), MOST)
    if offset["direction"] == FORWARD:
        first = read_day(offset["date"]) if offset["date"] else date.min
        return [bar for bar in bars if bar.session >= first][:count]
    last = read_day(offset["date"]) if offset["date"] else date.max
    return [bar for bar in bars if bar.session <= last][-count:]


def _bars(exchange: Exchange, request: Values, newest: int | None = None) -> list[Bar]:
    symbol = symbol_of(request["symbol"])
    if exchange.listing.find(symbol) is None:
        raise BadQuery(f"{request['symbol']} is not listed")
    if request["period"] != DAY:
        raise BadQuery("the sandbox has daily candlesticks only")
    if request["trade_session"]:
        raise BadQuery("the sandbox has candlesticks of regular hours only")
    if request["adjust_type"] == FORWARD_ADJUST:
        return exchange.market.bars(symbol, exchange.now(), Adjustment.TOTAL_RETURN, newest)
    bars = exchange.market.bars(symbol, exchange.now(), Adjustment.SPLIT, newest)
    return [_unadjusted(exchange, symbol, bar) for bar in bars]


def _unadjusted(exchange: Exchange, symbol: str, bar: Bar) -> Bar:
    """Return a bar as it was traded, before the splits that came later."""
    splits = (split for split in exchange.book.past_splits if split.symbol == symbol and split.session > bar.session)
    ratio = prod((split.ratio for split in splits), start=Decimal(1))
    opens, high, low, close = (price * ratio for price in (bar.open, bar.high, bar.low, bar.close))
    return replace(bar, open=opens, high=high, low=low, close=close)


def _answer(exchange: Exchange, request: Values, bars: list[Bar]) -> Values:
    zone = exchange.hours.calendar.timezone
    return {
        "symbol": named(symbol_of(request["symbol"])),
        "candlesticks": [
            {
                "close": text(bar.close),
                "open": text(bar.open),
                "low": text(bar.low),
                "high": text(bar.high),
                "volume": bar.volume,
                "turnover": text(bar.volume * bar.close),
                "timestamp": int(datetime.combine(bar.session, time(), zone).timestamp()),
            }
            for bar in bars
        ],
    }
