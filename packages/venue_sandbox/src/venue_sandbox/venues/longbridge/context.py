"""What the endpoints of this front share, and how requests, accounts and orders are told apart."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.orders import VenueOrder
from venue_sandbox.venues.http.front import Refused, Venue
from venue_sandbox.venues.http.rate_limit import RateLimit
from venue_sandbox.venues.longbridge.sessions import Sessions
from venue_sandbox.venues.longbridge.signing import SIGNATURE, Parts, signature
from venue_sandbox.venues.longbridge.tokens import Credentials, Tokens

__all__ = ["LongBridgeContext", "data", "order_id", "seconds", "text"]

ORDER_IDS = 700_000_000_000_000_000
SEEDS = 900
ORDERS_PER_SEED = 1_000_000
TRADE_CALLS = ("/v1/trade/", "/v1/asset/")
REFUSED = "too_many"
"""The operation under which requests over the limit are counted once more."""


@dataclass(slots=True)
class LongBridgeContext:
    """What the endpoints share; ``gzip`` is whether the websockets' frames are gzipped."""

    venue: Venue
    credentials: Credentials
    tokens: Tokens
    limit: RateLimit
    sessions: Sessions = field(default_factory=Sessions)
    gzip: bool = False

    @property
    def exchange(self) -> Exchange:
        """The exchange behind the wire."""
        return self.venue.exchange

    def named_account(self, request: web.Request) -> str:
        """Return the account whose token a request carries; empty if there is none."""
        return self.tokens.owner(request.headers.get("Authorization", "")) or ""

    async def admit(self, request: web.Request) -> None:
        """Refuse a request that is not signed, or whose token is not good, and a trade call over the limit."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        url, body = request.rel_url, await request.read()
        parts = Parts(request.method, url.raw_path, url.raw_query_string, headers, body)
        if headers.get("x-api-key") != self.credentials.key:
            raise Refused(403, "apikey illegal", 403203)
        if not hmac.compare_digest(signature(parts, self.credentials.secret), request.headers.get(SIGNATURE, "")):
            raise Refused(403, "signature invalid", 403201)
        account = self.named_account(request)
        if not account or self.tokens.is_expired(account):
            raise Refused(401, "token expired", 401003)
        if url.path.startswith(TRADE_CALLS) and not self.limit.admits(account):
            self.venue.faults.requests[REFUSED] += 1
            raise Refused(429, "api request is limited, please slow down request frequency", 429002)

    def order_of(self, request: web.Request, wanted: str) -> VenueOrder:
        """Return the order with an id; `Refused` if the request's account has none."""
        order = self.find_order(wanted)
        if order is None or order.ticket.account != self.named_account(request):
            raise Refused(404, f"order {wanted} not found", 603404)
        return order

    def find_order(self, wanted: str) -> VenueOrder | None:
        """Return the order with an id; None if there is none."""
        number = int(wanted) - int(order_id(self.exchange, 0)) if wanted.isdecimal() else 0
        return self.exchange.book.orders.get(number)


def order_id(exchange: Exchange, number: int) -> str:
    """Return the id of the venue's order with a number."""
    return str(ORDER_IDS + (exchange.book.seed or 0) % SEEDS * ORDERS_PER_SEED + number)


def data(content: Mapping[str, Any]) -> web.Response:
    """Write an answer."""
    return web.json_response({"code": 0, "message": "success", "data": content})


def text(value: Decimal) -> str:
    """Return an amount as it is written: a text, without an exponent or zeros at its end."""
    return f"{value.normalize():f}"


def seconds(at: datetime) -> str:
    """Return an instant as it is written: epoch seconds, as a text."""
    return str(int(at.timestamp()))
