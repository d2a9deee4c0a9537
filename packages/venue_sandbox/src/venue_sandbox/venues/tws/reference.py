"""Message 9, contract details."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.exchange.instruments import Instrument, Kind
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import UNKNOWN_CONTRACT, contract_values, named, read_contract, resolve
from venue_sandbox.venues.tws.fault_injection import Request
from venue_sandbox.venues.tws.layouts import CONTRACT_DETAILS
from venue_sandbox.venues.tws.session import Read, Session

__all__ = ["REQUESTS"]

HOURS_DAYS = 6
STOCK_TYPES = {Kind.STOCK: "COMMON", Kind.ETF: "ETF"}


def _contract_details(session: Session, fields: Fields) -> Request:
    fields.skip()
    request, query = fields.integer(), read_contract(fields)
    instrument = resolve(session.exchange.listing, query)

    def run(_: object) -> None:
        if instrument is None:
            session.error(request, *UNKNOWN_CONTRACT)
            return
        _tell(session, request, instrument, query.exchange)
        session.send(52, 1, request)

    return Request(RequestFacts("contract", symbol=named(query, instrument)), run, request)


def _tell(session: Session, request: int, instrument: Instrument, exchange: str) -> None:
    hours = _trading_hours(session)
    values = {
        **contract_values(instrument, exchange or "SMART"),
        "reqId": request,
        "marketName": instrument.symbol,
        "minTick": instrument.tick,
        "validExchanges": f"SMART,{instrument.exchange}",
        "longName": f"{instrument.symbol} OF THE SANDBOX",
        "primaryExchange": instrument.exchange,
        "timeZone": session.exchange.hours.calendar.timezone.key,
        "tradingHours": hours,
        "liquidHours": hours,
        "stockType": STOCK_TYPES[instrument.kind],
        "minSize": instrument.lot,
        "sizeIncrement": instrument.lot,
    }
    session.send(*CONTRACT_DETAILS.fill(session.version, values))


def _trading_hours(session: Session) -> str:
    """Return the hours of the next days, exchange-local, as ``20230602:0930-20230602:1600;20230603:CLOSED``."""
    calendar, parts = session.exchange.hours.calendar, list[str]()
    for day in (session.exchange.today() + timedelta(days=n) for n in range(HOURS_DAYS)):
        if not calendar.is_session(day):
            parts.append(f"{day:%Y%m%d}:CLOSED")
            continue
        hours = calendar.hours(day)
        opens, closes = (at.astimezone(calendar.timezone) for at in (hours.open, hours.close))
        parts.append(f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}")
    return ";".join(parts)


REQUESTS: Mapping[int, Read] = {9: _contract_details}
