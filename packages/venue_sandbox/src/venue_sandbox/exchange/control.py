"""The control endpoint of a venue: faults and counts as everywhere, and a look at the book and the journal.

``GET /_control/book`` shows the clock, accounts, orders, executions and quotes; ``GET /_control/journal`` the journal's
lines.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from venue_sandbox.exchange.accounts import Account
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFaults
from venue_sandbox.exchange.orders import Execution, VenueOrder
from venue_sandbox.servers.control import CONTROL, fault_routes

__all__ = ["book_document", "venue_control"]

_ACCOUNTS = TypeAdapter(list[Account])
_ORDERS = TypeAdapter(list[VenueOrder])
_EXECUTIONS = TypeAdapter(list[Execution])


def venue_control(exchange: Exchange, faults: VenueFaults) -> web.Application:
    """Return the control endpoint of a venue."""

    async def show(request: web.Request) -> web.Response:
        return web.json_response(book_document(exchange))

    async def dump(request: web.Request) -> web.Response:
        return web.json_response(exchange.journal.lines())

    application = web.Application()
    application.add_routes(fault_routes(faults.arm, faults.clear, faults.requests))
    application.add_routes([web.get(f"{CONTROL}book", show), web.get(f"{CONTROL}journal", dump)])
    return application


def book_document(exchange: Exchange) -> dict[str, Any]:
    """Return a venue's state as a JSON document; amounts are texts."""
    book = exchange.book
    return {
        "now": exchange.now().isoformat(),
        "open": exchange.is_open(),
        "session": exchange.hours.priced_session(exchange.now()).isoformat(),
        "seed": book.seed,
        "accounts": _ACCOUNTS.dump_python(list(book.accounts.values()), mode="json"),
        "orders": _ORDERS.dump_python(list(book.orders.values()), mode="json"),
        "executions": _EXECUTIONS.dump_python(book.executions, mode="json"),
        "prices": {symbol: _quoted(exchange, symbol) for symbol in exchange.listing.instruments},
    }


def _quoted(exchange: Exchange, symbol: str) -> dict[str, str] | None:
    quote = exchange.quote(symbol)
    if quote is None:
        return None
    return {"bid": str(quote.bid), "ask": str(quote.ask), "last": str(quote.last), "as_of": quote.as_of.isoformat()}
