"""What the documents of Alpaca mean in the kit's terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from quant_platform_kit.adapters.documents import (
    fill_price,
    instant,
    mapping,
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
from quant_platform_kit.domain.sessions import ExchangeCalendar

from alpaca_app.beliefs import ORDER_STATES, SIDES

__all__ = [
    "DAY_TRADERS_EQUITY",
    "DAY_TRADES",
    "account_number",
    "account_state",
    "bar",
    "fills_of",
    "order_of",
    "order_state",
    "quote",
    "report",
    "units_of",
    "why_no_trading",
    "why_not_traded",
]

Document = Mapping[str, Any]
ZERO = Decimal(0)
SHARES = "us_equity"
DAY_TRADES, DAY_TRADERS_EQUITY = 3, Decimal(25_000)
"""Below this equity, in USD, an account may buy and sell within a day so often in five sessions."""


# --- accounts --------------------------------------------------------------------------------------


def account_number(account: Document) -> str:
    """Return an account's number; `BrokerError` if it is not told."""
    return text(account.get("account_number"), "Alpaca's account_number")


def why_no_trading(account: Document) -> str:
    """Return why an account takes no orders, empty if it takes them; what is not told forbids nothing."""
    status = account.get("status")
    if status != "ACTIVE":
        return f"its status is {status}, not ACTIVE: see what Alpaca asks of you"
    if account.get("trading_blocked") is True or account.get("account_blocked") is True:
        return "its trading is blocked: ask Alpaca why"
    if account.get("trade_suspended_by_user") is True:
        return "you have suspended its trading: lift that in Alpaca's settings of the account"
    if account.get("pattern_day_trader") is True and not _may_day_trade(account):
        return f"it is a pattern day trader's, below {DAY_TRADERS_EQUITY:,.0f} USD and without day trades left"
    return ""


def _may_day_trade(account: Document) -> bool:
    """Whether a pattern day trader has the equity, or day trades left."""
    trades = optional_number(account.get("daytrade_count"), "daytrade_count") or ZERO
    return trades < DAY_TRADES or number(account.get("equity"), "equity") >= DAY_TRADERS_EQUITY


def account_state(account: Document, positions: Iterable[Document]) -> AccountState:
    """Return an account's cash and units; what is no share stands under a longer name.

    Raises
    ------
    BrokerError
        Cash was not delivered, or something is no number.
    """
    name, currency = account_number(account), text(account.get("currency"), "Alpaca's currency")
    cash = number(account.get("cash"), "cash")
    free = number(account.get("non_marginable_buying_power"), "non_marginable_buying_power")
    worth = sum((number(account.get(part), part) for part in ("long_market_value", "short_market_value")), ZERO)
    borrows = number(account.get("multiplier"), "multiplier") > 1
    return AccountState(
        name,
        {currency: cash},
        dict(map(units_of, positions)),
        optional_number(account.get("buying_power"), "buying_power"),
        Balance(
            currency=currency,
            cash=cash,
            positions=worth,
            total=number(account.get("equity"), "equity"),
            spendable={currency: min(cash, free)},
            account_type=AccountType.MARGIN if borrows else AccountType.CASH,
        ),
    )


def units_of(position: Document) -> tuple[str, Decimal]:
    """Return the symbol and the units of a position; `BrokerError` for one that cannot be read."""
    symbol, kind = text(position.get("symbol"), "a position's symbol"), position.get("asset_class")
    units = abs(number(position.get("qty"), f"the qty of {symbol}"))
    side = position.get("side")
    if side not in ("long", "short"):
        unknown_name("Alpaca's side of a position", side)
        raise BrokerError(f"the side of {symbol} is {side!r:.60}, neither long nor short")
    return symbol if kind == SHARES else f"{symbol} {kind}", units if side == "long" else -units


# --- orders ----------------------------------------------------------------------------------------


def order_state(status: object) -> OrderState:
    """Return the state that a status stands for, fills apart; an order of a status that is not known lives."""
    if isinstance(status, str) and status in ORDER_STATES:
        return ORDER_STATES[status]
    unknown_name("Alpaca's order status", status)
    return OrderState.ACKNOWLEDGED


def order_of(document: Document) -> Order:
    """Return an order as Alpaca has it, under its client order id.

    Raises
    ------
    BrokerError
        It cannot be read.
    """
    kind = document.get("type")
    side = SIDES.get(str(document.get("side")))
    if side is None:
        raise BrokerError(f"the side of an order is {document.get('side')!r:.60}, neither buy nor sell")
    return Order(
        text(document.get("client_order_id"), "client_order_id"),
        text(document.get("symbol"), "an order's symbol"),
        side,
        optional_number(document.get("qty"), "qty") or ZERO,
        number(document.get("limit_price"), "limit_price") if kind == "limit" else None,
        number(document.get("stop_price"), "stop_price") if kind == "stop" else None,
    )


