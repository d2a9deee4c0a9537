"""What is read of the objects of the client library, and which of its words are understood.

The library parses what LongBridge sends by itself: what it drops cannot be seen here, and a word that it does not know
is its ``Unknown``. The rows that cross from the worker process have the names and values of its objects.
"""

from __future__ import annotations

from quant_platform_kit.domain.beliefs import AMOUNT, CURRENCIES, NUMBER_ID, PRICE, SYMBOL, Field, Kind, Table
from quant_platform_kit.domain.orders import OrderState, Side

__all__ = [
    "BALANCE",
    "BAR",
    "COST",
    "DAYS",
    "EXECUTION",
    "HOLDING",
    "INSTRUMENT",
    "MEMBER",
    "ORDER",
    "ORDER_STATES",
    "QUOTE",
    "SIDES",
    "TABLES",
]

ORDER_STATES = {
    "Filled": OrderState.FILLED,
    "Rejected": OrderState.REJECTED,
    "Canceled": OrderState.CANCELLED,
    "PartialWithdrawal": OrderState.CANCELLED,
    "Expired": OrderState.EXPIRED,
    "PartialFilled": OrderState.PARTIALLY_FILLED,
    **dict.fromkeys(
        (
            *("NotReported", "ReplacedNotReported", "ProtectedNotReported", "VarietiesNotReported", "WaitToNew", "New"),
            *("WaitToReplace", "PendingReplace", "Replaced", "WaitToCancel", "PendingCancel", "DelayedNotReported"),
        ),
        OrderState.ACKNOWLEDGED,
    ),
}
"""What the statuses stand for; an order of one that is not among them is taken to live."""
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
INSTANT = frozenset({Kind.INSTANT})

BALANCE = Table(
    "account",
    (
        Field("cash_infos", frozenset({Kind.LIST}), money=True),
        Field("cash_infos[].currency", known=CURRENCIES, money=True),
        *(
            Field(f"cash_infos[].{name}", AMOUNT, money=True)
            for name in ("available_cash", "frozen_cash", "settling_cash")
        ),
        Field("currency", known=CURRENCIES, money=True),
        *(Field(name, AMOUNT, money=True) for name in ("buy_power", "total_cash", "net_assets")),
    ),
    sizes=True,
)
HOLDING = Table(
    "position",
    (
        Field("symbol", SYMBOL),
        Field("quantity", AMOUNT, money=True),
        Field("currency", known=CURRENCIES, money=True),
    ),
    sizes=True,
)
ORDER = Table(
    "order",
    (
        Field("symbol", SYMBOL),
        *(Field(name) for name in ("order_id", "remark", "msg")),
        Field("side", known=frozenset(SIDES), money=True),
        Field(
            "order_type",
            known=frozenset(
                (
                    *("LO", "ELO", "MO", "AO", "ALO", "ODD", "LIT", "MIT", "TSLPAMT", "TSLPPCT", "TSMAMT", "TSMPCT"),
                    "SLO",
                )
            ),
            money=True,
        ),
        Field("status", known=frozenset(ORDER_STATES)),
        *(Field(name, AMOUNT, money=True) for name in ("quantity", "executed_quantity")),
        Field("price", PRICE | {Kind.NULL}, money=True),
        Field("submitted_at", INSTANT),
    ),
)
EXECUTION = Table(
    "execution",
    (
        *(Field(name) for name in ("order_id", "trade_id")),
        Field("quantity", AMOUNT, money=True),
        Field("price", PRICE, money=True),
        Field("trade_done_at", INSTANT),
    ),
)
INSTRUMENT = Table(
    "instrument",
    (
        Field("symbol", SYMBOL),
        Field("currency", known=CURRENCIES, money=True),
        Field("lot_size", PRICE, money=True),
    ),
)
QUOTE = Table(
    "quote",
    (
        Field("symbol", SYMBOL),
        *(Field(name, PRICE, money=True) for name in ("last_done", "prev_close")),
        Field("timestamp", INSTANT),
    ),
)
BAR = Table(
    "candlestick",
    (*(Field(name, PRICE, money=True) for name in ("open", "close")), Field("timestamp", INSTANT)),
)
COST = Table("cost of an order", (Field("charge_detail.total_amount", AMOUNT, money=True),))
MEMBER = Table("member", (Field("member_id", NUMBER_ID),))
DAYS = Table("trading days", (Field("whole[]", INSTANT), Field("half[]", INSTANT)))
TABLES = (BALANCE, HOLDING, ORDER, EXECUTION, COST, INSTRUMENT, QUOTE, BAR, MEMBER, DAYS)
