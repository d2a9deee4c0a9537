"""How each sort of document is read, for captures: as the rows that cross from the worker process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from quant_platform_kit.adapters import longbridge_inputs
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.documents import number, text
from quant_platform_kit.adapters.told_objects import as_object, as_row

from longbridge_app.beliefs import (
    BALANCE,
    BAR,
    COST,
    DAYS,
    EXECUTION,
    HOLDING,
    INSTRUMENT,
    MEMBER,
    ORDER,
    QUOTE,
    TABLES,
)
from longbridge_app.mapping import checked, checked_fill, order_of, order_state
from longbridge_app.rows import Cash, FillRow, OrderRow, TradingDays
from longbridge_app.wire import WIRE

__all__ = ["READERS", "TABLES", "WIRE"]

NAME = "capture"
NO_CASH = Cash("USD", Decimal(0), Decimal(0), Decimal(0))


def _account(document: object) -> object:
    told = as_object(BALANCE, document)
    return longbridge_inputs.account_state(NAME, told.cash_infos, (), told)


def _holding(document: object) -> object:
    return longbridge_inputs.account_state(NAME, [NO_CASH], [as_object(HOLDING, document)]).quantities


def _order(document: object) -> object:
    row = checked(as_row(OrderRow, as_object(ORDER, document)))
    return order_of(row), order_state(row), row.order_id, row.submitted_at, row.msg


def _instrument(document: object) -> object:
    told = as_object(INSTRUMENT, document)
    return text(told.symbol, "a symbol"), text(told.currency, "a currency"), number(told.lot_size, "a lot")


def _days(document: object) -> object:
    told = as_row(TradingDays, as_object(DAYS, document))
    return [*told.whole, *told.half]


def _bar(document: object) -> object:
    told = as_object(BAR, document)
    closes = longbridge_inputs.closes({NAME: [told]}, load_calendar("XNYS"))[NAME]
    return closes, float(number(told.open, "the open of a candlestick"))


READERS: Mapping[str, Callable[[Any], object]] = {
    BALANCE.subject: _account,
    HOLDING.subject: _holding,
    ORDER.subject: _order,
    EXECUTION.subject: lambda document: checked_fill(as_row(FillRow, as_object(EXECUTION, document))),
    COST.subject: lambda document: number(as_object(COST, document).charge_detail.total_amount, "what an order cost"),
    INSTRUMENT.subject: _instrument,
    QUOTE.subject: lambda document: longbridge_inputs.quote(as_object(QUOTE, document)),
    BAR.subject: _bar,
    MEMBER.subject: lambda document: number(as_object(MEMBER, document).member_id, "a member"),
    DAYS.subject: _days,
}
"""Subject -> what a document says in the kit's terms; raises `BrokerError` for one that cannot be read."""
