"""Questions about what the sandbox has little or nothing of: their answers, most of them empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time

from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.venues.tws.codec import Fields, Value
from venue_sandbox.venues.tws.contracts import STOCK, UNKNOWN_CONTRACT, named, read_contract, resolve
from venue_sandbox.venues.tws.fault_injection import NO_REQUEST, Request
from venue_sandbox.venues.tws.history import ADJUSTMENTS
from venue_sandbox.venues.tws.session import Read, Session

__all__ = ["MARKET_RULE", "REQUESTS"]

MARKET_RULE = 26
"""The rule of prices that contract details name: a step of one cent from zero on."""
MOST_SYMBOLS = 16
DESCRIBED_SINCE = 176
ISO_FORM = 1
NO_RULE = (322, "Error processing request.-'sb' : cause - There is no market rule {}")
NO_HISTORY = (162, "Historical Market Data Service error message:No head time stamp of {}")
NO_SCANNERS = '<?xml version="1.0" encoding="UTF-8"?><ScanParameterResponse></ScanParameterResponse>'


def _always(operation: str, *answer: Value) -> Read:
    """Return the reader of a question without an id whose answer is the same each time."""

    def read(session: Session, fields: Fields) -> Request:
        return Request(RequestFacts(operation), lambda _: session.send(*answer))

    return read


def _always_of(operation: str, answer: Callable[[int], tuple[Value, ...]], *, is_versioned: bool = False) -> Read:
    """Return the reader of a question with an id whose answer is the same each time."""

    def read(session: Session, fields: Fields) -> Request:
        fields.skip(is_versioned)
        request = fields.integer()
        return Request(RequestFacts(operation), lambda _: session.send(*answer(request)), request)

    return read


def _family_codes(session: Session, fields: Fields) -> Request:
    def run(_: object) -> None:
        accounts = session.exchange.book.accounts
        session.send(78, len(accounts), *(value for account in accounts for value in (account, "")))

    return Request(RequestFacts("family_codes"), run)


def _matching_symbols(session: Session, fields: Fields) -> Request:
    request, pattern = fields.integer(), fields.text().upper()

    def run(_: object) -> None:
        listed = session.exchange.listing.instruments
        found = [listed[symbol] for symbol in listed if pattern and symbol.startswith(pattern)][:MOST_SYMBOLS]
        rows = (value for instrument in found for value in _sample(session, instrument))
        session.send(79, request, len(found), *rows)

    return Request(RequestFacts("matching_symbols", symbol=pattern), run, request)


def _sample(session: Session, instrument: Instrument) -> tuple[Value, ...]:
    row = (instrument.contract_id, instrument.symbol, STOCK, instrument.exchange, instrument.currency, 0)
    return (*row, f"{instrument.symbol} OF THE SANDBOX", "") if session.version >= DESCRIBED_SINCE else row


def _smart_components(session: Session, fields: Fields) -> Request:
    request = fields.integer()

    def run(_: object) -> None:
        exchanges = sorted({instrument.exchange for instrument in session.exchange.listing.instruments.values()})
        rows = (value for bit, exchange in enumerate(exchanges) for value in (bit, exchange, exchange[0]))
        session.send(82, request, len(exchanges), *rows)

    return Request(RequestFacts("smart_components"), run, request)


def _market_rule(session: Session, fields: Fields) -> Request:
    rule = fields.integer()

    def run(_: object) -> None:
        if rule == MARKET_RULE:
            session.send(93, rule, 1, 0, "0.01")
        else:
            session.error(NO_REQUEST, NO_RULE[0], NO_RULE[1].format(rule))

    return Request(RequestFacts("market_rule"), run)


def _head_timestamp(session: Session, fields: Fields) -> Request:
    request, query = fields.integer(), read_contract(fields)
    fields.skip(2)  # expired contracts, regular hours
    show, form = fields.text(), fields.integer()
    instrument = resolve(session.exchange.listing, query)

    def run(_: object) -> None:
        if instrument is None:
            session.error(request, *UNKNOWN_CONTRACT)
        elif show not in ADJUSTMENTS:
            session.error(request, NO_HISTORY[0], NO_HISTORY[1].format(show))
        else:
            session.send(88, request, _written(_first_day(session, instrument, show), form))

    return Request(RequestFacts("head_timestamp", symbol=named(query, instrument)), run, request)


def _first_day(session: Session, instrument: Instrument, show: str) -> datetime:
    first = session.exchange.market.bars(instrument.symbol, session.exchange.now(), ADJUSTMENTS[show])[0]
    return datetime.combine(first.session, time(), session.venue.zone)


def _written(at: datetime, form: int) -> str:
    return f"{at.astimezone(UTC):%Y%m%d-%H:%M:%S}" if form == ISO_FORM else str(int(at.timestamp()))


def _cancel_head_timestamp(session: Session, fields: Fields) -> Request:
    """Leave it without an answer, as the time stamp was told at once: clients send it behind every one."""
    return Request(RequestFacts("head_timestamp_end"), lambda _: None, fields.integer())


REQUESTS: Mapping[int, Read] = {
    24: _always("scanner_parameters", 19, 1, NO_SCANNERS),
    67: _always_of("display_groups", lambda request: (67, 1, request, ""), is_versioned=True),
    78: _always_of("option_parameters", lambda request: (76, request)),
    79: _always_of("soft_dollar_tiers", lambda request: (77, request, 0)),
    80: _family_codes,
    81: _matching_symbols,
    82: _always("depth_exchanges", 80, 0),
    83: _smart_components,
    85: _always("news_providers", 85, 0),
    87: _head_timestamp,
    90: _cancel_head_timestamp,
    91: _market_rule,
    104: _always_of("user_info", lambda request: (107, request, "")),
}
