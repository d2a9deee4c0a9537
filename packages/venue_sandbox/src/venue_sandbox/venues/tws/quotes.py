"""Messages about prices: 1 market data, 2 its end, 59 which sort of it is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.exchange.market import Quote
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import UNKNOWN_CONTRACT, named, read_contract, resolve
from venue_sandbox.venues.tws.fault_injection import NO_REQUEST, Request
from venue_sandbox.venues.tws.session import Read, Session
from venue_sandbox.venues.tws.subscriptions import ended

__all__ = ["REQUESTS", "push_price"]

LIVE, DELAYED = 1, 3
DATA_TYPES = range(1, 5)
NO_DATA_TYPE = (321, "Error validating request.-'bJ' : cause - Invalid market data type")
DELAY = timedelta(minutes=15)
SIZE = 300
VOLUME = 1_000_000
BBO_EXCHANGE = "9c0001"
NOT_SUBSCRIBED = (
    10089,
    "Requested market data requires additional subscription for API. "
    "See link in 'Market Data Connections' dialog for more details.",
)
NO_GENERIC = (321, "Error validating request.-'bM' : cause - Incorrect generic tick list of {}.")
NO_REGULATORY = (354, "Requested market data is not subscribed. Regulatory snapshots are not supported.")
MOST_TICKERS = 100
TOO_MANY = (101, "Max number of tickers has been reached")
DELAYED_INSTEAD = (10167, "Requested market data is not subscribed. Displaying delayed market data.")


@dataclass(frozen=True, slots=True)
class TickTypes:
    """The numbers of the fields of a quote; those of sizes follow bid, ask and last."""

    bid: int
    ask: int
    last: int
    close: int
    open: int
    bid_size: int
    ask_size: int
    last_size: int
    volume: int
    last_time: int


TICKS = {
    LIVE: TickTypes(1, 2, 4, 9, 14, 0, 3, 5, 8, 45),
    DELAYED: TickTypes(66, 67, 68, 75, 76, 69, 70, 71, 74, 88),
}


def push_price(session: Session, symbol: str) -> None:
    """Tell a session of a price if it has subscribed to it."""
    for request, instrument in session.tickers.items():
        if instrument.symbol == symbol:
            _tell_ticks(session, request, instrument)


def _market_data(session: Session, fields: Fields) -> Request:
    fields.skip()
    request, query = fields.integer(), read_contract(fields)
    fields.skip()  # delta-neutral contract
    generic, snapshot, regulatory = fields.text(), fields.flag(), fields.flag()
    instrument = resolve(session.exchange.listing, query)

    def run(_: object) -> None:
        if instrument is None:
            session.error(request, *UNKNOWN_CONTRACT)
            return
        if generic or regulatory:
            session.error(request, *_not_served(generic))
            return
        seen = session.venue.seen(instrument.symbol)
        if seen == "none" or (seen == "delayed" and session.data_type < DELAYED):
            session.error(request, *NOT_SUBSCRIBED)
            return
        if not snapshot and len(session.tickers) >= MOST_TICKERS:
            session.error(request, *TOO_MANY)
            return
        if seen == "delayed":
            session.error(request, *DELAYED_INSTEAD)
        session.send(81, request, instrument.tick, BBO_EXCHANGE, 3)
        session.send(58, 1, request, _kind(session, instrument))
        _tell_ticks(session, request, instrument)
        if snapshot:
            session.send(57, 1, request)
        else:
            session.tickers[request] = instrument

    return Request(RequestFacts("quotes", symbol=named(query, instrument)), run, request)


def _cancel(session: Session, fields: Fields) -> Request:
    fields.skip()
    request = fields.integer()

    def run(_: object) -> None:
        ended(session, request, session.tickers)

    return Request(RequestFacts("quotes_end"), run, request)


def _data_type(session: Session, fields: Fields) -> Request:
    fields.skip()
    wanted = fields.integer()

    def run(_: object) -> None:
        if wanted in DATA_TYPES:
            session.data_type = wanted
        else:
            session.error(NO_REQUEST, *NO_DATA_TYPE)

    return Request(RequestFacts("data_type"), run)


def _not_served(generic: str) -> tuple[int, str]:
    return (NO_GENERIC[0], NO_GENERIC[1].format(generic)) if generic else NO_REGULATORY


def _kind(session: Session, instrument: Instrument) -> int:
    return DELAYED if session.venue.seen(instrument.symbol) == "delayed" else LIVE


def _tell_ticks(session: Session, request: int, instrument: Instrument) -> None:
    kind = _kind(session, instrument)
    now = session.exchange.now() - (DELAY if kind == DELAYED else timedelta(0))
    quote = session.exchange.market.quote(instrument.symbol, now)
    if quote is not None:
        _tell_quote(session, request, TICKS[kind], quote)


def _tell_quote(session: Session, request: int, types: TickTypes, quote: Quote) -> None:
    prices = (
        *((types.bid, quote.bid, SIZE), (types.ask, quote.ask, SIZE), (types.last, quote.last, SIZE)),
        *((types.close, quote.previous_close, 0), (types.open, quote.open, 0)),
    )
    for kind, price, size in prices:
        session.send(1, 6, request, kind, price, size, 0)
    for kind, size in ((types.bid_size, SIZE), (types.ask_size, SIZE), (types.last_size, SIZE), (types.volume, VOLUME)):
        session.send(2, 6, request, kind, size)
    session.send(46, 6, request, types.last_time, int(quote.as_of.timestamp()))


REQUESTS: Mapping[int, Read] = {1: _market_data, 2: _cancel, 59: _data_type}