def fills_of(document: Document, told: Sequence[Document], reference: str, symbol: str, side: Side) -> tuple[Fill, ...]:
    """Return the fills of an order among those that are told, each once; Alpaca tells no commission with them."""
    identity, found = document.get("id"), dict[str, Fill]()
    for each in told:
        if each.get("order_id") != identity:
            continue
        name = text(each.get("id"), "the id of a fill")
        units = number(each.get("qty"), "the qty of a fill")
        if units < 0:
            raise BrokerError(f"the qty of a fill is {units}, not a number above zero")
        at = instant(each.get("transaction_time"), "the transaction_time of a fill")
        if units:
            found.setdefault(name, Fill(reference, symbol, side, units, fill_price(each.get("price")), ZERO, at, name))
    return tuple(sorted(found.values(), key=lambda fill: (fill.executed_at, fill.execution_id)))


def report(document: Document, told: Sequence[Document]) -> ExecutionReport:
    """Return where an order stands, or stood until all its fills are told.

    Parameters
    ----------
    told
        Fills of the account, those of the order among them.

    Raises
    ------
    NeedsOperator
        The document contradicts itself, or cannot be read.
    """
    reference = str(document.get("client_order_id"))
    try:
        order = order_of(document)
        fills = fills_of(document, told, reference, order.symbol, order.side)
        filled = optional_number(document.get("filled_qty"), "filled_qty") or ZERO
    except BrokerError as error:
        raise NeedsOperator(f"order {reference}: {error}") from error
    total, state = sum((fill.quantity for fill in fills), ZERO), order_state(document.get("status"))
    if state is OrderState.REJECTED and total:
        state = OrderState.CANCELLED
    if state.terminal and total < (order.quantity if state is OrderState.FILLED else filled):
        state = OrderState.ACKNOWLEDGED  # its fills are still to be told
    if not state.terminal:
        filled = max(filled, total)  # they were told after the order
        if total:
            state = OrderState.FILLED if total == order.quantity else OrderState.PARTIALLY_FILLED
    said = "rejected by Alpaca" if state is OrderState.REJECTED else ""
    return refuse_contradiction(ExecutionReport(order, state, fills, said), filled)


# --- prices ----------------------------------------------------------------------------------------


def quote(symbol: str, document: Document, calendar: ExchangeCalendar) -> Quote | None:
    """Return the last price and when it was traded, else the middle of bid and ask and when it was quoted."""
    trade, offer = mapping(document.get("latestTrade"), "latestTrade"), mapping(document.get("latestQuote"), "a quote")
    bid, ask = (fill_price(offer.get(name)) for name in ("bp", "ap"))
    middle = (bid + ask) / 2 if bid > 0 and ask > 0 else ZERO
    for price, told in ((fill_price(trade.get("p")), trade), (middle, offer)):
        at = _made(told)
        if quotable(float(price)) and at is not None:
            before = _close_before(document, calendar.local_date(at), calendar)
            return Quote(symbol, quote_price(float(price)), at, before)
    return None


def bar(document: Document, calendar: ExchangeCalendar) -> tuple[date, float]:
    """Return day and close of a daily bar; `BrokerError` for one that cannot be read."""
    day = _day(text(document.get("t"), "a bar's t"), calendar)
    return day, float(number(document.get("c"), "a bar's c"))


@lru_cache(1024)
def _day(told: str, calendar: ExchangeCalendar) -> date:
    """Return the day of a bar; those of a session have one time, whatever the symbol."""
    return calendar.local_date(instant(told, "a bar's t"))


def why_not_traded(asset: Document) -> str:
    """Return why nothing of an asset is traded, empty if it is."""
    if asset.get("status") != "active":
        return f"is {asset.get('status')} at Alpaca"
    return "" if asset.get("tradable") is True else "is not tradable at Alpaca, or halted"


def _made(told: Document) -> datetime | None:
    try:
        return instant(told.get("t"), "a time")
    except BrokerError:
        return None


def _close_before(document: Document, day: date, calendar: ExchangeCalendar) -> Decimal | None:
    """Return the newest close that a snapshot has of a day before another one."""
    for name in ("dailyBar", "prevDailyBar"):
        told = mapping(document.get(name), name)
        at = _made(told)
        if at is not None and calendar.local_date(at) < day:
            return told_close(told.get("c"))
    return None
