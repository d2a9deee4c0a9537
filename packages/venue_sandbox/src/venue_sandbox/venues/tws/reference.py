"""Message 9, contract details."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.exchange.instruments import Instrument, Kind
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import (
    UNKNOWN_CONTRACT,
    contract_values,
    identified,
    isin,
    named,
    read_contract,
    resolve,
)
from venue_sandbox.venues.tws.fault_injection import Request
from venue_sandbox.venues.tws.layouts import CONTRACT_DETAILS
from venue_sandbox.venues.tws.session import Read, Session

__all__ = ["REQUESTS"]

HOURS_DAYS = 35
BEFORE_OPEN, AFTER_CLOSE = timedelta(hours=5, minutes=30), timedelta(hours=4)
"""How much longer than the sandbox the real exchange trades; the sandbox takes no order for these hours."""
STOCK_TYPES = {Kind.STOCK: "COMMON", Kind.ETF: "ETF"}


def _contract_details(session: Session, fields: Fields) -> Request:
    fields.skip()
    request, query = fields.integer(), read_contract(fields)
    fields.skip()  # expired contracts, of which shares have none
    query = identified(query, fields)
    instrument = resolve(session.exchange.listing, query)

    def run(_: object) -> None:
        if instrument is None:
            session.error(request, *UNKNOWN_CONTRACT)
            return
        _tell(session, request, instrument, query.exchange)
        session.send(52, 1, request)

    return Request(RequestFacts("contract", symbol=named(query, instrument)), run, request)


def _tell(session: Session, request: int, instrument: Instrument, exchange: str) -> None:
    values = {
        **contract_values(instrument, exchange or "SMART"),
        "reqId": request,
        "marketName": instrument.symbol,
        "minTick": instrument.tick,
        "validExchanges": f"SMART,{instrument.exchange}",
        "longName": f"{instrument.symbol} OF THE SANDBOX",
        "primaryExchange": instrument.exchange,
        "timeZone": session.exchange.hours.calendar.timezone.key,
        "tradingHours": _hours(session, BEFORE_OPEN, AFTER_CLOSE),
        "liquidHours": _hours(session, timedelta(0), timedelta(0)),
        "stockType": STOCK_TYPES[instrument.kind],
        "isin": isin(instrument),
        "minSize": instrument.lot,
        "sizeIncrement": instrument.lot,
    }
    session.send(*CONTRACT_DETAILS.fill(session.version, values))


def _hours(session: Session, before: timedelta, after: timedelta) -> str:
    """Return the hours of the next days, exchange-local, as ``20230602:0930-20230602:1600;20230603:CLOSED``."""
    calendar, today = session.exchange.hours.calendar, session.exchange.today()
    days = (today + timedelta(days=n) for n in range(HOURS_DAYS))
    parts = list[str]()
    for day in (day for day in days if day <= calendar.table.last):
        if not calendar.is_session(day):
            parts.append(f"{day:%Y%m%d}:CLOSED")
            continue
        hours = calendar.hours(day)
        opens, closes = (at.astimezone(calendar.timezone) for at in (hours.open - before, hours.close + after))
        parts.append(f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}")
    return ";".join(parts)


REQUESTS: Mapping[int, Read] = {9: _contract_details}
