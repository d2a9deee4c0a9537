"""Balances and positions of an account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.accounts import PER_USD, Account, converted
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import RequestFacts, VenueFault
from venue_sandbox.exchange.orders import Side
from venue_sandbox.venues.http.front import Endpoint, Refused
from venue_sandbox.venues.longbridge.context import LongBridgeContext, data, text
from venue_sandbox.venues.longbridge.symbols import market_of, named

__all__ = ["asset_endpoints", "balance_document"]

ZERO = Decimal(0)
CHANNEL = "lb"


def asset_endpoints(context: LongBridgeContext) -> list[Endpoint]:
    """Return the endpoints about what an account has."""

    async def account_facts(request: web.Request) -> RequestFacts:
        return RequestFacts("account", context.named_account(request))

    async def position_facts(request: web.Request) -> RequestFacts:
        return RequestFacts("positions", context.named_account(request))

    async def balance(request: web.Request, fault: VenueFault | None) -> web.Response:
        account = context.exchange.book.accounts[context.named_account(request)]
        currency = request.query.get("currency") or account.base
        if currency not in PER_USD:
            raise Refused(400, f"currency {currency} is not known", 602001)
        return data({"list": [balance_document(context.exchange, account, currency)]})

    async def positions(request: web.Request, fault: VenueFault | None) -> web.Response:
        account = context.exchange.book.accounts[context.named_account(request)]
        wanted = request.query.getall("symbol", [])
        held = [symbol for symbol in account.held() if not wanted or named(symbol) in wanted]
        stocks = [_position(context.exchange, account, symbol) for symbol in held]
        return data({"list": [{"account_channel": CHANNEL, "stock_info": stocks}]})

    return [
        Endpoint("GET", "/v1/asset/account", balance, account_facts),
        Endpoint("GET", "/v1/asset/stock", positions, position_facts),
    ]


def balance_document(exchange: Exchange, account: Account, currency: str) -> dict[str, Any]:
    """Return an account's cash in every currency, and its sums in one of them."""
    cash = sum((converted(amount, held, currency) for held, amount in account.cash.items()), ZERO)
    free = {held: exchange.buying_power(account.id, held) for held in account.cash}
    power = sum((converted(amount, held, currency) for held, amount in free.items()), ZERO)
    return {
        "total_cash": _cents(cash),
        "max_finance_amount": "0",
        "remaining_finance_amount": "0",
        "risk_level": "0",
        "margin_call": "0",
        "currency": currency,
        "net_assets": _cents(cash + _stocks(exchange, account, currency)),
        "init_margin": "0",
        "maintenance_margin": "0",
        "buy_power": _cents(power),
        "frozen_transaction_fees": [],
        "cash_infos": [
            {
                "withdraw_cash": _cents(free[held]),
                "available_cash": _cents(free[held]),
                "frozen_cash": _cents(amount - free[held]),
                "settling_cash": "0",
                "currency": held,
            }
            for held, amount in account.cash.items()
        ],
    }


def _stocks(exchange: Exchange, account: Account, currency: str) -> Decimal:
    """Return what an account's holdings are worth in a currency."""
    total = ZERO
    for symbol, holding in account.held().items():
        instrument = exchange.listing.instruments[symbol]
        worth = holding.quantity * exchange.market.last(instrument, exchange.now())
        total += converted(worth, instrument.currency, currency)
    return total


def _position(exchange: Exchange, account: Account, symbol: str) -> dict[str, Any]:
    holding, instrument = account.holding(symbol), exchange.listing.instruments[symbol]
    orders = (order for order in exchange.book.live(account.id) if order.ticket.symbol == symbol)
    promised = sum((order.remaining for order in orders if order.ticket.side is Side.SELL), ZERO)
    return {
        "symbol": named(symbol),
        "symbol_name": symbol,
        "quantity": text(holding.quantity),
        "available_quantity": text(holding.quantity - promised),
        "currency": instrument.currency,
        "cost_price": text(round(holding.average_cost, 4)),
        "market": market_of(symbol),
        "init_quantity": "",
    }


def _cents(amount: Decimal) -> str:
    """Return an amount of money, with four decimals at most."""
    return text(round(amount, 4))
