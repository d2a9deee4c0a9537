"""Messages about orders: 3 place, 4 cancel, 58 cancel all, 5 and 16 open orders, 99 completed orders."""

from __future__ import annotations

from collections.abc import Mapping

from venue_sandbox.exchange.exchange import InvalidTicket
from venue_sandbox.exchange.faults import (
    DuplicateEvent,
    FillRacesCancel,
    Reject,
    RequestFacts,
    VenueFault,
)
from venue_sandbox.exchange.order_faults import cuts_connections, enter, fill_at_once
from venue_sandbox.exchange.orders import OrderStatus, Ticket, VenueOrder
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import named, resolve
from venue_sandbox.venues.tws.fault_injection import Request
from venue_sandbox.venues.tws.ids import client_of
from venue_sandbox.venues.tws.order_checks import PROBLEMS, Refused, ticket_of
from venue_sandbox.venues.tws.order_messages import STATUSES, tell_completed, tell_open, tell_status, tell_what_if
from venue_sandbox.venues.tws.order_request import OrderRequest, read_order
from venue_sandbox.venues.tws.session import Read, Session

__all__ = ["BY_CLIENT", "REQUESTS"]

BY_CLIENT = "Cancelled by Trader"
REJECTED = 201
DUPLICATE_ID = (103, "Duplicate order id")
NOT_FOUND = (10147, "OrderId {} that needs to be cancelled is not found.")
NOT_CANCELLABLE = (10148, "OrderId {} that needs to be cancelled can not be cancelled, state: {}.")
MISMATCH = (105, "Order being modified does not match the original order.")
TIF_PRESET = (10349, "Order TIF was set to DAY based on order preset.")
MARKET_CLOSED = (
    399,
    "Order Message:\n{} {} {} {}\n"
    "Warning: Your order will not be placed at the exchange until {:%Y-%m-%d %H:%M:%S} {}.",
)


def _place(session: Session, fields: Fields) -> Request:
    wish = read_order(fields, session.version)
    instrument = resolve(session.exchange.listing, wish.contract)
    facts = RequestFacts(_operation(session, wish), wish.account, named(wish.contract, instrument), wish.reference)

    def run(fault: VenueFault | None) -> None:
        try:
            ticket = ticket_of(session, wish, instrument)
            standing = session.venue.ids.find(session.client or 0, wish.order_id)
            if wish.what_if:
                _tell_cost(session, ticket)
            elif standing is not None and not standing.status.done:
                _modify(session, standing, ticket)
            elif wish.order_id < session.venue.ids.next_id(session.client or 0):
                raise Refused(*DUPLICATE_ID)
            else:
                _submit(session, ticket, fault, tif_was_set=bool(wish.time_in_force))
        except Refused as refused:
            session.error(wish.order_id, refused.code, refused.text)
        except InvalidTicket as invalid:
            session.error(wish.order_id, *PROBLEMS[invalid.problem])

    return Request(facts, run, wish.order_id)


def _operation(session: Session, wish: OrderRequest) -> str:
    if wish.what_if:
        return "what_if"
    standing = session.venue.ids.find(session.client or 0, wish.order_id)
    return "submit" if standing is None or standing.status.done else "modify"


def _submit(session: Session, ticket: Ticket, fault: VenueFault | None, *, tif_was_set: bool) -> None:
    venue, order_id = session.venue, int(ticket.client_order)
    if isinstance(fault, DuplicateEvent):
        venue.twice.add((ticket.client, ticket.client_order))
    order = enter(venue.exchange, venue.pacer, ticket, fault)
    if cuts_connections(fault):
        venue.cut.add(order.number)
    receiver = venue.owner(order) or session
    if order.status is OrderStatus.REJECTED:
        _send_rejection(receiver, order, error_first=isinstance(fault, Reject) and fault.error_first)
        return
    if not tif_was_set:
        receiver.error(order_id, *TIF_PRESET)
    if not venue.exchange.is_open():
        receiver.error(order_id, *_market_closed(receiver, order))


