"""What is read of the documents of Alpaca, and which of its words are understood."""

from __future__ import annotations

from quant_platform_kit.domain.beliefs import AMOUNT, MOMENT, PRICE, SYMBOL, Field, Kind, Table
from quant_platform_kit.domain.orders import OrderState, Side

__all__ = ["ACCOUNT", "ASSET", "BAR", "FILL", "ORDER", "ORDER_STATES", "POSITION", "QUOTE", "SIDES", "TABLES"]

ORDER_STATES = {
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "replaced": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
    **dict.fromkeys(
        (
            *("new", "partially_filled", "done_for_day", "pending_cancel", "pending_replace", "pending_review"),
            *("accepted", "pending_new", "accepted_for_bidding", "stopped", "suspended", "calculated", "held"),
        ),
        OrderState.ACKNOWLEDGED,
    ),
}
"""What the statuses stand for, fills apart; an order of one that is not among them is taken to live."""
SIDES = {"buy": Side.BUY, "sell": Side.SELL}

NUMERAL = frozenset({Kind.NUMERAL})
PER_UNIT, OR_NULL = NUMERAL | {Kind.PER_UNIT}, frozenset({Kind.NULL})
IDENTITY = frozenset({Kind.TEXT, Kind.ID})
BOOLEAN = frozenset({Kind.BOOLEAN})

