"""What a fault does to the order that it hits, whatever the front."""

from __future__ import annotations

from decimal import Decimal

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import LateFill, PartialFill, Reject, Unfilled, VenueFault
from venue_sandbox.exchange.orders import Hold, Ticket, VenueOrder
from venue_sandbox.exchange.pacing import Pacer

__all__ = ["cuts_connections", "enter", "fill_at_once"]


def enter(exchange: Exchange, pacer: Pacer, ticket: Ticket, fault: VenueFault | None) -> VenueOrder:
    """Enter an order as the fault says; raises `InvalidTicket` if it makes no order."""
    instrument = exchange.listing.find(ticket.symbol)
    hold = None
    if isinstance(fault, Unfilled):
        hold = Hold(Decimal(0))
    elif isinstance(fault, PartialFill) and instrument is not None and ticket.quantity.is_finite():
        hold = Hold(instrument.in_lots(ticket.quantity * fault.share), then_cancel=fault.then == "cancel")
    order = exchange.submit(ticket, hold=hold, reject=fault.reason if isinstance(fault, Reject) else "")
    if isinstance(fault, LateFill):
        pacer.hold_back(order.number, fault.seconds)
    return order


def cuts_connections(fault: VenueFault | None) -> bool:
    """Whether connections end when the order has filled as far as the fault lets it."""
    return isinstance(fault, PartialFill) and fault.then == "disconnect"


def fill_at_once(exchange: Exchange, number: int) -> VenueOrder:
    """Let an order trade all it can, as when its fill overtakes a cancel."""
    if not exchange.book.orders[number].status.done:
        exchange.release(number)
        exchange.work(number)
        while not exchange.book.orders[number].status.done and exchange.match(number):
            pass
    return exchange.book.orders[number]
