"""Tells the connected clients what happens at the exchange, and carries out the changes that concern connections."""

from __future__ import annotations

from venue_sandbox.exchange.changes import change
from venue_sandbox.exchange.faults import Disconnect, VenueFault
from venue_sandbox.exchange.orders import Execution, OrderStatus, VenueOrder
from venue_sandbox.servers.faults import FaultError
from venue_sandbox.venues.tws.accounts import push_account
from venue_sandbox.venues.tws.executions import tell_commission, tell_execution
from venue_sandbox.venues.tws.fault_injection import NO_REQUEST
from venue_sandbox.venues.tws.faults import IdRollback, MarketData, Message, text_of
from venue_sandbox.venues.tws.ids import order_id_of
from venue_sandbox.venues.tws.order_messages import tell_open, tell_status
from venue_sandbox.venues.tws.orders import BY_CLIENT
from venue_sandbox.venues.tws.profits import push_profits
from venue_sandbox.venues.tws.quotes import push_price
from venue_sandbox.venues.tws.session import Session, Venue

__all__ = ["Pusher", "change_gateway"]

CANCELLED = 202


class Pusher:
    """Observes an exchange and tells its clients, each of them what it may hear."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def order_changed(self, order: VenueOrder) -> None:
        """Tell an order's client; a rejection is told by who received the order."""
        session = self._listener(order)
        if session is None or order.status is OrderStatus.REJECTED:
            return
        for _ in range(self._times(order)):
            if not order.status.done:
                tell_open(session, order)
            tell_status(session, order)
            if order.status.done:
                reason = "" if order.reason == BY_CLIENT else order.reason
                session.error(order_id_of(order), CANCELLED, f"Order Canceled - reason:{reason}")

    def executed(self, order: VenueOrder, execution: Execution) -> None:
        """Tell an order's client of a fill, and everybody of the position it leaves."""
        session = self._listener(order)
        if session is not None:
            for _ in range(self._times(order)):
                tell_execution(session, NO_REQUEST, execution)
                tell_open(session, order)
                tell_status(session, order)
                tell_commission(session, execution)
        self.account_changed(execution.account, execution.symbol)
        if order.number in self._venue.cut and order.hold is not None and order.filled >= order.hold.up_to:
            self._venue.cut.discard(order.number)
            if session is not None:
                session.abort()

    def account_changed(self, account: str, symbol: str | None) -> None:
        """Tell everybody who has subscribed to the account or to positions."""
        for session in self._venue.sessions.values():
            push_account(session, account, symbol)
            push_profits(session, account)

    def price_changed(self, symbol: str) -> None:
        """Tell everybody who has subscribed to the symbol's prices."""
        for session in self._venue.sessions.values():
            push_price(session, symbol)
            push_profits(session, symbol=symbol)

    def _listener(self, order: VenueOrder) -> Session | None:
        session = self._venue.owner(order)
        return session if session is not None and session.hears(order) else None

    def _times(self, order: VenueOrder) -> int:
        return 2 if (order.ticket.client, order.ticket.client_order) in self._venue.twice else 1


def change_gateway(venue: Venue, fault: VenueFault) -> None:
    """Carry out a change: one of the Gateway's own, or one of every venue.

    Raises
    ------
    FaultError
        It names what is not there.
    """
    match fault:
        case Disconnect():
            _disconnect(venue, fault)
        case IdRollback():
            venue.ids.roll_back(fault.next_id)
        case Message():
            for session in venue.sessions.values():
                session.error(NO_REQUEST, fault.code, text_of(fault))
        case MarketData():
            if fault.symbol is None:
                venue.market_data.clear()
            venue.market_data[fault.symbol] = fault.state
        case _:
            change(venue.exchange, fault)


def _disconnect(venue: Venue, fault: Disconnect) -> None:
    if fault.client is not None and not fault.client.isdecimal():
        raise FaultError(f"client {fault.client!r} is no client id")
    for client, session in list(venue.sessions.items()):
        if fault.client in (None, str(client)):
            session.close() if fault.graceful else session.abort()
