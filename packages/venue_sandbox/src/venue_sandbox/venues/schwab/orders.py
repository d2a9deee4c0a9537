"""Orders: place, list, show, cancel, replace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web

from venue_sandbox.exchange.exchange import InvalidTicket
from venue_sandbox.exchange.faults import DuplicateEvent, FillRacesCancel, RequestFacts, VenueFault
from venue_sandbox.exchange.order_faults import cuts_connections, enter, fill_at_once
from venue_sandbox.exchange.orders import Ticket, VenueOrder
from venue_sandbox.venues.http.connections import cut
from venue_sandbox.venues.http.faults import PHANTOM, DuplicateOrder, PhantomOrder
from venue_sandbox.venues.http.front import Endpoint, Refused, named
from venue_sandbox.venues.schwab.context import SchwabContext, account_hash, order_id
from venue_sandbox.venues.schwab.faults import MissingLocation, WrongLocation
from venue_sandbox.venues.schwab.order_documents import REPLACED, order_document, status_of
from venue_sandbox.venues.schwab.order_request import PROBLEMS, read_spec, ticket_of

__all__ = ["order_endpoints"]

ORDERS = "/trader/v1/accounts/{hash}/orders"
LOCATION = "https://api.schwabapi.com/trader/v1/accounts/{}/orders/{}"
"""Clients look for the production host in it, wherever they sent the order."""
BY_CLIENT = "Cancelled by the client"
MOST_ORDERS = 3000

Facts = Callable[[web.Request], Awaitable[RequestFacts]]


def order_endpoints(context: SchwabContext) -> list[Endpoint]:
    """Return the endpoints about orders."""
    orders = Orders(context)
    return [
        Endpoint("POST", ORDERS, orders.place, orders.facts_of_new),
        Endpoint("GET", ORDERS, orders.list_of_account, orders.facts("orders")),
        Endpoint("GET", "/trader/v1/orders", orders.list_of_all, named("orders")),
        Endpoint("GET", f"{ORDERS}/{{order}}", orders.show, orders.facts("order")),
        Endpoint("DELETE", f"{ORDERS}/{{order}}", orders.cancel, orders.facts("cancel")),
        Endpoint("PUT", f"{ORDERS}/{{order}}", orders.replace, orders.facts("replace")),
    ]


class Orders:
    """Answers requests about orders."""

    def __init__(self, context: SchwabContext) -> None:
        self._context = context

    # --- what faults choose by -----------------------------------------------------------------------

    async def facts_of_new(self, request: web.Request) -> RequestFacts:
        """Return account and symbol of an order that comes in, as far as it names them."""
        account = self._context.find_account(request) or ""
        try:
            return RequestFacts("submit", account, read_spec(await request.read()).leg.instrument.symbol)
        except Refused:
            return RequestFacts("submit", account)

    def facts(self, operation: str) -> Facts:
        """Return the facts of requests that name an account, and perhaps an order."""

        async def facts(request: web.Request) -> RequestFacts:
            return self._context.order_facts(request, operation)

        return facts

    # --- changes -------------------------------------------------------------------------------------

    async def place(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """Enter an order."""
        account = self._context.account_of(request)
        self._count(account)
        ticket = ticket_of(read_spec(await request.read()), account)
        if isinstance(fault, PhantomOrder):
            return self._taken(account, order_id(self._context.exchange, PHANTOM))
        order = self._enter(ticket, fault)
        if isinstance(fault, DuplicateOrder):
            order = self._enter(ticket, None)
            if not fault.answered:
                return cut(request)
        return self._created(order, fault)

    async def cancel(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """End an order."""
        order = self._context.order_of(request)
        self._count(order.ticket.account)
        if isinstance(fault, FillRacesCancel):
            order = fill_at_once(self._context.exchange, order.number)
        self._refuse_if_done(order, "canceled")
        self._context.exchange.cancel(order.number, BY_CLIENT)
        return web.Response(status=200)

    async def replace(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """End an order and enter another in its place."""
        old = self._context.order_of(request)
        self._count(old.ticket.account)
        ticket = ticket_of(read_spec(await request.read()), old.ticket.account)
        self._refuse_if_done(old, "replaced")
        if (ticket.symbol, ticket.side) != (old.ticket.symbol, old.ticket.side):
            raise Refused(400, "An order is replaced by one of the same symbol and instruction")
        try:
            self._context.exchange.check(ticket)
        except InvalidTicket as invalid:
            raise Refused(400, PROBLEMS[invalid.problem]) from None
        self._context.exchange.cancel(old.number, REPLACED)
        return self._created(self._enter(ticket, fault), fault)

    # --- looks ---------------------------------------------------------------------------------------

    async def list_of_account(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """List the orders of an account."""
        account = self._context.account_of(request)
        return self._list(request, lambda order: order.ticket.account == account)

    async def list_of_all(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """List the orders of all accounts."""
        return self._list(request, lambda _: True)

    async def show(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """Show one order."""
        return web.json_response(self._document(self._context.order_of(request)))

    # --- parts ---------------------------------------------------------------------------------------

    def _count(self, account: str) -> None:
        if not self._context.limit.admits(account):
            raise Refused(429, "Too many requests: the limit of orders per minute is reached")

    def _enter(self, ticket: Ticket, fault: VenueFault | None) -> VenueOrder:
        venue = self._context.venue
        try:
            order = enter(venue.exchange, venue.pacer, ticket, fault)
        except InvalidTicket as invalid:
            raise Refused(400, PROBLEMS[invalid.problem]) from None
        if isinstance(fault, DuplicateEvent):
            venue.twice.add(order.number)
        if cuts_connections(fault):
            venue.cut.add(order.number)
        return order

    def _created(self, order: VenueOrder, fault: VenueFault | None) -> web.Response:
        named = order_id(self._context.exchange, order.number)
        if isinstance(fault, WrongLocation):
            named = fault.order_id or named + PHANTOM
        return self._taken(order.ticket.account, None if isinstance(fault, MissingLocation) else named)

    def _taken(self, account: str, named: int | None) -> web.Response:
        """Say that an order was made, and which."""
        location = LOCATION.format(account_hash(self._context.exchange, account), named)
        return web.Response(status=201, headers={} if named is None else {"Location": location})

    def _refuse_if_done(self, order: VenueOrder, done: str) -> None:
        if order.status.done:
            status = status_of(self._context.exchange, order)
            raise Refused(400, f"Order cannot be {done}: its status is {status}")

    def _document(self, order: VenueOrder) -> dict[str, object]:
        twice = order.number in self._context.venue.twice
        return order_document(self._context.exchange, order, twice=twice)

    def _list(self, request: web.Request, chosen: Callable[[VenueOrder], bool]) -> web.Response:
        """Answer with the orders that were entered in a span of time, the newest first."""
        since, until = (_instant(request, name) for name in ("fromEnteredTime", "toEnteredTime"))
        status = request.query.get("status")
        most = request.query.get("maxResults", str(MOST_ORDERS))
        if not most.isdecimal():
            raise Refused(400, "maxResults is no number")
        found = [
            self._document(order)
            for order in reversed(self._context.exchange.book.orders.values())
            if chosen(order)
            and since <= order.entered_at.replace(microsecond=0) <= until
            and status in (None, status_of(self._context.exchange, order))
        ]
        return web.json_response(found[: int(most)])


def _instant(request: web.Request, name: str) -> datetime:
    try:
        instant = datetime.fromisoformat(request.query.get(name, ""))
    except ValueError:
        raise Refused(400, f"{name} is no instant like 2023-06-02T15:00:00.000Z") from None
    if instant.tzinfo is None:
        raise Refused(400, f"{name} has no zone")
    return instant
