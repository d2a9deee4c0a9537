"""Calls of the client library with all the fields of their answers, as a capture keeps them.

The library parses what comes over the wire by itself, so this is as near to the wire as can be seen.
"""

from __future__ import annotations

from quant_platform_kit.domain.beliefs import AMOUNT, NUMBER_ID, PRICE, SYMBOL, TEXT, Field, Kind, Table

from longbridge_app.beliefs import BALANCE, BAR, EXECUTION, HOLDING, INSTRUMENT, ORDER, QUOTE

__all__ = ["WIRE"]

ARGUMENTS = frozenset({"Day", "ForwardAdjust", "NoAdjust", "US"})
ASKED = Field("asked[]", TEXT | AMOUNT | {Kind.SYMBOL, Kind.INSTANT, Kind.FIXED}, known=ARGUMENTS)
NONE = frozenset({Kind.NULL})
DAYS = frozenset({Kind.INSTANT})
MARKETS = frozenset({"US", "HK", "SG", "CN"})


def _call(name: str, *fields: Field, of: Table | None = None, at: str = "told[]", left_out: str = "") -> Table:
    """Return the table of a call, whose answer has documents at a place."""
    return Table(f"call {name}", (ASKED, *fields, *(of.below(at) if of else ())), frozenset(left_out.split()))


def _amounts(at: str, names: str) -> tuple[Field, ...]:
    return tuple(Field(f"{at}.{name}", AMOUNT | NONE, money=True) for name in names.split())


def _prices(at: str, names: str) -> tuple[Field, ...]:
    return tuple(Field(f"{at}.{name}", PRICE | NONE) for name in names.split())


OF_ORDERS = (
    *_prices("told[]", "executed_price last_done"),
    Field("told[].updated_at", DAYS | NONE),
    Field("told[].currency", known=BALANCE.known("currency")),
    Field("told[].time_in_force", known=frozenset({"Day", "GoodTilCanceled", "GoodTilDate"})),
    Field("told[].tag", known=frozenset({"Normal", "LongTerm", "Grey", "ForceSell", "GTC"})),
)
OF_ORDERS_LEFT_OUT = (
    "stock_name trigger_price expire_date trigger_at trailing_amount trailing_percent limit_offset trigger_status "
    "outside_rth limit_depth_level trigger_count monitor_price delayed_until attached_orders multi_leg"
)
OF_BARS = (*_prices("told[]", "high low turnover volume"), Field("told[].trade_session", known=frozenset({"Intraday"})))
HELD = "told.channels[].positions[]"
WIRE = (
    _call("member_id", Field("told", NUMBER_ID)),
    _call(
        "account_balance",
        *_amounts("told[]", "max_finance_amount remaining_finance_amount margin_call init_margin maintenance_margin"),
        *_amounts("told[].cash_infos[]", "withdraw_cash"),
        *_prices("told[]", "risk_level"),
        of=BALANCE,
        left_out="frozen_transaction_fees",
    ),
    _call(
        "stock_positions",
        Field("told.channels[].account_channel", known=frozenset({"lb"})),
        *_amounts(HELD, "available_quantity init_quantity"),
        *_prices(HELD, "cost_price"),
        Field(f"{HELD}.market", known=MARKETS),
        of=HOLDING,
        at=HELD,
        left_out="symbol_name",
    ),
    *(_call(name, *OF_ORDERS, of=ORDER, left_out=OF_ORDERS_LEFT_OUT) for name in ("today_orders", "history_orders")),
    *(
        _call(name, Field("told[].symbol", SYMBOL), Field("told[].side", known=ORDER.known("side")), of=EXECUTION)
        for name in ("today_executions", "history_executions")
    ),
    _call(
        "static_info",
        Field("told[].exchange", known=frozenset({"NASD", "NYSE", "ARCA", "AMEX", "BATS"})),
        Field("told[].board", known=frozenset({"USMain"})),
        of=INSTRUMENT,
        left_out="name_cn name_en name_hk total_shares circulating_shares hk_shares eps eps_ttm bps dividend_yield "
        "stock_derivatives",
    ),
    _call(
        "quote",
        *_prices("told[]", "open high low volume turnover"),
        Field("told[].trade_status", known=frozenset({"Normal", "Halted"})),
        of=QUOTE,
        left_out="pre_market_quote post_market_quote overnight_quote",
    ),
    *(_call(name, *OF_BARS, of=BAR) for name in ("candlesticks", "history_candlesticks_by_date")),
    _call("trading_days", *(Field(f"told.{name}[]", DAYS) for name in ("trading_days", "half_trading_days"))),
)
"""What is kept of each call; calls that change something are left out."""