ACCOUNT = Table(
    "account",
    (
        Field("account_number", IDENTITY),
        Field(
            "status",
            known=frozenset(
                (
                    *("ACCOUNT_CLOSED", "ACCOUNT_UPDATED", "ACTION_REQUIRED", "ACTIVE", "AML_REVIEW", "APPROVED"),
                    *("APPROVAL_PENDING", "DISABLED", "DISABLE_PENDING", "EDITED", "INACTIVE", "KYC_SUBMITTED"),
                    *("LIMITED", "ONBOARDING", "PAPER_ONLY", "REAPPROVAL_PENDING", "REJECTED", "RESUBMITTED"),
                    *("SIGNED_UP", "SUBMISSION_FAILED", "SUBMITTED"),
                )
            ),
        ),
        Field("currency", known=frozenset({"USD"}), money=True),
        *(Field(name, NUMERAL, money=True) for name in ("cash", "equity", "long_market_value", "short_market_value")),
        *(Field(name, NUMERAL, money=True) for name in ("non_marginable_buying_power", "buying_power", "multiplier")),
        *(Field(name, BOOLEAN) for name in ("trading_blocked", "account_blocked", "trade_suspended_by_user")),
        Field("pattern_day_trader", BOOLEAN | OR_NULL, required=False),
        Field("daytrade_count", AMOUNT | OR_NULL, required=False),
    ),
    passed_over=frozenset(
        (
            *("id", "admin_configurations", "user_configurations", "crypto_status", "regt_buying_power", "crypto_tier"),
            *("daytrading_buying_power", "effective_buying_power", "options_buying_power", "bod_dtbp", "accrued_fees"),
            *("portfolio_value", "transfers_blocked", "created_at", "shorting_enabled", "last_equity", "sma"),
            *("position_market_value", "initial_margin", "maintenance_margin", "last_maintenance_margin"),
            *("balance_asof", "options_approved_level", "options_trading_level", "intraday_adjustments"),
            *("pending_reg_taf_fees", "pending_transfer_in", "pending_transfer_out", "memoposts"),
        )
    ),
    amounts=frozenset(
        (
            *("regt_buying_power", "daytrading_buying_power", "effective_buying_power", "options_buying_power"),
            *("bod_dtbp", "portfolio_value", "last_equity", "position_market_value", "initial_margin"),
            *("maintenance_margin", "last_maintenance_margin", "sma"),
        )
    ),
    sizes=True,
)
POSITION = Table(
    "position",
    (
        Field("symbol", SYMBOL),
        Field("asset_class", known=frozenset({"us_equity", "us_option", "crypto", "crypto_perp"}), money=True),
        Field("side", known=frozenset({"long", "short"}), money=True),
        Field("qty", NUMERAL, money=True),
    ),
    passed_over=frozenset(
        (
            *("asset_id", "exchange", "asset_marginable", "avg_entry_price", "market_value", "cost_basis"),
            *("unrealized_pl", "unrealized_plpc", "unrealized_intraday_pl", "unrealized_intraday_plpc"),
            *("current_price", "lastday_price", "change_today", "qty_available", "swap_rate", "usd"),
            "avg_entry_swap_rate",
        )
    ),
    amounts=frozenset(
        ("avg_entry_price", "market_value", "cost_basis", "current_price", "lastday_price", "qty_available")
    ),
    sizes=True,
)
ORDER = Table(
    "order",
    (
        Field("id", IDENTITY),
        Field("client_order_id", IDENTITY),
        Field("symbol", SYMBOL),
        Field("side", known=frozenset(SIDES), money=True),
        Field("type", known=frozenset(("market", "limit", "stop", "stop_limit", "trailing_stop")), money=True),
        Field("status", known=frozenset(ORDER_STATES)),
        Field("qty", NUMERAL | OR_NULL, money=True),
        Field("filled_qty", NUMERAL, money=True),
        Field("limit_price", PER_UNIT | OR_NULL, money=True),
        Field("stop_price", PER_UNIT | OR_NULL, money=True),
        Field("submitted_at", MOMENT),
    ),
    passed_over=frozenset(
        (
            *(
                "created_at",
                "updated_at",
                "filled_at",
                "expired_at",
                "expires_at",
                "canceled_at",
                "failed_at",
                "source",
            ),
            *("replaced_at", "replaced_by", "replaces", "asset_id", "asset_class", "notional", "filled_avg_price"),
            *("order_class", "order_type", "position_intent", "time_in_force", "extended_hours", "legs"),
            *("trail_percent", "trail_price", "hwm", "subtag", "ratio_qty", "source"),
        )
    ),
)
FILL = Table(
    "fill",
    (
        *(Field(name, IDENTITY) for name in ("id", "order_id")),
        Field("qty", NUMERAL, money=True),
        Field("price", PER_UNIT, money=True),
        Field("transaction_time", MOMENT),
    ),
    passed_over=frozenset(("activity_type", "type", "side", "symbol", "leaves_qty", "cum_qty", "order_status")),
)
ASSET = Table(
    "asset",
    (
        Field("symbol", SYMBOL),
        Field("status", known=frozenset({"active", "inactive"})),
        Field("tradable", BOOLEAN),
        Field("fractionable", BOOLEAN),
    ),
    passed_over=frozenset(
        (
            *("id", "class", "exchange", "name", "marginable", "maintenance_margin_requirement", "shortable", "cusip"),
            *("margin_requirement_long", "margin_requirement_short", "easy_to_borrow", "attributes", "borrow_status"),
            *("min_order_size", "min_trade_increment", "price_increment"),
        )
    ),
)
BARS = ("dailyBar", "prevDailyBar")
QUOTE = Table(
    "quote",
    (
        Field("latestTrade.p", PRICE, money=True),
        Field("latestTrade.t", MOMENT),
        *(Field(f"latestQuote.{name}", PRICE, money=True) for name in ("ap", "bp")),
        Field("latestQuote.t", MOMENT),
        *(Field(f"{bar}", frozenset({Kind.OBJECT, Kind.NULL}), required=False) for bar in BARS),
        *(Field(f"{bar}.t", MOMENT, required=False) for bar in BARS),
        *(Field(f"{bar}.c", PRICE, money=True, required=False) for bar in BARS),
    ),
    passed_over=frozenset(
        ("minuteBar", "as", "bs", "ax", "bx", "z", "s", "x", "i", "u", "o", "h", "l", "v", "n", "vw", "symbol", "c")
    ),
)
BAR = Table(
    "bar",
    (Field("t", MOMENT), Field("c", PRICE, money=True)),
    passed_over=frozenset(("o", "h", "l", "v", "n", "vw")),
)
TABLES = (ACCOUNT, POSITION, ORDER, FILL, ASSET, QUOTE, BAR)
