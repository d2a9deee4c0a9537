"""What is read of the documents of the paper venue, which writes the kit's own types."""

from __future__ import annotations

from quant_platform_kit.domain.beliefs import CURRENCIES, MOMENT, SYMBOL, TEXT, Field, Kind, Table
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.portfolio import AccountType
from quant_platform_kit.paper.client import ACCOUNT, ORDER, QUOTES

__all__ = ["TABLES"]

NUMERAL, PRICE = frozenset({Kind.NUMERAL}), frozenset({Kind.NUMERAL, Kind.PER_UNIT})
NONE, OBJECT = frozenset({Kind.NULL}), frozenset({Kind.OBJECT})
SIDES, TYPES = frozenset(side.value for side in Side), frozenset(each.value for each in AccountType)

TABLES = (
    Table(
        ACCOUNT,
        (
            Field("account_id"),
            *(Field(name, OBJECT, money=True) for name in ("cash_by_currency", "quantities")),
            *(Field(f"{name}.*", NUMERAL, money=True) for name in ("cash_by_currency", "quantities")),
            Field("buying_power", NUMERAL | NONE, money=True),
            Field("balance", OBJECT | NONE, money=True),
            Field("balance.currency", known=CURRENCIES, money=True),
            *(Field(f"balance.{name}", NUMERAL | NONE, money=True) for name in ("cash", "positions", "total")),
            *(Field(f"balance.{name}.*", NUMERAL, money=True) for name in ("spendable", "unsettled")),
            Field("balance.account_type", TEXT | NONE, known=TYPES, money=True),
        ),
        sizes=True,
    ),
    Table(
        ORDER,
        (
            Field("order.client_order_id"),
            Field("order.symbol", SYMBOL),
            Field("order.side", known=SIDES, money=True),
            Field("order.quantity", NUMERAL, money=True),
            *(Field(f"order.{name}", PRICE | NONE, money=True) for name in ("limit_price", "stop_price")),
            Field("state", known=frozenset(state.value for state in OrderState)),
            Field("text"),
            Field("fills", frozenset({Kind.LIST}), money=True),
            Field("fills[].symbol", SYMBOL),
            *(Field(f"fills[].{name}") for name in ("client_order_id", "execution_id")),
            Field("fills[].side", known=SIDES, money=True),
            *(Field(f"fills[].{name}", NUMERAL, money=True) for name in ("quantity", "commission")),
            Field("fills[].price", PRICE, money=True),
            Field("fills[].executed_at", MOMENT),
            Field("fills[].price_known", frozenset({Kind.BOOLEAN}), money=True),
        ),
    ),
    Table(
        QUOTES,
        (
            Field("prices", OBJECT, money=True),
            Field("prices.*", PRICE, money=True),
            Field("as_of", OBJECT),
            Field("as_of.*", MOMENT),
            Field("now", MOMENT),
        ),
    ),
)
