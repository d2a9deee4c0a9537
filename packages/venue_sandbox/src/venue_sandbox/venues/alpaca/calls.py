"""Every call of the API and what becomes of it: the table behind `docs/reference`, and the calls that are refused."""

from __future__ import annotations

from aiohttp import web

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.http.front import Endpoint, Refused, named
from venue_sandbox.venues.http.options import CallRow

__all__ = ["CALLS", "refused_endpoints"]

FORBIDDEN, NOT_ALLOWED = 403, 40310000


def _served(name: str, text: str) -> CallRow:
    return CallRow(name, Treatment.SERVED, text)


def _refused(name: str, text: str) -> CallRow:
    return CallRow(name, Treatment.REFUSED, text, str(FORBIDDEN))


CALLS = (
    _served("GET /v2/account", "of the keys"),
    _served("GET /v2/account/activities", "fills; 422 for others"),
    _served("GET /v2/account/activities/{kind}", "FILL; 422 for others"),
    _served("GET /v2/positions", "of shares"),
    _served("GET /v2/positions/{symbol}", "404 for one that is not held"),
    _served("GET /v2/assets", "all that is listed"),
    _served("GET /v2/assets/{symbol}", "404 for an unknown one"),
    _served("POST /v2/orders", "as its fields say"),
    _served("GET /v2/orders", "by status, time, symbol and side"),
    _served("GET /v2/orders:by_client_order_id", "404 for an unknown one"),
    _served("GET /v2/orders/{order}", "404 for an unknown one"),
    _served("DELETE /v2/orders/{order}", "204; 422 for one that is done"),
    _refused("PATCH /v2/orders/{order}", "Orders are cancelled and sent anew"),
    _refused("DELETE /v2/orders", "Orders are cancelled one by one"),
    _refused("DELETE /v2/positions", "Positions are sold by orders"),
    _refused("DELETE /v2/positions/{symbol}", "Positions are sold by orders"),
    _refused("GET /v2/account/configurations", "There is nothing to configure"),
    _refused("PATCH /v2/account/configurations", "There is nothing to configure"),
    _refused("GET /v2/account/portfolio/history", "The sandbox keeps no history of accounts"),
    _refused("GET /v2/watchlists", "Watchlists are not supported"),
    _refused("POST /v2/watchlists", "Watchlists are not supported"),
    _refused("GET /v2/options/contracts", "Options are not supported"),
    _refused("GET /v2/corporate_actions/announcements", "Corporate actions are not told"),
    _served("GET /v2/clock", "the venue's own time"),
    _served("GET /v2/calendar", "days and hours of the New York Stock Exchange"),
    _served("GET /v2/stocks/bars", "of finished bars, page by page"),
    _served("GET /v2/stocks/quotes/latest", "bid and ask"),
    _served("GET /v2/stocks/trades/latest", "the last price"),
    _served("GET /v2/stocks/snapshots", "the last price, bid and ask, and the bars of two days"),
)


def refused_endpoints() -> list[Endpoint]:
    """Return the endpoints of the calls that are refused."""
    return [_refusing(row) for row in CALLS if row.treatment is Treatment.REFUSED]


def _refusing(row: CallRow) -> Endpoint:
    method, path = row.name.split()

    async def refuse(request: web.Request, fault: VenueFault | None) -> web.Response:
        raise Refused(FORBIDDEN, row.text, NOT_ALLOWED)

    return Endpoint(method, path, refuse, named("refused"))
