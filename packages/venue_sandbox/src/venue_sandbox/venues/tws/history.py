"""Message 20, historical data: daily bars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quant_platform_kit.domain.errors import UnknownSession
from quant_platform_kit.domain.strategy import Adjustment

from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.exchange.market import Bar
from venue_sandbox.venues.tws.codec import Fields, Value
from venue_sandbox.venues.tws.contracts import UNKNOWN_CONTRACT, named, read_contract, resolve
from venue_sandbox.venues.tws.fault_injection import Request
from venue_sandbox.venues.tws.session import Read, Session

__all__ = ["REQUESTS", "BadQuery", "end_instant", "within"]

ADJUSTMENTS = {"TRADES": Adjustment.SPLIT, "ADJUSTED_LAST": Adjustment.TOTAL_RETURN}
"""TRADES are adjusted for splits, ADJUSTED_LAST for dividends too."""
DAILY = "1 day"
DURATION = re.compile(r"(\d+) ([DWMY])")
DAYS = {"W": 7, "M": 30.4375, "Y": 365.25}
END = re.compile(r"(\d{8})(?:[ -]+(\d\d:\d\d:\d\d))?(?: +(\S+))?")
NO_DATA = "Historical Market Data Service error message:HMDS query returned no data: {}@{} {}"
INVALID = "Historical Market Data Service error message:{}"
NO_QUERY = "No historical data query found for ticker id:{}"
BAR_COUNT = 1000


class BadQuery(ValueError):
    """A request for bars that is not served."""


def end_instant(text: str, zone: ZoneInfo) -> datetime:
    """Read an end as ``20230602``, ``20230602-16:00:00`` (UTC) or ``20230602 16:00:00 US/Eastern``.

    A date alone means its end; a time without a zone is one of ``zone``.
    """
    match = END.fullmatch(text)
    if match is None:
        raise BadQuery(f"end {text!r} is no date and time")
    try:
        day = datetime.strptime(match[1], "%Y%m%d").date()  # noqa: DTZ007
        clock = time.fromisoformat(match[2]) if match[2] else time.max
        named = ZoneInfo(match[3]) if match[3] else UTC if "-" in text else zone
    except (ValueError, ZoneInfoNotFoundError):
        raise BadQuery(f"end {text!r} is no date and time") from None
    return datetime.combine(day, clock, named)


def within(bars: list[Bar], duration: str, last: date) -> list[Bar]:
    """Return the bars of a duration that ends with ``last``: ``n D`` counts sessions, ``n W|M|Y`` calendar time."""
    match = DURATION.fullmatch(duration)
    if match is None or not int(match[1]):
        raise BadQuery(f"duration {duration!r} is none of n D, n W, n M, n Y")
    bars = [bar for bar in bars if bar.session <= last]
    if match[2] == "D":
        return bars[-int(match[1]) :]
    first = last - timedelta(days=int(match[1]) * DAYS[match[2]])
    return [bar for bar in bars if bar.session > first]


def _historical_data(session: Session, fields: Fields) -> Request:
    request, query = fields.integer(), read_contract(fields)
    fields.skip()
    end, size, duration = fields.text(), fields.text(), fields.text()
    fields.skip()
    show = fields.text()
    fields.skip()  # form of dates, which days have one of
    updated = fields.flag()
    instrument = resolve(session.exchange.listing, query)

    def run(_: object) -> None:
        if instrument is None:
            session.error(request, *UNKNOWN_CONTRACT)
            return
        try:
            if updated:
                raise BadQuery("the sandbox keeps no bars up to date")
            bars = _bars(session, instrument, end, (size, duration, show))
        except (BadQuery, UnknownSession) as error:
            session.error(request, 162, INVALID.format(error))
            return
        if bars:
            _tell(session, request, bars)
        else:
            exchange = query.exchange or instrument.exchange
            session.error(request, 162, NO_DATA.format(instrument.symbol, exchange, show.title()))

    return Request(RequestFacts("history", symbol=named(query, instrument)), run, request)


def _bars(session: Session, instrument: Instrument, end: str, what: tuple[str, str, str]) -> list[Bar]:
    size, duration, show = what
    if size != DAILY:
        raise BadQuery(f"bar size {size!r}: the sandbox has daily bars only")
    if show not in ADJUSTMENTS:
        raise BadQuery(f"{show!r}: the sandbox has {' and '.join(ADJUSTMENTS)}")
    exchange, now = session.exchange, session.exchange.now()
    until = min(end_instant(end, session.venue.zone), now) if end else now
    bars = exchange.market.bars(instrument.symbol, now, ADJUSTMENTS[show])
    return within(bars, duration, exchange.hours.priced_session(until))


def _tell(session: Session, request: int, bars: list[Bar]) -> None:
    first, last = (f"{bar.session:%Y%m%d} 00:00:00 {session.venue.zone.key}" for bar in (bars[0], bars[-1]))
    session.send(17, request, first, last, len(bars), *(value for bar in bars for value in _row(bar)))


def _row(bar: Bar) -> tuple[Value, ...]:
    average = (bar.open + bar.close) / 2
    return (f"{bar.session:%Y%m%d}", bar.open, bar.high, bar.low, bar.close, bar.volume, average, BAR_COUNT)


def _cancel(session: Session, fields: Fields) -> Request:
    """Answer that there is nothing to end: bars are told at once."""
    fields.skip()
    request = fields.integer()
    return Request(
        RequestFacts("history_end"), lambda _: session.error(request, 366, NO_QUERY.format(request)), request
    )


REQUESTS: Mapping[int, Read] = {20: _historical_data, 25: _cancel}
