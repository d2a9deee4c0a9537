"""The account of the keys, its positions, and its fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.accounts import Account
from venue_sandbox.exchange.faults import RequestFacts, SweptCash, VenueFault
from venue_sandbox.exchange.orders import Execution
from venue_sandbox.venues.alpaca.assets import SHARE
from venue_sandbox.venues.alpaca.context import AlpacaVenue, instant, text
from venue_sandbox.venues.alpaca.queries import Page, page_of
from venue_sandbox.venues.http.front import Endpoint, Refused

__all__ = ["account_endpoints", "fill_document"]

ZERO, ONE = Decimal(0), Decimal(1)
ACTIVE = "ACTIVE"
FILL = "FILL"


def account_endpoints(venue: AlpacaVenue) -> list[Endpoint]:
    """Return the endpoints."""

    async def account(request: web.Request, fault: VenueFault | None) -> web.Response:
        document = account_document(venue, venue.exchange.book.accounts[venue.account_of(request)])
        if isinstance(fault, SweptCash):
            document |= {"multiplier": "2", "buying_power": text(2 * Decimal(document["equity"]))}
        return web.json_response(document)

    async def positions(request: web.Request, fault: VenueFault | None) -> web.Response:
        account = venue.exchange.book.accounts[venue.account_of(request)]
        return web.json_response([_position(venue, account, symbol) for symbol in account.held()])

    async def position(request: web.Request, fault: VenueFault | None) -> web.Response:
        account, symbol = venue.exchange.book.accounts[venue.account_of(request)], request.match_info["symbol"]
        if symbol not in account.held():
            raise Refused(404, "position does not exist", 40410000)
        return web.json_response(_position(venue, account, symbol))

    async def activities(request: web.Request, fault: VenueFault | None) -> web.Response:
        kind = request.match_info.get("kind") or request.query.get("activity_types", FILL)
        if kind != FILL:
            raise Refused(422, f"invalid activity type: {kind}", 42210000)
        page = page_of(request.query)
        return web.json_response(_fills(venue, venue.account_of(request), page))

    async def facts_of(request: web.Request, operation: str) -> RequestFacts:
        return RequestFacts(operation, venue.find_account(request) or "")

    return [
        Endpoint("GET", "/v2/account", account, lambda request: facts_of(request, "account")),
        Endpoint("GET", "/v2/positions", positions, lambda request: facts_of(request, "positions")),
        Endpoint("GET", "/v2/positions/{symbol}", position, lambda request: facts_of(request, "positions")),
        Endpoint("GET", "/v2/account/activities", activities, lambda request: facts_of(request, "fills")),
        Endpoint("GET", "/v2/account/activities/{kind}", activities, lambda request: facts_of(request, "fills")),
    ]


def account_document(venue: AlpacaVenue, account: Account) -> dict[str, Any]:
    """Return what an account says of itself, in US dollars."""
    cash = account.cash.get("USD", ZERO)
    free = venue.exchange.buying_power(account.id, "USD")
    stocks = sum((_value(venue, account, symbol) for symbol in account.held()), ZERO)
    return {
        "id": venue.id_of("account", account.id),
        "admin_configurations": {},
        "user_configurations": None,
        "account_number": account.id,
        "status": ACTIVE,
        "crypto_status": ACTIVE,
        "currency": "USD",
        "buying_power": text(free),
        "regt_buying_power": text(free),
        "daytrading_buying_power": "0",
        "effective_buying_power": text(free),
        "non_marginable_buying_power": text(max(free, ZERO)),
        "options_buying_power": text(free),
        "bod_dtbp": "0",
        "cash": text(cash),
        "accrued_fees": "0",
        "portfolio_value": text(cash + stocks),
        "pattern_day_trader": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "created_at": instant(venue.exchange.now()),
        "trade_suspended_by_user": False,
        "multiplier": "1",
        "shorting_enabled": False,
        "equity": text(cash + stocks),
        "last_equity": text(cash + stocks),
        "long_market_value": text(stocks),
        "short_market_value": "0",
        "position_market_value": text(stocks),
        "initial_margin": "0",
        "maintenance_margin": "0",
        "last_maintenance_margin": "0",
        "sma": "0",
        "daytrade_count": 0,
        "balance_asof": f"{venue.exchange.hours.priced_session(venue.exchange.now())}",
        "crypto_tier": 1,
        "options_approved_level": 0,
        "options_trading_level": 0,
        "intraday_adjustments": "0",
        "pending_reg_taf_fees": "0",
        **venue.accounts.get(account.id, {}),
    }


def fill_document(venue: AlpacaVenue, fill: Execution) -> dict[str, Any]:
    """Return a fill as an activity of its account."""
    order = venue.exchange.book.orders[fill.number]
    left = order.quantity - fill.cumulative
    return {
        "id": f"{fill.at:%Y%m%d%H%M%S%f}"[:17] + f"::{venue.id_of('fill', fill.id)}",
        "activity_type": FILL,
        "transaction_time": instant(fill.at),
        "type": "partial_fill" if left else "fill",
        "price": text(fill.price),
        "qty": text(fill.quantity),
        "side": fill.side.value.lower(),
        "symbol": fill.symbol,
        "leaves_qty": text(left),
        "order_id": venue.order_id(order),
        "cum_qty": text(fill.cumulative),
        "order_status": "partially_filled" if left else "filled",
    }


def _fills(venue: AlpacaVenue, account: str, page: Page) -> list[dict[str, Any]]:
    """Return fills of an account that a page asks for; those of an order that is told twice stand there two times."""
    fills = [fill for fill in venue.exchange.book.executions if fill.account == account and page.has(fill.at)]
    told = [fill_document(venue, fill) for fill in fills for _ in range(1 + (fill.number in venue.front.twice))]
    return page.cut(told)


def _value(venue: AlpacaVenue, account: Account, symbol: str) -> Decimal:
    """Return what a holding is worth."""
    instrument = venue.exchange.listing.instruments[symbol]
    return account.holding(symbol).quantity * venue.exchange.market.last(instrument, venue.exchange.now())


def _position(venue: AlpacaVenue, account: Account, symbol: str) -> dict[str, Any]:
    holding, instrument = account.holding(symbol), venue.exchange.listing.instruments[symbol]
    quote, worth, cost = venue.exchange.quote(symbol), _value(venue, account, symbol), holding.average_cost
    last, before = (quote.last, quote.previous_close) if quote else (ZERO, ONE)
    basis, today = holding.quantity * cost, holding.quantity * (last - before)
    return {
        "asset_id": venue.id_of("asset", symbol),
        "symbol": symbol,
        "exchange": instrument.exchange,
        "asset_class": SHARE,
        "asset_marginable": True,
        "qty": text(holding.quantity),
        "avg_entry_price": text(cost),
        "side": "long",
        "market_value": text(worth),
        "cost_basis": text(basis),
        "unrealized_pl": text(worth - basis),
        "unrealized_plpc": text(_share(worth - basis, basis)),
        "unrealized_intraday_pl": text(today),
        "unrealized_intraday_plpc": text(_share(today, worth - today)),
        "current_price": text(last),
        "lastday_price": text(before),
        "change_today": text(_share(last - before, before)),
        "qty_available": text(venue.exchange.free_to_sell(account.id, symbol)),
    }


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return round(part / whole, 12) if whole else ZERO
