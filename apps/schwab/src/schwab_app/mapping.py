"""What the documents of the Trader API mean in the kit's terms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from quant_platform_kit.adapters.documents import (
    fill_price,
    instant,
    mapping,
    mappings,
    number,
    optional_number,
    text,
    unknown_name,
)
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side, refuse_contradiction
from quant_platform_kit.domain.portfolio import (
    AccountState,
    AccountType,
    Balance,
    Quote,
    quotable,
    quote_price,
    told_close,
)
from quant_platform_kit.ports.contact_source import AccountFacts

from schwab_app.beliefs import (
    ACCOUNT_TYPES,
    FILL,
    ORDER,
    ORDER_STATES,
    POSITIONS,
    SHARES,
    SPENDABLE,
    SWEEP,
    TOTAL,
)
from schwab_app.intents import Fingerprint

__all__ = [
    "account_facts",
    "account_number",
    "account_state",
    "described",
    "entered_at",
    "fingerprint",
    "order_id",
    "order_state",
    "quote",
    "report",
    "told_at",
]

Document = Mapping[str, Any]

EXECUTION_TYPES = ORDER.known("orderActivityCollection[].executionType")


def account_number(document: Document) -> tuple[str, str]:
    """Return an account's number and what it is called in requests; `BrokerError` if one is not told."""
    number, name = (text(document.get(each), f"Schwab's {each}") for each in ("accountNumber", "hashValue"))
    return number, name


def account_facts(document: Document) -> AccountFacts:
    """Return what is told of an account beside its figures: whether nothing may be bought any more."""
    told = mapping(document.get("securitiesAccount", {}), "securitiesAccount").get("isClosingOnlyRestricted")
    return AccountFacts(only_closes=told if isinstance(told, bool) else None)


def order_state(status: object) -> OrderState:
    """Return the state that a status stands for, fills apart; an order of a status that is not known lives."""
    if isinstance(status, str) and status in ORDER_STATES:
        return ORDER_STATES[status]
    unknown_name("Schwab's order status", status)
    return OrderState.ACKNOWLEDGED


def fingerprint(document: Document) -> Fingerprint | None:
    """Return what tells an order apart, None for one that this service never sends."""
    try:
        legs = mappings(document.get("orderLegCollection"), "orderLegCollection")
        kind, instruction = document.get("orderType"), legs[0].get("instruction") if len(legs) == 1 else None
        if kind not in ("MARKET", "LIMIT") or instruction not in ("BUY", "SELL"):
            return None
        symbol = text(mapping(legs[0].get("instrument"), "instrument").get("symbol"), "symbol")
        limit = None if kind == "MARKET" else number(document.get("price"), "price")
        return Fingerprint(symbol, Side(instruction), number(legs[0].get("quantity"), "quantity"), limit)
    except BrokerError:
        return None  # no order of ours can be told from it


def order_id(document: Document) -> int:
    """Return Schwab's id of an order; `BrokerError` if it has none."""
    identity = number(document.get("orderId"), "Schwab's orderId")
    if identity <= 0 or identity != identity.to_integral_value():
        raise BrokerError(f"Schwab's orderId is {identity}, not a positive whole number")
    return int(identity)


def entered_at(document: Document) -> datetime:
    """Return when an order was entered, aware UTC, in whole seconds."""
    return instant(document.get("enteredTime"), "Schwab's enteredTime")


