"""Message 7, executions, and what is told of a fill: 11 execution, 59 commission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.exchange.orders import Execution, Side
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import STOCK, contract_values
from venue_sandbox.venues.tws.fault_injection import Request
from venue_sandbox.venues.tws.history import BadQuery, end_instant
from venue_sandbox.venues.tws.ids import client_of, order_id_of, permanent_id
from venue_sandbox.venues.tws.layouts import EXECUTION, UNSET_DOUBLE
from venue_sandbox.venues.tws.session import Read, Session

__all__ = ["REQUESTS", "tell_commission", "tell_execution"]

SIDES = {Side.BUY: "BOT", Side.SELL: "SLD"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which executions a client asks for; zero and empty texts mean any."""

    client: int
    account: str
    since: str
    symbol: str
    kind: str
    exchange: str
    side: str


def tell_execution(session: Session, request: int, execution: Execution) -> None:
    """Write message 11; ``request`` is -1 for a fill of just now."""
    exchange = session.exchange
    order = exchange.book.orders[execution.number]
    instrument = exchange.listing.instruments[execution.symbol]
    at = execution.at.astimezone(session.venue.zone)
    values = {
        **contract_values(instrument),
        "reqId": request,
        "orderId": order_id_of(order),
        "execId": execution.id,
        "time": f"{at:%Y%m%d %H:%M:%S} {session.venue.zone.key}",
        "account": execution.account,
        "venue": instrument.exchange,
        "side": SIDES[execution.side],
        "shares": execution.quantity,
        "price": execution.price,
        "permId": permanent_id(exchange, order),
        "clientId": client_of(order),
        "cumulative": execution.cumulative,
        "averagePrice": execution.average_price,
        "orderRef": order.ticket.reference,
    }
    session.send(*EXECUTION.fill(session.version, values))


def tell_commission(session: Session, execution: Execution) -> None:
    """Write message 59."""
    realized = UNSET_DOUBLE if execution.realized is None else execution.realized
    session.send(59, 1, execution.id, execution.commission, execution.currency, realized, UNSET_DOUBLE, "")


def _executions(session: Session, fields: Fields) -> Request:
    fields.skip()
    request = fields.integer()
    wanted = Wanted(fields.integer(), *(fields.text() for _ in range(6)))

    def run(_: object) -> None:
        try:
            since = end_instant(wanted.since, session.venue.zone) if wanted.since else None
        except BadQuery as error:
            session.error(request, 322, f"Error processing request.-'bZ' : cause - {error}")
            return
        for execution in session.exchange.book.executions:
            if _is_wanted(session, execution, wanted, since):
                tell_execution(session, request, execution)
                tell_commission(session, execution)
        session.send(55, 1, request)

    return Request(RequestFacts("executions", wanted.account, wanted.symbol), run, request)


def _is_wanted(session: Session, execution: Execution, wanted: Wanted, since: datetime | None) -> bool:
    """Whether an execution is one of today that a client asks for."""
    exchange = session.exchange
    order = exchange.book.orders[execution.number]
    instrument = exchange.listing.instruments[execution.symbol]
    return (
        exchange.hours.calendar.local_date(execution.at) == exchange.today()
        and (since is None or execution.at >= since)
        and wanted.client in (0, client_of(order))
        and wanted.account in ("", execution.account)
        and wanted.symbol in ("", execution.symbol)
        and wanted.kind in ("", STOCK)
        and wanted.exchange in ("", "SMART", instrument.exchange)
        and wanted.side in ("", execution.side.value, SIDES[execution.side])
    )


REQUESTS: Mapping[int, Read] = {7: _executions}
