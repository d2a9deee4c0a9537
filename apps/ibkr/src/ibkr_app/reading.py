"""How each sort of document is read, for captures: as the objects that the client library made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from quant_platform_kit.adapters import ibkr_inputs
from quant_platform_kit.adapters.documents import mapping, number
from quant_platform_kit.adapters.told_objects import as_object
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.orders import ExecutionReport, Order, Side, refuse_contradiction

from ibkr_app.beliefs import ACCOUNT, BAR, CONTRACT, EXECUTION, ORDER, POSITION, TABLES, TICKER
from ibkr_app.tracking import Tracker, order_of
from ibkr_app.wire import WIRE

__all__ = ["READERS", "TABLES", "WIRE"]

NAME = "capture"
NOW = datetime(1970, 1, 1, tzinfo=UTC)
"""For prices that bear no time."""
LONG_AGO = 1e12
NOTHING = {"CashBalance": {"USD": "0"}}


def account(document: Mapping[str, Mapping[str, str]]) -> object:
    """Return an account without its positions."""
    return ibkr_inputs.account_state(NAME, _rows(document, NAME), ())


def position(document: object) -> object:
    """Return one holding, as the account that has nothing else."""
    told = as_object(POSITION, document)
    return ibkr_inputs.account_state(told.account, _rows(NOTHING, told.account), [told]).quantities


def order(document: object) -> object:
    """Return an order and where it stands."""
    told = as_object(ORDER, document)
    reference = told.order.orderRef or f"ib-{told.order.permId}"
    told.order.orderRef = reference
    ours, tracker = order_of(reference, told), Tracker()
    tracker.on_trade(told)
    tracked = tracker.get(reference)
    return ours if tracked is None else tracked.report(LONG_AGO)


def execution(document: object) -> ExecutionReport:
    """Return one fill, of an order of so many units."""
    told, tracker = as_object(EXECUTION, document), Tracker()
    reference = told.execution.orderRef or NAME
    told.execution.orderRef = reference
    tracker.on_execution(None, told)
    tracked = tracker.get(reference)
    if tracked is None:
        raise BrokerError("the execution tells of no units")
    units = sum((number(each.shares, "shares") for each in tracked.executions.values()), Decimal(0))
    tracked.order = Order(reference, NAME, Side.BUY, units)
    return refuse_contradiction(tracked.report(LONG_AGO), None)


def bar(document: object) -> object:
    """Return day and prices of a bar."""
    told = as_object(BAR, document)
    return told.date, float(told.open), float(told.close)


def instrument(document: object) -> object:
    """Return symbol and number of an instrument."""
    told = as_object(CONTRACT, document)
    return told.symbol, told.conId


def _rows(document: Mapping[str, Mapping[str, str]], account: str) -> list[Any]:
    return [
        SimpleNamespace(account=account, tag=tag, value=value, currency=currency)
        for tag, told in document.items()
        for currency, value in mapping(told, tag).items()
    ]


READERS: Mapping[str, Callable[[Any], object]] = {
    ACCOUNT.subject: account,
    POSITION.subject: position,
    ORDER.subject: order,
    EXECUTION.subject: execution,
    TICKER.subject: lambda document: ibkr_inputs.quote(as_object(TICKER, document), NOW),
    BAR.subject: bar,
    CONTRACT.subject: instrument,
}
"""Subject -> what a document says in the kit's terms; raises `BrokerError` for one that cannot be read."""
