"""``/v2/orders``: place, list, show, cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from aiohttp import web

from venue_sandbox.exchange.exchange import InvalidTicket
from venue_sandbox.exchange.faults import DuplicateEvent, FillRacesCancel, RequestFacts, VenueFault
from venue_sandbox.exchange.order_faults import cuts_connections, enter, fill_at_once
from venue_sandbox.exchange.orders import Side, Ticket, VenueOrder
from venue_sandbox.venues.alpaca.assets import asset_document
from venue_sandbox.venues.alpaca.context import AlpacaVenue, text
from venue_sandbox.venues.alpaca.order_documents import order_document
from venue_sandbox.venues.alpaca.order_options import LIST_OPTIONS
from venue_sandbox.venues.alpaca.order_request import INVALID, PROBLEMS, UNPROCESSABLE, read_spec, ticket_of
from venue_sandbox.venues.alpaca.queries import page_of
from venue_sandbox.venues.http.connections import cut
from venue_sandbox.venues.http.faults import PHANTOM, DuplicateOrder, PhantomOrder
from venue_sandbox.venues.http.front import Endpoint, Refused
from venue_sandbox.venues.http.options import unserved

__all__ = ["UNIQUE", "order_endpoints"]

UNIQUE = "client_order_id must be unique"
BY_CLIENT = "Cancelled by the client"
FORBIDDEN, NOT_ALLOWED, NOT_FOUND = 403, 40310000, 40410000
LISTS = {"open": {False}, "closed": {True}, "all": {False, True}}
"""Which orders a list has: those that live, and those that are done."""
USUAL, MOST = 50, 500

Facts = Callable[[web.Request], Awaitable[RequestFacts]]


def order_endpoints(venue: AlpacaVenue) -> list[Endpoint]:
    """Return the endpoints about orders."""
    orders = Orders(venue)
    return [
        Endpoint("POST", "/v2/orders", orders.place, orders.facts_of_new),
        Endpoint("GET", "/v2/orders", orders.several, orders.facts("orders")),
        Endpoint("GET", "/v2/orders:by_client_order_id", orders.show, orders.facts("order")),
        Endpoint("GET", "/v2/orders/{order}", orders.show, orders.facts("order")),
        Endpoint("DELETE", "/v2/orders/{order}", orders.cancel, orders.facts("cancel")),
    ]


class Orders:
    """Answers requests about orders."""

    def __init__(self, venue: AlpacaVenue) -> None:
        self._venue = venue

    # --- what faults choose by -----------------------------------------------------------------------

    async def facts_of_new(self, request: web.Request) -> RequestFacts:
        """Return what an order that comes in says of itself."""
        account = self._venue.find_account(request) or ""
        try:
            spec = read_spec(await request.read())
        except Refused:
            return RequestFacts("submit", account)
        return RequestFacts("submit", account, spec.symbol, spec.client_order_id)

    def facts(self, operation: str) -> Facts:
        """Return the facts of requests that may name an order."""

        async def facts(request: web.Request) -> RequestFacts:
            account, order = self._venue.find_account(request) or "", self._find(request)
            if order is None:
                return RequestFacts(operation, account)
            return RequestFacts(operation, account, order.ticket.symbol, order.ticket.reference)

        return facts

    # --- changes -------------------------------------------------------------------------------------

    async def place(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """Enter an order."""
        account = self._venue.account_of(request)
        ticket = ticket_of(read_spec(await request.read()), account)
        self._refuse_used(ticket)
        self._refuse_unable(ticket)
        if isinstance(fault, PhantomOrder):
            return web.json_response(self._phantom(ticket))
        order = self._enter(ticket, fault)
        if isinstance(fault, DuplicateOrder):  # sent on twice: the second is refused
            if not fault.answered:
                return cut(request)
            self._refuse_used(ticket)
        return web.json_response(order_document(self._venue, order))

    async def cancel(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """End an order."""
        order = self._order_of(request)
        if isinstance(fault, FillRacesCancel):
            order = fill_at_once(self._venue.exchange, order.number)
        if order.status.done:
            state = order_document(self._venue, order)["status"]
            raise Refused(UNPROCESSABLE, f'order is already in "{state}" state', INVALID)
        self._venue.exchange.cancel(order.number, BY_CLIENT)
        return web.Response(status=204)

    # --- looks ---------------------------------------------------------------------------------------

    async def several(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """List orders of the account."""
        account, query = self._venue.account_of(request), request.query
        if why := unserved(query, LIST_OPTIONS):
            raise Refused(UNPROCESSABLE, why, INVALID)
        done = LISTS.get(query.get("status", "open"))
        if done is None:
            raise Refused(UNPROCESSABLE, f"invalid status: {query['status']}", INVALID)
        page = page_of(query, USUAL, MOST, "limit")
        symbols, side = query.get("symbols"), query.get("side")
        found = [
            order_document(self._venue, order)
            for order in self._venue.exchange.book.orders.values()
            if order.ticket.account == account
            and order.status.done in done
            and page.has(order.entered_at)
            and (symbols is None or order.ticket.symbol in symbols.split(","))
            and side in (None, order.ticket.side.value.lower())
        ]
        return web.json_response(page.cut(found))

    async def show(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """Show one order."""
        return web.json_response(order_document(self._venue, self._order_of(request)))

    # --- parts ---------------------------------------------------------------------------------------

    def _refuse_used(self, ticket: Ticket) -> None:
        """Refuse a client order id that an order of the account has, whatever became of it."""
        orders = self._venue.exchange.book.orders.values()
        used = ((order.ticket.account, order.ticket.reference) for order in orders)
        if (ticket.account, ticket.reference) in used:
            raise Refused(UNPROCESSABLE, UNIQUE, 40010001)

    def _refuse_unable(self, ticket: Ticket) -> None:
        """Refuse what account or asset do not allow."""
        flags, exchange = self._venue.accounts.get(ticket.account, {}), self._venue.exchange
        if flags.get("status", "ACTIVE") != "ACTIVE":
            raise Refused(FORBIDDEN, f"account is {flags.get('status')}", NOT_ALLOWED)
        blocked = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
        if any(flags.get(name) for name in blocked):
            raise Refused(FORBIDDEN, "account is not allowed to trade", NOT_ALLOWED)
        if flags.get("pattern_day_trader") and flags.get("daytrade_count", 0) > 3:
            raise Refused(FORBIDDEN, "trade denied due to pattern day trading protection", 40310100)
        instrument = exchange.listing.find(ticket.symbol)
        if instrument is None:
            raise Refused(UNPROCESSABLE, f'asset "{ticket.symbol}" not found', INVALID)
        asset = asset_document(self._venue, instrument)
        if not asset["tradable"] or asset["status"] != "active":
            raise Refused(UNPROCESSABLE, f"asset {ticket.symbol} is not tradable", INVALID)
        in_parts = ticket.quantity.is_finite() and ticket.quantity != ticket.quantity.to_integral_value()
        if in_parts and not asset["fractionable"]:
            raise Refused(FORBIDDEN, f"asset {ticket.symbol} is not fractionable", NOT_ALLOWED)
        try:
            reason = exchange.refusal(ticket)
        except InvalidTicket as invalid:
            raise Refused(UNPROCESSABLE, PROBLEMS[invalid.problem], INVALID) from None
        if reason:
            raise Refused(FORBIDDEN, self._words(ticket, reason), NOT_ALLOWED)

    def _words(self, ticket: Ticket, reason: str) -> str:
        """Return in Alpaca's words why an account cannot settle an order."""
        if ticket.side is Side.BUY:
            return "insufficient buying power" if "insufficient" in reason else reason
        free = self._venue.exchange.free_to_sell(ticket.account, ticket.symbol)
        asked = f"requested: {text(ticket.quantity)}, available: {text(max(free, Decimal(0)))}"
        return f"insufficient qty available for order ({asked})"

    def _enter(self, ticket: Ticket, fault: VenueFault | None) -> VenueOrder:
        front = self._venue.front
        order = enter(front.exchange, front.pacer, ticket, fault)
        if isinstance(fault, DuplicateEvent):
            front.twice.add(order.number)
        if cuts_connections(fault):
            front.cut.add(order.number)
        return order

    def _phantom(self, ticket: Ticket) -> dict[str, object]:
        """Return an order that is nowhere."""
        now = self._venue.exchange.now()
        order = VenueOrder(PHANTOM, ticket, now, None, ticket.quantity, ticket.limit, ticket.stop)
        return order_document(self._venue, order)

    def _order_of(self, request: web.Request) -> VenueOrder:
        """Return the order that a request names; `Refused` if the account has none like it."""
        account, order = self._venue.account_of(request), self._find(request)
        if order is None or order.ticket.account != account:
            raise Refused(404, "order not found", NOT_FOUND)
        return order

    def _find(self, request: web.Request) -> VenueOrder | None:
        """Return the order that a request names by its id, or by the client's; None if there is none."""
        named, client = request.match_info.get("order"), request.query.get("client_order_id")
        account = self._venue.find_account(request)
        return next(
            (
                order
                for order in reversed(self._venue.exchange.book.orders.values())
                if order.ticket.account == account
                and (self._venue.order_id(order) == named if named else order.ticket.reference == client)
            ),
            None,
        )
