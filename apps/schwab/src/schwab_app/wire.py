"""Requests and answers over HTTP, as a capture keeps them: one table for each path that the app asks.

Headers are left out but for the time of the answer; so is every request to another path, as for a token. The parts of a
path that name something are told apart from it, so that they are redacted like the same words in a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs

from quant_platform_kit.domain.beliefs import AMOUNT, SYMBOL, TEXT, Field, Kind, Table

from schwab_app.beliefs import ACCOUNT, ACCOUNT_NUMBER, CANDLE, ORDER, QUOTE

__all__ = ["WIRE", "exchange_of", "query_of", "route_of"]

ORDERS = "/trader/v1/accounts/{}/orders"
INSTANT = frozenset({Kind.INSTANT})
MILLISECONDS = frozenset({Kind.NUMERAL, Kind.PER_UNIT})
ALWAYS = (Field("names[]"), Field("status", AMOUNT), Field("at", INSTANT))
PLAIN = TEXT | {Kind.FIXED}
OF_ORDERS = (
    *(Field(f"query.{name}[]", INSTANT) for name in ("fromEnteredTime", "toEnteredTime")),
    Field("query.maxResults[]", MILLISECONDS),
)
OF_HISTORY = (
    Field("query.symbol[]", SYMBOL),
    *(Field(f"query.{name}[]", MILLISECONDS) for name in ("startDate", "endDate", "period", "frequency")),
    *(
        Field(f"query.{name}[]", PLAIN, known=frozenset({"year", "month", "day", "daily", "true", "false"}))
        for name in ("periodType", "frequencyType", "needExtendedHoursData", "needPreviousClose")
    ),
    Field("body.symbol", SYMBOL),
    Field("body.empty", frozenset({Kind.BOOLEAN})),
)
LISTED = "body.instruments[]"


def _route(path: str, *fields: Field, of: Table | None = None, at: str = "body") -> Table:
    """Return the table of a path, whose answer has documents at a place."""
    documents = () if of is None else of.below(at)
    return Table(path, (*ALWAYS, *fields, *documents), frozenset() if of is None else of.passed_over)


WIRE = (
    _route("GET /trader/v1/accounts/accountNumbers", of=ACCOUNT_NUMBER, at="body[]"),
    _route("GET /trader/v1/accounts/{}", Field("query.fields[]", PLAIN, known=frozenset({"positions"})), of=ACCOUNT),
    _route(f"GET {ORDERS}", *OF_ORDERS, of=ORDER, at="body[]"),
    _route(f"GET {ORDERS}/{{}}", of=ORDER),
    _route(f"POST {ORDERS}"),
    _route(f"DELETE {ORDERS}/{{}}"),
    _route("GET /marketdata/v1/quotes", Field("query.symbols[]", SYMBOL), of=QUOTE, at="body.*"),
    _route("GET /marketdata/v1/pricehistory", *OF_HISTORY, of=CANDLE, at="body.candles[]"),
    _route(
        "GET /marketdata/v1/instruments",
        Field("query.symbol[]", SYMBOL),
        Field("query.projection[]", PLAIN, known=frozenset({"symbol-search"})),
        Field(f"{LISTED}.symbol", SYMBOL),
        Field(f"{LISTED}.assetType", known=frozenset({"EQUITY", "ETF"})),
    ),
    _route(
        "GET /marketdata/v1/markets",
        Field("query.markets[]", PLAIN, known=frozenset({"equity"})),
        Field("query.date[]", INSTANT),
        Field("body.equity.*.date", INSTANT),
        Field("body.equity.*.isOpen", frozenset({Kind.BOOLEAN})),
        *(Field(f"body.equity.*.sessionHours.regularMarket[].{name}", INSTANT) for name in ("start", "end")),
    ),
)
"""What is kept of each."""
_ROUTES = [(table.subject, re.compile(table.subject.replace("{}", "([^/]+)"))) for table in WIRE]


def route_of(method: str, path: str) -> tuple[str, Sequence[str]] | None:
    """Return the route of a request, and what its path names; None for one that is not kept."""
    for route, pattern in _ROUTES:
        if found := pattern.fullmatch(f"{method} {path}"):
            return route, found.groups()
    return None


def query_of(text: str) -> Mapping[str, Sequence[str]]:
    """Return a query with the items of each value."""
    return {name: values[-1].split(",") for name, values in parse_qs(text).items()}


def exchange_of(response: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return a request with its answer, whose body was read; None for one that is not kept."""
    url = response.request.url
    route = route_of(response.request.method, url.path)
    if route is None:
        return None
    subject, names = route
    body: object = response.text
    try:
        body = json.loads(response.text, parse_float=Decimal) if response.text else None
    except ValueError:
        pass  # a page instead of a document is what a capture is for
    told = {"query": query_of(url.query.decode()), "at": _told_at(response.headers.get("Date", "")), "body": body}
    return subject, {
        "names": [*names],
        "status": response.status_code,
        **{name: value for name, value in told.items() if value not in (None, {})},
    }


def _told_at(header: str) -> str | None:
    try:
        return parsedate_to_datetime(header).isoformat()
    except ValueError:
        return None
