"""What the documents of the Trader API mean in the kit's terms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side, refuse_contradiction
from quant_platform_kit.domain.portfolio import AccountState, Quote, quotable, quote_price, told_close

from schwab_app.intents import Fingerprint

__all__ = ["account_state", "described", "entered_at", "fingerprint", "order_state", "quote", "report"]

Document = Mapping[str, Any]

FILL = "FILL"
"""The only type of an execution that trades; a cancel is told as an execution of the type CANCELED."""
SHARES = ("EQUITY", "COLLECTIVE_INVESTMENT", "ETF")
_STATES = {
    "CANCELED": OrderState.CANCELLED,
    "REPLACED": OrderState.CANCELLED,
    "EXPIRED": OrderState.EXPIRED,
    "FILLED": OrderState.FILLED,
    "REJECTED": OrderState.REJECTED,
}
"""Every other status is that of an order that lives."""


def order_state(status: str) -> OrderState:
    """Return the state that a status stands for, fills apart."""
    return _STATES.get(status, OrderState.ACKNOWLEDGED)


def fingerprint(document: Document) -> Fingerprint | None:
    """Return what tells an order apart, None for one that this service never sends."""
    legs: list[Any] = document.get("orderLegCollection") or []
    kind, instruction = document.get("orderType"), legs[0].get("instruction") if len(legs) == 1 else None
    if kind not in ("MARKET", "LIMIT") or instruction not in ("BUY", "SELL"):
        return None
    limit = None if kind == "MARKET" else _number(document["price"])
    return Fingerprint(legs[0]["instrument"]["symbol"], Side(instruction), _number(legs[0]["quantity"]), limit)


def entered_at(document: Document) -> datetime:
    """Return when an order was entered, aware UTC, in whole seconds."""
    return datetime.fromisoformat(document["enteredTime"]).astimezone(UTC)


def described(document: Document) -> str:
    """Return an order in words, for an operator."""
    return (
        f"{document['orderId']} ({fingerprint(document) or document.get('orderType')}, {document.get('status')}, "
        f"entered {entered_at(document):%H:%M:%S} UTC)"
    )


def report(document: Document, order: Order | None, reference: str = "") -> ExecutionReport:
    """Return where an order stands.

    Parameters
    ----------
    order
        As it was sent; None for an order of somebody else, which is then described under ``reference``.

    Raises
    ------
    NeedsOperator
        The document of an order of ours contradicts itself.
    """
    ours, order = order is not None, order or _order(document, reference)
    fills = _fills(document, order)
    filled = sum((fill.quantity for fill in fills), Decimal(0))
    state = order_state(str(document.get("status")))
    if state is OrderState.FILLED and filled < order.quantity:
        state = OrderState.ACKNOWLEDGED  # its executions are still to be told
    if state is OrderState.ACKNOWLEDGED and filled:
        state = OrderState.PARTIALLY_FILLED if filled < order.quantity else OrderState.FILLED
    if state is OrderState.REJECTED and filled:
        state = OrderState.CANCELLED
    text = str(document.get("statusDescription") or "") if state is OrderState.REJECTED else ""
    answer = ExecutionReport(order, state, fills, text or ("rejected" if state is OrderState.REJECTED else ""))
    return refuse_contradiction(answer, _filled_quantity(document)) if ours else answer


def _order(document: Document, reference: str) -> Order:
    found = fingerprint(document)
    if found is not None:
        return Order(reference, found.symbol, found.side, found.quantity, found.limit)
    legs: list[Any] = document.get("orderLegCollection") or [{}]
    leg: Document = legs[0]
    symbol = leg.get("instrument", {}).get("symbol", "?")
    side = Side.SELL if "SELL" in str(leg.get("instruction")) else Side.BUY
    return Order(reference, symbol, side, _number(document.get("quantity", 0)))


def _fills(document: Document, order: Order) -> tuple[Fill, ...]:
    """Return the fills of an order, each once however often it is told; Schwab tells no commission with them."""
    found: dict[str, Fill] = {}
    activities: list[Any] = document.get("orderActivityCollection") or []
    for activity in activities:
        if (activity.get("activityType"), activity.get("executionType", FILL)) != ("EXECUTION", FILL):
            continue
        legs: list[Any] = activity.get("executionLegs") or []
        for leg in legs:
            identity = f"{activity['activityId']}.{leg['legId']}"
            at = datetime.fromisoformat(leg["time"]).astimezone(UTC)
            quantity, price = _number(leg["quantity"]), _number(leg["price"])
            fill = Fill(order.client_order_id, order.symbol, order.side, quantity, price, Decimal(0), at, identity)
            found.setdefault(identity, fill)
    return tuple(sorted(found.values(), key=lambda fill: (fill.executed_at, fill.execution_id)))


def _filled_quantity(document: Document) -> Decimal | None:
    """Return what Schwab says was filled, apart from the single executions."""
    filled = document.get("filledQuantity")
    return None if filled is None else _number(filled)


def account_state(account_id: str, document: Document) -> AccountState:
    """Return an account's cash, in USD as all of Schwab's, and units; what is no share stands under a longer name.

    Raises
    ------
    InvalidInput
        Cash was not delivered.
    """
    account: Document = document.get("securitiesAccount", {})
    balances: Document = account.get("currentBalances", {})
    if "cashBalance" not in balances:
        raise InvalidInput(f"account {account_id}: Schwab delivered no cashBalance; run again")
    held: dict[str, Decimal] = {}
    positions: list[Any] = account.get("positions") or []
    for position in positions:
        instrument = position["instrument"]
        kind = instrument.get("assetType", "EQUITY")
        name = instrument["symbol"] if kind in SHARES else f"{instrument['symbol']} {kind}"
        units = _number(position.get("longQuantity", 0)) - _number(position.get("shortQuantity", 0))
        held[name] = held.get(name, Decimal(0)) + units
    power = balances.get("cashAvailableForTrading", balances.get("buyingPower"))
    return AccountState(
        account_id,
        {"USD": _number(balances["cashBalance"])},
        {name: units for name, units in held.items() if units},
        None if power is None else _number(power),
    )


def quote(symbol: str, document: Document) -> Quote | None:
    """Return the last price and when it was traded, else the middle of bid and ask and when it was quoted.

    A delayed quote is none: its time would pass as present.
    """
    prices: Document = document.get("quote", {})
    if not document.get("realtime", False):
        return None
    bid, ask = float(prices.get("bidPrice") or 0), float(prices.get("askPrice") or 0)
    middle = (bid + ask) / 2 if bid > 0 and ask > 0 else 0.0
    for price, made in ((float(prices.get("lastPrice") or 0), "tradeTime"), (middle, "quoteTime")):
        if quotable(price) and prices.get(made):
            before = told_close(prices.get("closePrice"))
            return Quote(symbol, quote_price(price), datetime.fromtimestamp(prices[made] / 1000, UTC), before)
    return None


def _number(value: object) -> Decimal:
    exact = Decimal(str(value))
    whole = exact.to_integral_value()
    return whole if exact == whole else exact
