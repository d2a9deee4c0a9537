"""Every call of the API and what becomes of it: the table behind `docs/reference`, and the calls that are refused."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.http.front import Endpoint, Refused, named
from venue_sandbox.venues.http.options import CallRow

__all__ = ["HTTP_CALLS", "NO_ACCESS", "QUOTE_COMMANDS", "TRADE_COMMANDS", "refused_endpoints"]

FORBIDDEN, FORBIDDEN_CODE = 403, 403_000
NO_ACCESS = 301_604
"""How the quote socket answers a command for which an account has no permission."""


def _served(name: str, text: str) -> CallRow:
    return CallRow(name, Treatment.SERVED, text)


def _refused(names: str, text: str) -> tuple[CallRow, ...]:
    return tuple(
        CallRow(f"GET {path}", Treatment.REFUSED, text, f"{FORBIDDEN}/{FORBIDDEN_CODE}") for path in names.split()
    )


HTTP_CALLS = (
    _served("GET /v1/token/refresh", "a new token; the one before ends"),
    _served("GET /v1/socket/token", "a password for a websocket"),
    _served("GET /v1/asset/account", "balances; 602001 for a currency without a rate"),
    _served("GET /v1/asset/stock", "positions"),
    _served("POST /v1/trade/order", "as its fields say"),
    _served("PUT /v1/trade/order", "as its fields say"),
    _served("DELETE /v1/trade/order", "603404 for none, 603001 for one that is done"),
    _served("GET /v1/trade/order", "with fills and charges"),
    _served("GET /v1/trade/order/today", "by symbol, status, side, market and id"),
    _served("GET /v1/trade/order/history", "the same, and by time"),
    _served("GET /v1/trade/execution/today", "by symbol and order"),
    _served("GET /v1/trade/execution/history", "the same, and by time"),
    *_refused("/v1/asset/cashflow", "cash flow is not supported"),
    *_refused("/v1/asset/fund", "funds are not supported"),
    *_refused("/v1/risk/margin-ratio", "a cash account has no margin"),
    *_refused("/v1/trade/estimate/buy_limit", "estimates are not supported"),
    *_refused("/v3/trade/execution/all", "executions of all channels are not supported"),
    *_refused("/v1/watchlist/groups", "watch lists are not supported"),
    *_refused("/v1/quote/get_security_list /v1/quote/filings", "lists of securities and filings are not supported"),
    *_refused("/v1/quote/market_temperature /v1/quote/history_market_temperature", "moods are not supported"),
    *_refused("/v1/quote/short-positions/us", "short positions are not supported"),
)

_SOCKET = {
    1: _served("heartbeat", "answered"),
    2: _served("auth", "by a password of /v1/socket/token"),
    3: _served("reconnect", "by a session that has not ended"),
}


def _denied(name: str, text: str) -> CallRow:
    return CallRow(name, Treatment.REFUSED, text, str(NO_ACCESS))


QUOTE_COMMANDS: Mapping[int, CallRow] = {
    **_SOCKET,
    4: _served("profile", "level and limits"),
    5: _served("subscriptions", "what the socket has subscribed to"),
    6: _served("subscribe", "quotes of listed symbols; 301604 for depth, brokers and trades"),
    7: _served("unsubscribe", "quotes"),
    8: _served("trade periods", "regular and extended hours of US; orders trade in regular hours only"),
    9: _served("trade days", "of US; none of other markets, which longport asks for before anything else"),
    10: _served("static info", "symbols that are not listed are left out"),
    11: _served("quotes", "symbols that are not listed are left out"),
    12: _denied("option quotes", "options are not supported"),
    13: _denied("warrant quotes", "warrants are not supported"),
    14: _denied("depth", "depth is not supported"),
    15: _denied("brokers", "broker queues are not supported"),
    16: _denied("participants", "broker queues are not supported"),
    17: _denied("trades", "single trades are not supported"),
    18: _denied("intraday", "intraday lines are not supported"),
    19: _served("candlesticks", "daily; 301600 for other periods and sessions"),
    20: _denied("option chain dates", "options are not supported"),
    21: _denied("option chain strikes", "options are not supported"),
    22: _denied("warrant issuers", "warrants are not supported"),
    23: _denied("warrant list", "warrants are not supported"),
    24: _denied("capital flow", "capital flow is not supported"),
    25: _denied("capital distribution", "capital flow is not supported"),
    26: _denied("calculated indexes", "indexes are not supported"),
    27: _served("history candlesticks", "daily, by date or offset; 301600 for other periods and sessions"),
}
TRADE_COMMANDS: Mapping[int, CallRow] = {
    **_SOCKET,
    16: _served("subscribe", "the topic private; others are told as failed"),
    17: _served("unsubscribe", "topics"),
}


def refused_endpoints() -> list[Endpoint]:
    """Return the endpoints of the calls that are refused."""
    return [_refusing(row) for row in HTTP_CALLS if row.treatment is Treatment.REFUSED]


def _refusing(row: CallRow) -> Endpoint:
    async def refuse(request: web.Request, fault: VenueFault | None) -> web.Response:
        raise Refused(FORBIDDEN, row.text, FORBIDDEN_CODE)

    return Endpoint("*", row.name.split()[1], refuse, named("refused"))