def _send_rejection(session: Session, order: VenueOrder, *, error_first: bool) -> None:
    """Tell of a rejection; clients read the same three messages differently in the two sequences."""
    reject = (int(order.ticket.client_order), REJECTED, f"Order rejected - reason:{order.reason}")
    if not session.hears(order):
        return
    if error_first:
        session.error(*reject)
    tell_open(session, order)
    tell_status(session, order)
    if not error_first:
        session.error(*reject)


def _market_closed(session: Session, order: VenueOrder) -> tuple[int, str]:
    exchange, ticket = session.exchange, order.ticket
    zone = exchange.hours.calendar.timezone
    opening = exchange.hours.opening(exchange.hours.trading_session(exchange.now())).astimezone(zone)
    venue = exchange.listing.instruments[ticket.symbol].exchange
    code, text = MARKET_CLOSED
    return code, text.format(ticket.side.value, order.quantity, ticket.symbol, venue, opening, zone.key)


def _modify(session: Session, standing: VenueOrder, ticket: Ticket) -> None:
    """Change a working order; the same order sent again changes nothing and is answered like a change."""
    if _kind(standing.ticket) != _kind(ticket):
        raise Refused(*MISMATCH)
    session.silenced.discard(standing.number)
    session.exchange.amend(standing.number, ticket.quantity, ticket.limit)


def _kind(ticket: Ticket) -> tuple[object, ...]:
    """Return what a change must leave as it is."""
    return ticket.account, ticket.symbol, ticket.side, ticket.order_type, ticket.time_in_force, ticket.reference


def _tell_cost(session: Session, ticket: Ticket) -> None:
    """Answer what an order would cost, unless it makes no order."""
    exchange = session.exchange
    exchange.check(ticket)
    order = VenueOrder(0, ticket, exchange.now(), None, ticket.quantity, ticket.limit)
    price = ticket.limit or exchange.market.last(exchange.listing.instruments[ticket.symbol], exchange.now())
    tell_what_if(session, order, price)


def _cancel(session: Session, fields: Fields) -> Request:
    fields.skip()
    order_id = fields.integer()
    found = session.venue.ids.find(session.client or 0, order_id)
    ticket = found.ticket if found is not None else None
    chosen = (ticket.account, ticket.symbol, ticket.reference) if ticket is not None else ()

    def run(fault: VenueFault | None) -> None:
        order = session.venue.ids.find(session.client or 0, order_id)
        if order is None:
            session.error(order_id, NOT_FOUND[0], NOT_FOUND[1].format(order_id))
            return
        session.silenced.discard(order.number)
        if isinstance(fault, FillRacesCancel):
            order = fill_at_once(session.exchange, order.number)
        if order.status.done:
            session.error(order_id, NOT_CANCELLABLE[0], NOT_CANCELLABLE[1].format(order_id, STATUSES[order.status]))
        else:
            session.exchange.cancel(order.number, BY_CLIENT)

    return Request(RequestFacts("cancel", *chosen), run, order_id)


def _cancel_all(session: Session, fields: Fields) -> Request:
    def run(_: object) -> None:
        for order in session.exchange.book.live():
            session.exchange.cancel(order.number, BY_CLIENT)

    return Request(RequestFacts("cancel_all"), run)


def _open_orders(session: Session, fields: Fields) -> Request:
    return Request(RequestFacts("open_orders"), lambda _: _tell_open_orders(session, own_only=True))


def _all_open_orders(session: Session, fields: Fields) -> Request:
    return Request(RequestFacts("all_open_orders"), lambda _: _tell_open_orders(session, own_only=False))


def _tell_open_orders(session: Session, *, own_only: bool) -> None:
    for order in session.exchange.book.live():
        if not own_only or client_of(order) == session.client:
            tell_open(session, order)
            tell_status(session, order)
    session.send(53, 1)


def _completed_orders(session: Session, fields: Fields) -> Request:
    def run(_: object) -> None:
        local_date = session.exchange.hours.calendar.local_date
        for order in session.exchange.book.orders.values():
            if order.closed_at is not None and local_date(order.closed_at) == session.exchange.today():
                tell_completed(session, order)
        session.send(102)

    return Request(RequestFacts("completed_orders"), run)


REQUESTS: Mapping[int, Read] = {
    3: _place,
    4: _cancel,
    5: _open_orders,
    16: _all_open_orders,
    58: _cancel_all,
    99: _completed_orders,
}
