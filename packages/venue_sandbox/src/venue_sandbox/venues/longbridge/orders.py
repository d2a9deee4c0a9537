"""Orders and executions over HTTP: submit, change, cancel, show, list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from aiohttp import web

from venue_sandbox.exchange.exchange import InvalidTicket
from venue_sandbox.exchange.faults import DuplicateEvent, FillRacesCancel, RequestFacts, VenueFault
from venue_sandbox.exchange.order_faults import cuts_connections, enter, fill_at_once
from venue_sandbox.exchange.orders import Execution, OrderType, Ticket, VenueOrder
from venue_sandbox.venues.http.connections import cut
from venue_sandbox.venues.http.faults import PHANTOM, DuplicateOrder, PhantomOrder
from venue_sandbox.venues.http.front import Endpoint, Refused
from venue_sandbox.venues.longbridge.context import LongBridgeContext, data, order_id
from venue_sandbox.venues.longbridge.order_documents import execution_document, order_detail, order_document, status_of
from venue_sandbox.venues.longbridge.order_request import (
    INVALID,
    NO_PRICE,
    Change,
    Submission,
    read_body,
    refusal,
    ticket_of,
)
from venue_sandbox.venues.longbridge.symbols import market_of, named, symbol_of

__all__ = ["REPLAY_WINDOW", "order_endpoints"]

ORDER = "/v1/trade/order"
EXECUTION = "/v1/trade/execution"
REPLAY_WINDOW = timedelta(minutes=10)
"""How long the same client_request_id returns the same order, by the venue's clock."""
BY_CLIENT = "Cancelled by the client"
NOT_NOW = 603001
SIDES = ("Buy", "Sell")

Facts = Callable[[web.Request], Awaitable[RequestFacts]]


def order_endpoints(context: LongBridgeContext) -> list[Endpoint]:
    """Return the endpoints about orders and executions."""
    orders = Orders(context)
    return [
        Endpoint("POST", ORDER, orders.submit, orders.facts_of_new),
        Endpoint("PUT", ORDER, orders.change, orders.facts_of_change),
        Endpoint("DELETE", ORDER, orders.cancel, orders.facts("cancel")),
        Endpoint("GET", ORDER, orders.show, orders.facts("order")),
        Endpoint("GET", f"{ORDER}/today", orders.list_today, orders.facts("orders")),
        Endpoint("GET", f"{ORDER}/history", orders.list_before, orders.facts("order_history")),
        Endpoint("GET", f"{EXECUTION}/today", orders.executions_today, orders.facts("executions")),
        Endpoint("GET", f"{EXECUTION}/history", orders.executions_before, orders.facts("execution_history")),
    ]


