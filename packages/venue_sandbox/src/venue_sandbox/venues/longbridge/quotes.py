"""What the quote socket answers: profile, trading days and hours, static information, quotes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.exchange.market import VOLUME, Quote
from venue_sandbox.venues.longbridge import messages
from venue_sandbox.venues.longbridge.candlesticks import candlesticks, history, read_day
from venue_sandbox.venues.longbridge.context import text
from venue_sandbox.venues.longbridge.messages import QuoteCommand
from venue_sandbox.venues.longbridge.protobuf import Message
from venue_sandbox.venues.longbridge.symbols import named, symbol_of

__all__ = ["QUERIES", "Query", "quote_values"]

Values = Mapping[str, Any]
REGULAR_CLOSE = 16
US = "US"
REGULAR, BEFORE, AFTER = 0, 1, 2
FIRST_MINUTE, LAST_MINUTE = 400, 2000
"""Where extended hours begin and end; the sandbox takes no order for them."""


@dataclass(frozen=True, slots=True)
class Query:
    """One thing that is asked: what faults call it, its request, its answer, and how the answer is found."""

    operation: str
    request: Message
    answer: Message
    find: Callable[[Exchange, Values], Values]


def quote_values(exchange: Exchange, instrument: Instrument, quote: Quote) -> Values:
    """Return a quote, as it is answered and as it is pushed."""
    return {
        "symbol": named(instrument.symbol),
        "last_done": text(quote.last),
        "open": text(quote.open),
        "high": text(max(quote.open, quote.last)),
        "low": text(min(quote.open, quote.last)),
        "timestamp": int(quote.as_of.timestamp()),
        "volume": VOLUME,
        "turnover": text(VOLUME * quote.last),
    }


def _profile(exchange: Exchange, request: Values) -> Values:
    return {"member_id": 1, "quote_level": "Lv1", "subscribe_limit": 500, "history_candlestick_limit": 1000}


def _trade_days(exchange: Exchange, request: Values) -> Values:
    """Return the sessions of a market; the sandbox has one calendar, that of the United States."""
    if request["market"] != US:
        return {"trade_day": [], "half_trade_day": []}
    calendar = exchange.hours.calendar
    whole, half = list[str](), list[str]()
    first, last = max(read_day(request["beg_day"]), calendar.table.first), read_day(request["end_day"])
    for session in calendar.between(first, min(last, calendar.table.last)):
        closes = calendar.hours(session).close.astimezone(calendar.timezone)
        (whole if closes.hour >= REGULAR_CLOSE else half).append(f"{session:%Y%m%d}")
    return {"trade_day": whole, "half_trade_day": half}


def _trade_periods(exchange: Exchange, request: Values) -> Values:
    calendar = exchange.hours.calendar
    periods: list[Values] = []
    if calendar.is_session(exchange.today()):
        hours = calendar.hours(exchange.today())
        opens, closes = (int(f"{at.astimezone(calendar.timezone):%H%M}") for at in (hours.open, hours.close))
        spans = ((REGULAR, opens, closes), (BEFORE, FIRST_MINUTE, opens), (AFTER, closes, LAST_MINUTE))
        periods = [{"beg_time": begin, "end_time": end, "trade_session": kind} for kind, begin, end in spans]
    return {"market_trade_session": [{"market": US, "trade_session": periods}]}


def _static_info(exchange: Exchange, request: Values) -> Values:
    return {"secu_static_info": [_static(instrument) for instrument in _listed(exchange, request["symbol"])]}


def _static(instrument: Instrument) -> Values:
    name = f"{instrument.symbol} of the sandbox"
    return {
        "symbol": named(instrument.symbol),
        **{"name_cn": name, "name_en": name, "name_hk": name},
        "exchange": instrument.exchange,
        "currency": instrument.currency,
        "lot_size": int(instrument.lot),
        **{"eps": "0", "eps_ttm": "0", "bps": "0", "dividend_yield": "0"},
        "board": "HKEquity" if instrument.currency == "HKD" else "USMain",
    }


def _quotes(exchange: Exchange, request: Values) -> Values:
    found: list[Values] = []
    for instrument in _listed(exchange, request["symbol"]):
        quote = exchange.quote(instrument.symbol)
        if quote is not None:
            found.append({**quote_values(exchange, instrument, quote), "prev_close": text(quote.previous_close)})
    return {"secu_quote": found}


def _listed(exchange: Exchange, names: list[str]) -> list[Instrument]:
    """Return the instruments of names; those that are not listed are left out."""
    found = (exchange.listing.find(symbol_of(name)) for name in names)
    return [instrument for instrument in found if instrument is not None]


QUERIES: Mapping[int, Query] = {
    QuoteCommand.PROFILE: Query("profile", Message(), messages.PROFILE, _profile),
    QuoteCommand.TRADE_DAYS: Query("trade_days", messages.TRADE_DAY_REQUEST, messages.TRADE_DAYS, _trade_days),
    QuoteCommand.TRADE_PERIODS: Query("trade_periods", Message(), messages.TRADE_PERIODS, _trade_periods),
    QuoteCommand.STATIC_INFO: Query("static_info", messages.MULTI_SECURITY, messages.STATIC_INFO, _static_info),
    QuoteCommand.QUOTES: Query("quotes", messages.MULTI_SECURITY, messages.QUOTES, _quotes),
    QuoteCommand.CANDLESTICKS: Query("candlesticks", messages.CANDLESTICK_REQUEST, messages.CANDLESTICKS, candlesticks),
    QuoteCommand.HISTORY: Query("history", messages.HISTORY_REQUEST, messages.CANDLESTICKS, history),
}
