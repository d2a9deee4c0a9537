"""Every call of the API and what becomes of it: the table behind `docs/reference`, and the calls that are refused."""

from __future__ import annotations

from aiohttp import web

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.http.front import Endpoint, Refused, named
from venue_sandbox.venues.http.options import CallRow

__all__ = ["CALLS", "refused_endpoints"]

FORBIDDEN = 403


def _served(name: str, text: str) -> CallRow:
    return CallRow(name, Treatment.SERVED, text)


def _refused(name: str, text: str) -> CallRow:
    return CallRow(name, Treatment.REFUSED, text, str(FORBIDDEN))


CALLS = (
    _served("GET /v1/oauth/authorize", "gives a code to the application"),
    _served("POST /v1/oauth/token", "authorization_code and refresh_token"),
    _served("GET /trader/v1/accounts/accountNumbers", "numbers and hashes"),
    _served("GET /trader/v1/accounts", "balances; positions where `fields` asks for them"),
    _served("GET /trader/v1/accounts/{hash}", "balances; positions where `fields` asks for them"),
    _served("GET /trader/v1/accounts/{hash}/orders", "by time, status and number"),
    _served("POST /trader/v1/accounts/{hash}/orders", "as its fields say"),
    _served("GET /trader/v1/accounts/{hash}/orders/{order}", "with its fills"),
    _served("DELETE /trader/v1/accounts/{hash}/orders/{order}", "400 for one that is done"),
    _served("PUT /trader/v1/accounts/{hash}/orders/{order}", "another order in its place"),
    _served("GET /trader/v1/orders", "of all accounts"),
    _refused("POST /trader/v1/accounts/{hash}/previewOrder", "Order previews are not supported"),
    _refused("GET /trader/v1/accounts/{hash}/transactions", "Transactions are not supported"),
    _refused("GET /trader/v1/accounts/{hash}/transactions/{transaction}", "Transactions are not supported"),
    _refused("GET /trader/v1/userPreference", "There is no streamer to tell of"),
    _served("GET /marketdata/v1/quotes", "unknown symbols are told; 400 for indicative quotes"),
    _served("GET /marketdata/v1/{symbol}/quotes", "404 for an unknown symbol"),
    _served("GET /marketdata/v1/pricehistory", "daily candles; 400 for others"),
    _served("GET /marketdata/v1/instruments", "by symbol or by expression of it; 400 for descriptions"),
    _served("GET /marketdata/v1/instruments/{cusip}", "404 for an unknown one"),
    _served("GET /marketdata/v1/markets", "equity; 400 for others"),
    _served("GET /marketdata/v1/markets/{market}", "equity; 400 for others"),
    _refused("GET /marketdata/v1/chains", "Options are not supported"),
    _refused("GET /marketdata/v1/expirationchain", "Options are not supported"),
    _refused("GET /marketdata/v1/movers/{symbol}", "Movers are not supported"),
)


def refused_endpoints() -> list[Endpoint]:
    """Return the endpoints of the calls that are refused."""
    return [_refusing(row) for row in CALLS if row.treatment is Treatment.REFUSED]


def _refusing(row: CallRow) -> Endpoint:
    method, path = row.name.split()

    async def refuse(request: web.Request, fault: VenueFault | None) -> web.Response:
        raise Refused(FORBIDDEN, row.text)

    return Endpoint(method, path, refuse, named("refused"))