class Orders:
    """Answers requests about orders and executions."""

    def __init__(self, context: LongBridgeContext) -> None:
        self._context = context

    # --- what faults choose by -----------------------------------------------------------------------

    async def facts_of_new(self, request: web.Request) -> RequestFacts:
        """Return account, symbol and remark of an order that comes in, as far as it names them."""
        account = self._context.named_account(request)
        try:
            wish = read_body(Submission, await request.read())
        except Refused:
            return RequestFacts("submit", account)
        return RequestFacts("submit", account, symbol_of(wish.symbol), wish.remark)

    async def facts_of_change(self, request: web.Request) -> RequestFacts:
        """Return account, symbol and remark of an order that is changed."""
        try:
            return self._facts(request, "replace", read_body(Change, await request.read()).order_id)
        except Refused:
            return self._facts(request, "replace", "")

    def facts(self, operation: str) -> Facts:
        """Return the facts of requests that name an order in their query, or none."""

        async def facts(request: web.Request) -> RequestFacts:
            return self._facts(request, operation, request.query.get("order_id", ""))

        return facts

    def _facts(self, request: web.Request, operation: str, wanted: str) -> RequestFacts:
        account, order = self._context.named_account(request), self._context.find_order(wanted)
        ticket = None if order is None else order.ticket
        return RequestFacts(operation, account, *([] if ticket is None else [ticket.symbol, ticket.reference]))

    # --- changes -------------------------------------------------------------------------------------

    async def submit(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """Enter an order; the same client_request_id within its window returns the order there is."""
        wish = read_body(Submission, await request.read())
        ticket = ticket_of(wish, self._context.named_account(request))
        order = self._replayed(ticket)
        if isinstance(fault, PhantomOrder):
            return data({"order_id": order_id(self._context.exchange, PHANTOM)})
        if order is None:
            order = self._enter(ticket, fault)
            if isinstance(fault, DuplicateOrder) and not ticket.client_order:
                order = self._enter(ticket, None)
                if not fault.answered:
                    return cut(request)
        return data({"order_id": order_id(self._context.exchange, order.number)})

    async def change(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """Change quantity and price of an order."""
        wish = read_body(Change, await request.read())
        order = self._context.order_of(request, wish.order_id)
        self._refuse_if_done(order)
        if order.ticket.order_type is OrderType.MARKET and wish.price is not None:
            raise Refused(400, NO_PRICE, INVALID)
        try:
            self._context.exchange.amend(order.number, wish.quantity, order.limit if wish.price is None else wish.price)
        except InvalidTicket as invalid:
            raise refusal(invalid) from None
        return data({})

    async def cancel(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """End an order."""
        order = self._context.order_of(request, request.query.get("order_id", ""))
        if isinstance(fault, FillRacesCancel):
            order = fill_at_once(self._context.exchange, order.number)
        self._refuse_if_done(order)
        self._context.exchange.cancel(order.number, BY_CLIENT)
        return data({})

    # --- looks ---------------------------------------------------------------------------------------

    async def show(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """Show one order with its fills."""
        order = self._context.order_of(request, request.query.get("order_id", ""))
        return data(order_detail(self._context.exchange, order))

    async def list_today(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """List the orders that were entered or ended today, or still live."""
        chosen = [order for order in self._orders(request) if self._is_of_today(order)]
        return data({"orders": [order_document(self._context.exchange, order) for order in chosen]})

    async def list_before(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """List the orders that were entered in a span of time before today."""
        since, until = _span(request)
        chosen = [
            order
            for order in self._orders(request)
            if since <= order.entered_at <= until and not self._is_today(order.entered_at)
        ]
        documents = [order_document(self._context.exchange, order) for order in chosen]
        return data({"orders": documents, "has_more": False})

    async def executions_today(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """List the fills of today."""
        return self._executions(request, lambda fill: self._is_today(fill.at))

    async def executions_before(self, request: web.Request, fault: VenueFault | None) -> web.Response:
        """List the fills in a span of time before today."""
        since, until = _span(request)
        return self._executions(request, lambda fill: since <= fill.at <= until and not self._is_today(fill.at))

    # --- parts ---------------------------------------------------------------------------------------

    def _replayed(self, ticket: Ticket) -> VenueOrder | None:
        if not ticket.client_order:
            return None
        since = self._context.exchange.now() - REPLAY_WINDOW
        for order in reversed(self._context.exchange.book.orders.values()):
            same = (order.ticket.account, order.ticket.client_order) == (ticket.account, ticket.client_order)
            if same and order.entered_at >= since:
                return order
        return None

    def _enter(self, ticket: Ticket, fault: VenueFault | None) -> VenueOrder:
        venue = self._context.venue
        if isinstance(fault, DuplicateEvent):
            venue.twice.add(len(venue.exchange.book.orders) + 1)
        try:
            order = enter(venue.exchange, venue.pacer, ticket, fault)
        except InvalidTicket as invalid:
            raise refusal(invalid) from None
        if cuts_connections(fault):
            venue.cut.add(order.number)
        return order

    def _refuse_if_done(self, order: VenueOrder) -> None:
        if order.status.done:
            raise Refused(400, f"the order is done: {status_of(self._context.exchange, order)}", NOT_NOW)

    def _is_today(self, at: datetime) -> bool:
        exchange = self._context.exchange
        return exchange.hours.calendar.local_date(at) == exchange.today()

    def _is_of_today(self, order: VenueOrder) -> bool:
        return not order.status.done or any(map(self._is_today, filter(None, (order.entered_at, order.closed_at))))

    def _orders(self, request: web.Request) -> list[VenueOrder]:
        """Return the account's orders that the query asks for, the newest first."""
        query, account = request.query, self._context.named_account(request)
        statuses = query.getall("status", [])
        side = query.get("side")
        if side is not None and side not in SIDES:
            raise Refused(400, f"side {side} is none of {', '.join(SIDES)}", INVALID)
        return [
            order
            for order in reversed(self._context.exchange.book.orders.values())
            if order.ticket.account == account
            and query.get("symbol", named(order.ticket.symbol)) == named(order.ticket.symbol)
            and query.get("market", market_of(order.ticket.symbol)) == market_of(order.ticket.symbol)
            and (side is None or side.upper() == order.ticket.side.name)
            and (not statuses or status_of(self._context.exchange, order) in statuses)
            and query.get("order_id", order_id(self._context.exchange, order.number))
            == order_id(self._context.exchange, order.number)
        ]

    def _executions(self, request: web.Request, chosen: Callable[[Execution], bool]) -> web.Response:
        query, account = request.query, self._context.named_account(request)
        exchange = self._context.exchange
        documents = [
            execution_document(exchange, fill)
            for fill in exchange.book.executions
            if fill.account == account
            and chosen(fill)
            and query.get("symbol", named(fill.symbol)) == named(fill.symbol)
            and query.get("order_id", order_id(exchange, fill.number)) == order_id(exchange, fill.number)
        ]
        return data({"trades": documents, "has_more": False})


def _span(request: web.Request) -> tuple[datetime, datetime]:
    """Return the span of time of a query; without one, all time."""
    begin, end = request.query.get("start_at", "0"), request.query.get("end_at", "9999999999")
    try:
        return datetime.fromtimestamp(int(begin), UTC), datetime.fromtimestamp(int(end), UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused(400, "start_at or end_at is no epoch second", 602001) from None