def described(document: Document) -> str:
    """Return an order in words, for an operator."""
    return (
        f"{document.get('orderId')} ({fingerprint(document) or document.get('orderType')}, {document.get('status')}, "
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
    if order is None:
        return _report_of_another(document, reference)
    try:
        return refuse_contradiction(_report(document, order), _filled_quantity(document))
    except NeedsOperator:
        raise
    except BrokerError as error:
        raise NeedsOperator(f"order {order.client_order_id}: {error}") from error


def _report_of_another(document: Document, reference: str) -> ExecutionReport:
    """Return where an order of somebody else stands, as far as it can be read."""
    order = _order(document, reference)
    try:
        return _report(document, order)
    except BrokerError:
        return ExecutionReport(order, order_state(document.get("status")))


def _report(document: Document, order: Order) -> ExecutionReport:
    fills = _fills(document, order)
    filled = sum((fill.quantity for fill in fills), Decimal(0))
    state = order_state(document.get("status"))
    if state is OrderState.FILLED and filled < order.quantity:
        state = OrderState.ACKNOWLEDGED  # its executions are still to be told
    if state is OrderState.ACKNOWLEDGED and filled:
        state = OrderState.PARTIALLY_FILLED if filled < order.quantity else OrderState.FILLED
    if state is OrderState.REJECTED and filled:
        state = OrderState.CANCELLED
    said = str(document.get("statusDescription") or "rejected") if state is OrderState.REJECTED else ""
    return ExecutionReport(order, state, fills, said)


def _order(document: Document, reference: str) -> Order:
    found = fingerprint(document)
    if found is not None:
        return Order(reference, found.symbol, found.side, found.quantity, found.limit)
    try:
        legs = mappings(document.get("orderLegCollection"), "orderLegCollection")
        leg: Document = legs[0] if legs else {}
        symbol = text(mapping(leg.get("instrument"), "instrument").get("symbol"), "symbol")
        side = Side.SELL if "SELL" in str(leg.get("instruction")) else Side.BUY
        return Order(reference, symbol, side, abs(optional_number(document.get("quantity"), "quantity") or Decimal(0)))
    except BrokerError:
        return Order(reference, "?", Side.BUY, Decimal(0))


def _fills(document: Document, order: Order) -> tuple[Fill, ...]:
    """Return the fills of an order, each once however often it is told; Schwab tells no commission with them."""
    found: dict[str, Fill] = {}
    for activity in mappings(document.get("orderActivityCollection"), "orderActivityCollection"):
        if not _trades(activity):
            continue
        for leg in mappings(activity.get("executionLegs"), "executionLegs"):
            identity = f"{activity.get('activityId')}.{leg.get('legId')}"
            at = instant(leg.get("time"), "the time of an execution")
            quantity = number(leg.get("quantity"), "the quantity of an execution")
            if quantity < 0:
                raise BrokerError(f"the quantity of an execution is {quantity}, not a number above zero")
            price = fill_price(leg.get("price"))
            fill = Fill(order.client_order_id, order.symbol, order.side, quantity, price, Decimal(0), at, identity)
            if quantity:
                found.setdefault(identity, fill)
    return tuple(sorted(found.values(), key=lambda fill: (fill.executed_at, fill.execution_id)))


def _trades(activity: Document) -> bool:
    """Whether an activity is a fill; an execution of a type that is not known is none."""
    kind, sort = activity.get("activityType"), activity.get("executionType", FILL)
    if kind == "EXECUTION" and not (isinstance(sort, str) and sort in EXECUTION_TYPES):
        unknown_name("Schwab's executionType", sort)
    return (kind, sort) == ("EXECUTION", FILL)


def _filled_quantity(document: Document) -> Decimal | None:
    """Return what Schwab says was filled, apart from the single executions."""
    return optional_number(document.get("filledQuantity"), "filledQuantity")


def account_state(account_id: str, document: Document) -> AccountState:
    """Return an account's cash, in USD as all of Schwab's, and units; what is no share stands under a longer name.

    Cash is what lies on the account, in its sweep fund, and from short sales, less what is owed: each is told apart.

    Raises
    ------
    BrokerError
        Cash was not delivered, or something is no number.
    """
    account = mapping(mapping(document, "Schwab's answer").get("securitiesAccount"), "securitiesAccount")
    balances = _Balances(mapping(account.get("currentBalances"), "currentBalances"))
    if balances.told("cashBalance", "totalCash") is None:
        raise BrokerError(f"account {account_id}: Schwab delivered no cashBalance; run again")
    held: dict[str, Decimal] = {}
    sweep = worth = Decimal(0)
    valued = True
    for position in mappings(account.get("positions"), "positions"):
        instrument = mapping(position.get("instrument"), "instrument")
        kind, symbol = str(instrument.get("assetType", "EQUITY")), text(instrument.get("symbol"), "a position's symbol")
        value = optional_number(position.get("marketValue"), f"the marketValue of {symbol}")
        if kind == SWEEP:
            sweep += value or Decimal(0)
            continue
        name = symbol if kind in SHARES else f"{symbol} {kind}"
        units = _units(position, "longQuantity") - _units(position, "shortQuantity")
        held[name] = held.get(name, Decimal(0)) + units
        valued = valued and (value is not None or not units)
        worth += value or Decimal(0)
    cash = balances.cash(sweep)
    return AccountState(
        account_id,
        {"USD": cash},
        {name: units for name, units in held.items() if units},
        balances.told("cashAvailableForTrading", "buyingPower"),
        Balance(
            currency="USD",
            cash=cash,
            positions=worth if held and valued else balances.positions(held),
            total=balances.told(*TOTAL),
            spendable=_only(balances.told(*SPENDABLE[_borrows(account)])),
            unsettled=_only(balances.told("unsettledCash")),
            account_type=ACCOUNT_TYPES.get(str(account.get("type"))),
        ),
    )


def _borrows(account: Document) -> bool:
    kind = account.get("type")
    if kind is not None and str(kind) not in ACCOUNT_TYPES:
        unknown_name("Schwab's account type", kind)
    return ACCOUNT_TYPES.get(str(kind)) is AccountType.MARGIN


def _units(position: Document, name: str) -> Decimal:
    return optional_number(position.get(name), name) or Decimal(0)


def _only(amount: Decimal | None) -> Mapping[str, Decimal]:
    return {} if amount is None else {"USD": amount}


class _Balances:
    """The balances of an account, by Schwab's names."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def told(self, *names: str) -> Decimal | None:
        """Return the first amount that is told under one of several names."""
        for name in names:
            amount = optional_number(self._document.get(name), name)
            if amount is not None:
                return amount
        return None

    def sum(self, *names: str) -> Decimal:
        """Return the sum of what is told under some names."""
        return sum((self.told(name) or Decimal(0) for name in names), Decimal(0))

    def cash(self, sweep: Decimal) -> Decimal:
        """Return all cash: what is swept by its balances, or by the position that it is told as too or instead."""
        swept = self.sum("moneyMarketFund", "savings") or sweep
        if self.told("cashBalance") is None:
            return self.sum("totalCash", "marginBalance", "shortBalance")
        return swept + self.sum("cashBalance", "marginBalance", "shortBalance")

    def positions(self, held: Mapping[str, Decimal]) -> Decimal | None:
        """Return what positions are worth by the balances, None where these do not tell it and some are held."""
        if any(self.told(name) is not None for name in POSITIONS):
            return self.sum(*POSITIONS)
        return None if any(held.values()) else Decimal(0)


def quote(symbol: str, document: Document) -> Quote | None:
    """Return the last price and when it was traded, else the middle of bid and ask and when it was quoted.

    A delayed quote is none: its time would pass as present.
    """
    prices = mapping(mapping(document, "a quote").get("quote"), "a quote")
    if document.get("realtime", False) is not True:
        return None
    last, bid, ask = (fill_price(prices.get(name)) for name in ("lastPrice", "bidPrice", "askPrice"))
    middle = (bid + ask) / 2 if bid > 0 and ask > 0 else Decimal(0)
    for price, made in ((float(last), "tradeTime"), (float(middle), "quoteTime")):
        at = told_at(prices.get(made))
        if quotable(price) and at is not None:
            return Quote(symbol, quote_price(price), at, told_close(prices.get("closePrice")))
    return None


def told_at(value: object) -> datetime | None:
    """Return an instant told in milliseconds since 1970, None for none."""
    try:
        since = value if type(value) is int else optional_number(value, "a time")
        return datetime.fromtimestamp(float(since) / 1000, UTC) if since and since > 0 else None
    except (BrokerError, OverflowError, ValueError, OSError):
        return None
