"""Accounts: their numbers and hashes, balances and positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.accounts import Account, Holding, converted
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import RequestFacts, SweptCash, VenueFault
from venue_sandbox.exchange.orders import Side
from venue_sandbox.venues.http.front import Endpoint, named
from venue_sandbox.venues.schwab.context import SchwabContext, account_hash, number
from venue_sandbox.venues.schwab.instruments import instrument_document

__all__ = ["account_document", "account_endpoints"]

ACCOUNTS = "/trader/v1/accounts"
POSITIONS = "positions"
ZERO = Decimal(0)


def account_endpoints(context: SchwabContext) -> list[Endpoint]:
    """Return the endpoints about accounts."""

    async def facts(request: web.Request) -> RequestFacts:
        return RequestFacts("account", context.find_account(request) or "")

    async def numbers(request: web.Request, fault: VenueFault | None) -> web.Response:
        accounts = context.exchange.book.accounts
        return web.json_response(
            [{"accountNumber": name, "hashValue": account_hash(context.exchange, name)} for name in accounts]
        )

    async def every(request: web.Request, fault: VenueFault | None) -> web.Response:
        accounts = context.exchange.book.accounts.values()
        return web.json_response([account_document(context.exchange, account, _wants(request)) for account in accounts])

    async def one(request: web.Request, fault: VenueFault | None) -> web.Response:
        account = context.exchange.book.accounts[context.account_of(request)]
        document = account_document(context.exchange, account, _wants(request))
        if isinstance(fault, SweptCash):
            document["securitiesAccount"] |= _swept(document["securitiesAccount"]["currentBalances"], fault.loan)
        return web.json_response(document)

    return [
        Endpoint("GET", f"{ACCOUNTS}/accountNumbers", numbers, named("account_numbers")),
        Endpoint("GET", ACCOUNTS, every, named("accounts")),
        Endpoint("GET", f"{ACCOUNTS}/{{hash}}", one, facts),
    ]


def account_document(exchange: Exchange, account: Account, with_positions: bool) -> dict[str, Any]:
    """Return an account's balances, in US dollars, and its positions if they are wanted."""
    cash = account.cash.get("USD", ZERO)
    free = exchange.buying_power(account.id, "USD")
    positions = {symbol: _value(exchange, symbol, holding) for symbol, holding in account.held().items()}
    stocks = sum(positions.values(), ZERO)
    balances = {
        "accruedInterest": 0.0,
        "cashBalance": number(cash),
        "cashAvailableForTrading": number(free),
        "cashAvailableForWithdrawal": number(free),
        "cashCall": 0.0,
        "cashDebitCallValue": 0.0,
        "liquidationValue": number(cash + stocks),
        "longMarketValue": number(stocks),
        "longNonMarginableMarketValue": number(free),
        "pendingDeposits": 0.0,
        "shortMarketValue": 0.0,
        "totalCash": number(cash),
        "unsettledCash": 0.0,
    }
    document: dict[str, Any] = {
        "type": "CASH",
        "accountNumber": account.id,
        "roundTrips": 0,
        "isDayTrader": False,
        "isClosingOnlyRestricted": False,
        "pfcbFlag": False,
        "initialBalances": {**balances, "accountValue": number(cash + stocks), "isInCall": False},
        "currentBalances": balances,
        "projectedBalances": {"cashAvailableForTrading": number(free), "cashAvailableForWithdrawal": number(free)},
    }
    if with_positions:
        document["positions"] = [_position(exchange, account, symbol, value) for symbol, value in positions.items()]
    worth = number(cash + stocks)
    return {
        "securitiesAccount": document,
        "aggregatedBalance": {"currentLiquidationValue": worth, "liquidationValue": worth},
    }


def _swept(balances: dict[str, Any], loan: Decimal) -> dict[str, Any]:
    """Return what a margin account says whose cash lies in the sweep fund, beside a loan."""
    cash, stocks = balances["cashBalance"], balances["longMarketValue"]
    told = {
        "cashBalance": 0.0,
        "moneyMarketFund": cash + number(loan),
        "marginBalance": -number(loan),
        "longMarketValue": stocks,
        "shortMarketValue": 0.0,
        "shortBalance": 0.0,
        "equity": balances["liquidationValue"],
        "availableFunds": balances["cashAvailableForTrading"],
    }
    return {"type": "MARGIN", "currentBalances": told}


def _wants(request: web.Request) -> bool:
    return POSITIONS in request.query.get("fields", "").split(",")


def _value(exchange: Exchange, symbol: str, holding: Holding) -> Decimal:
    """Return what a holding is worth in US dollars."""
    instrument = exchange.listing.instruments[symbol]
    return converted(holding.quantity * exchange.market.last(instrument, exchange.now()), instrument.currency, "USD")


def _position(exchange: Exchange, account: Account, symbol: str, value: Decimal) -> dict[str, Any]:
    holding, instrument = account.holding(symbol), exchange.listing.instruments[symbol]
    orders = (order for order in exchange.book.live(account.id) if order.ticket.symbol == symbol)
    promised = sum((order.remaining for order in orders if order.ticket.side is Side.SELL), ZERO)
    gain = holding.gain(holding.quantity, value / holding.quantity, ZERO)
    return {
        "shortQuantity": 0.0,
        "averagePrice": number(holding.average_cost),
        "averageLongPrice": number(holding.average_cost),
        "taxLotAverageLongPrice": number(holding.average_cost),
        "longQuantity": number(holding.quantity),
        "settledLongQuantity": number(holding.quantity - promised),
        "settledShortQuantity": 0.0,
        "instrument": instrument_document(instrument),
        "marketValue": number(value),
        "longOpenProfitLoss": number(gain),
        "currentDayProfitLoss": 0.0,
        "currentDayProfitLossPercentage": 0.0,
        "currentDayCost": 0.0,
        "maintenanceRequirement": 0.0,
    }
