"""Carries out the changes that concern connections, and cuts them when an order has filled in part."""

from __future__ import annotations

from venue_sandbox.exchange.changes import change
from venue_sandbox.exchange.faults import Disconnect, VenueFault
from venue_sandbox.exchange.orders import Execution, VenueOrder
from venue_sandbox.venues.http.faults import HalfOpen
from venue_sandbox.venues.http.front import Venue

__all__ = ["Cutter", "change_front"]

NEXT_REQUEST = {"kind": "drop_before", "operation": "*"}


class Cutter:
    """Observes an exchange; when an order of ``Venue.cut`` has filled as far as it may, the client is cut off.

    Its connections are reset, and so is the next one, as clients open new ones by themselves.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def executed(self, order: VenueOrder, execution: Execution) -> None:
        """Cut the client off, if it is time to."""
        if order.number in self._venue.cut and order.hold is not None and order.filled >= order.hold.up_to:
            self._venue.cut.discard(order.number)
            self._venue.connections.close(graceful=False)
            self._venue.faults.arm(NEXT_REQUEST)

    def order_changed(self, order: VenueOrder) -> None:
        """Nothing to do."""

    def account_changed(self, account: str, symbol: str | None) -> None:
        """Nothing to do."""

    def price_changed(self, symbol: str) -> None:
        """Nothing to do."""


def change_front(venue: Venue, fault: VenueFault) -> None:
    """Carry out a change that every HTTP front knows; `FaultError` if it names what is not there."""
    match fault:
        case Disconnect():
            venue.connections.close(graceful=fault.graceful)
        case HalfOpen():
            venue.connections.deaden()
        case _:
            change(venue.exchange, fault)
