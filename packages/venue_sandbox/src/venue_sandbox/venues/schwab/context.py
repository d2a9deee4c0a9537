"""What the endpoints of this front share, and how accounts and orders are found and named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from aiohttp import web

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.exchange.orders import VenueOrder
from venue_sandbox.venues.http.front import Refused, Venue
from venue_sandbox.venues.http.rate_limit import RateLimit
from venue_sandbox.venues.schwab.logins import Logins

__all__ = ["SchwabContext", "account_hash", "number", "order_id"]

ORDER_IDS = 1_000_000_000_000
SEEDS = 900
ORDERS_PER_SEED = 1_000_000


@dataclass(slots=True)
class SchwabContext:
    """What the endpoints share."""

    venue: Venue
    logins: Logins
    limit: RateLimit

    @property
    def exchange(self) -> Exchange:
        """The exchange behind the wire."""
        return self.venue.exchange

    def account_of(self, request: web.Request) -> str:
        """Return the account that a request names by its hash; `Refused` if there is none."""
        account = self.find_account(request)
        if account is None:
            raise Refused(404, "Invalid account number")
        return account

    def find_account(self, request: web.Request) -> str | None:
        """Return the account that a request names by its hash; None if there is none."""
        wanted = request.match_info.get("hash", "")
        accounts = self.exchange.book.accounts
        return next((account for account in accounts if account_hash(self.exchange, account) == wanted), None)

    def order_of(self, request: web.Request) -> VenueOrder:
        """Return the order that a request names; `Refused` if the account has none like it."""
        order = self.find_order(request)
        if order is None or order.ticket.account != self.account_of(request):
            raise Refused(404, "Order not found")
        return order

    def find_order(self, request: web.Request) -> VenueOrder | None:
        """Return the order that a request names by its id; None if there is none."""
        text = request.match_info.get("order", "")
        known = int(text) - order_id(self.exchange, 0) if text.isdecimal() else 0
        return self.exchange.book.orders.get(known)

    def order_facts(self, request: web.Request, operation: str) -> RequestFacts:
        """Return the facts of a request that names an account, and an order of it."""
        order = self.find_order(request)
        account = self.find_account(request) or ""
        if order is None:
            return RequestFacts(operation, account)
        return RequestFacts(operation, account, order.ticket.symbol, str(order_id(self.exchange, order.number)))


def account_hash(exchange: Exchange, account: str) -> str:
    """Return the name by which requests call an account."""
    return hashlib.sha256(f"{exchange.book.seed}/{account}".encode()).hexdigest().upper()


def order_id(exchange: Exchange, number: int) -> int:
    """Return the id of the venue's order with a number."""
    return ORDER_IDS + (exchange.book.seed or 0) % SEEDS * ORDERS_PER_SEED + number


def number(value: Decimal) -> float:
    """Return an amount as JSON has it here: a number."""
    return float(value)
