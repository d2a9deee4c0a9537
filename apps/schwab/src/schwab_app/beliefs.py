"""What is read of the documents of the Trader API, and which of its words are understood."""

from __future__ import annotations

from quant_platform_kit.domain.beliefs import AMOUNT, MOMENT, NUMBER_ID, PRICE, SYMBOL, Field, Kind, Table
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.portfolio import AccountType

__all__ = [
    "ACCOUNT",
    "ACCOUNT_NUMBER",
    "ACCOUNT_TYPES",
    "CANDLE",
    "FILL",
    "ORDER",
    "ORDER_STATES",
    "POSITIONS",
    "QUOTE",
    "SHARES",
    "SPENDABLE",
    "SWEEP",
    "TABLES",
    "TOTAL",
]

ORDER_STATES = {
    "CANCELED": OrderState.CANCELLED,
    "REPLACED": OrderState.CANCELLED,
    "EXPIRED": OrderState.EXPIRED,
    "FILLED": OrderState.FILLED,
    "REJECTED": OrderState.REJECTED,
    **dict.fromkeys(
        (
            *("ACCEPTED", "NEW", "PENDING_ACKNOWLEDGEMENT", "PENDING_ACTIVATION", "PENDING_CANCEL", "PENDING_RECALL"),
            *("PENDING_REPLACE", "QUEUED", "WORKING", "AWAITING_CONDITION", "AWAITING_MANUAL_REVIEW"),
            *("AWAITING_PARENT_ORDER", "AWAITING_RELEASE_TIME", "AWAITING_STOP_CONDITION", "AWAITING_UR_OUT"),
        ),
        OrderState.ACKNOWLEDGED,
    ),
}
"""What the statuses stand for; an order of one that is not among them is taken to live."""
FILL = "FILL"
"""The only type of an execution that trades."""
SHARES = ("EQUITY", "COLLECTIVE_INVESTMENT", "ETF")
SWEEP = "CASH_EQUIVALENT"
"""The type of a position that is cash, in another form."""
ACCOUNT_TYPES = {"CASH": AccountType.CASH, "MARGIN": AccountType.MARGIN}
SPENDABLE = {
    True: ("availableFundsNonMarginableTrade", "availableFunds"),
    False: ("cashAvailableForTrading",),
}
"""Whether an account borrows -> where Schwab tells what may be spent without that; the first that is there."""
TOTAL = ("liquidationValue", "equity", "accountValue")
"""Where Schwab tells its total, the first that is there; the equity of a margin account leaves options out."""
POSITIONS = (
    *("longMarketValue", "shortMarketValue", "longOptionMarketValue", "shortOptionMarketValue"),
    *("mutualFundValue", "bondValue"),
)
"""Where Schwab tells what positions are worth, all of them together."""

OF_CASH = ("cashAvailableForTrading", "unsettledCash", "liquidationValue", "longMarketValue")
OF_MARGIN = ("moneyMarketFund", "marginBalance", "longMarketValue", "equity", "availableFunds")
"""Balances that every account of its type has."""
BALANCES = dict.fromkeys(
    (
        *("totalCash", "moneyMarketFund", "savings", "marginBalance", "shortBalance", "unsettledCash", "buyingPower"),
        *(name for names in SPENDABLE.values() for name in names),
        *TOTAL,
        *POSITIONS,
    )
)


def _balance(name: str) -> Field:
    types = frozenset(kind for kind, names in (("CASH", OF_CASH), ("MARGIN", OF_MARGIN)) if name in names)
    when = ("type", types) if types else None
    path = f"securitiesAccount.currentBalances.{name}"
    return Field(path, AMOUNT, money=True, required=bool(types), when=when)


ACCOUNT_NUMBER = Table("account number", (Field("accountNumber"), Field("hashValue")))
ACCOUNT = Table(
    "account",
    (
        Field("securitiesAccount.type", known=frozenset(ACCOUNT_TYPES), money=True),
        Field("securitiesAccount.isClosingOnlyRestricted", frozenset({Kind.BOOLEAN}), required=False),
        Field("securitiesAccount.currentBalances.cashBalance", AMOUNT, money=True),
        *map(_balance, BALANCES),
        Field("securitiesAccount.positions", frozenset({Kind.LIST}), money=True, required=False),
        Field(
            "securitiesAccount.positions[].instrument.assetType",
            known=frozenset(
                (
                    *(*SHARES, SWEEP, "OPTION", "INDEX", "MUTUAL_FUND", "FIXED_INCOME", "CURRENCY", "FOREX", "FUTURE"),
                    *("FUTURE_OPTION", "PRODUCT"),
                )
            ),
            money=True,
        ),
        Field("securitiesAccount.positions[].instrument.symbol", SYMBOL),
        Field("securitiesAccount.positions[].longQuantity", AMOUNT, money=True),
        Field("securitiesAccount.positions[].shortQuantity", AMOUNT, money=True),
        Field("securitiesAccount.positions[].marketValue", AMOUNT, money=True),
    ),
    passed_over=frozenset(
        (
            *("accountNumber", "roundTrips", "isDayTrader", "pfcbFlag", "initialBalances"),
            *("projectedBalances", "aggregatedBalance", "accruedInterest", "cashReceipts", "pendingDeposits", "sma"),
            *("cashAvailableForWithdrawal", "cashCall", "cashDebitCallValue", "longNonMarginableMarketValue"),
            *("buyingPowerNonMarginableTrade", "dayTradingBuyingPower", "equityPercentage", "longMarginValue"),
            *("maintenanceCall", "maintenanceRequirement", "regTCall", "averagePrice", "averageLongPrice"),
            *("taxLotAverageLongPrice", "settledLongQuantity", "settledShortQuantity", "longOpenProfitLoss"),
            *("currentDayProfitLoss", "currentDayProfitLossPercentage", "currentDayCost", "type", "putCall"),
            *("previousSessionLongQuantity", "cusip", "description", "netChange", "instrumentId", "underlyingSymbol"),
        )
    ),
    sizes=True,
)
ORDER_TYPES = frozenset(
    (
        *("MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP", "TRAILING_STOP_LIMIT", "CABINET"),
        *("NON_MARKETABLE", "MARKET_ON_CLOSE", "LIMIT_ON_CLOSE", "EXERCISE", "NET_DEBIT", "NET_CREDIT", "NET_ZERO"),
    )
)
EXECUTION = frozenset({"EXECUTION"})
ORDER = Table(
    "order",
    (
        Field("orderId", NUMBER_ID),
        Field("status", known=frozenset(ORDER_STATES)),
        Field("enteredTime", MOMENT),
        Field("orderType", known=ORDER_TYPES),
        Field("price", PRICE, money=True, when=("orderType", frozenset({"LIMIT"}))),
        Field("quantity", AMOUNT, money=True),
        Field("filledQuantity", AMOUNT, money=True),
        Field("statusDescription", required=False),
        Field(
            "orderLegCollection[].instruction",
            known=frozenset(
                (
                    *("BUY", "SELL", "BUY_TO_COVER", "SELL_SHORT", "BUY_TO_OPEN", "BUY_TO_CLOSE", "SELL_TO_OPEN"),
                    *("SELL_TO_CLOSE", "EXCHANGE", "SELL_SHORT_EXEMPT"),
                )
            ),
        ),
        Field("orderLegCollection", frozenset({Kind.LIST}), when=("orderType", ORDER_TYPES)),
        Field("orderLegCollection[].quantity", AMOUNT, money=True),
        Field("orderLegCollection[].instrument.symbol", SYMBOL),
        Field(
            "orderActivityCollection",
            frozenset({Kind.LIST}),
            money=True,
            when=("status", frozenset({"FILLED"})),
        ),
        Field("orderActivityCollection[].activityType", known=EXECUTION | {"ORDER_ACTION"}, money=True),
        Field("orderActivityCollection[].activityId", NUMBER_ID, money=True, when=("activityType", EXECUTION)),
        Field(
            "orderActivityCollection[].executionType",
            known=frozenset((FILL, "CANCELED", "REJECTED", "EXPIRED")),
            money=True,
            when=("activityType", EXECUTION),
        ),
        Field("orderActivityCollection[].executionLegs", frozenset({Kind.LIST}), when=("activityType", EXECUTION)),
        Field("orderActivityCollection[].executionLegs[].legId", NUMBER_ID),
        Field("orderActivityCollection[].executionLegs[].quantity", AMOUNT, money=True),
        Field("orderActivityCollection[].executionLegs[].price", PRICE, money=True),
        Field("orderActivityCollection[].executionLegs[].time", MOMENT),
    ),
    passed_over=frozenset(
        (
            *("session", "duration", "complexOrderStrategyType", "remainingQuantity", "requestedDestination", "tag"),
            *("destinationLinkName", "orderStrategyType", "cancelable", "editable", "accountNumber", "accountId"),
            *("closeTime", "orderLegType", "legId", "positionEffect", "assetType", "cusip", "description", "type"),
            *("instrumentId", "putCall", "underlyingSymbol", "orderRemainingQuantity", "quantity", "netChange"),
            "mismarkedQuantity",
        )
    ),
)
QUOTE = Table(
    "quote",
    (
        Field("realtime", frozenset({Kind.BOOLEAN}), money=True),
        *(Field(f"quote.{name}", PRICE, money=True) for name in ("lastPrice", "bidPrice", "askPrice", "closePrice")),
        *(Field(f"quote.{name}", AMOUNT) for name in ("tradeTime", "quoteTime")),
    ),
    passed_over=frozenset(
        (
            *("assetMainType", "assetSubType", "quoteType", "ssid", "symbol", "reference", "regular", "extended"),
            *("fundamental", "askSize", "askTime", "askMICId", "bidSize", "bidTime", "bidMICId", "highPrice"),
            *("lastMICId", "lastSize", "lowPrice", "mark", "markChange", "markPercentChange", "netChange"),
            *("netPercentChange", "openPrice", "postMarketChange", "postMarketPercentChange", "securityStatus"),
            *("totalVolume", "volatility", "52WeekHigh", "52WeekLow"),
        )
    ),
)
CANDLE = Table(
    "candle",
    (Field("datetime", AMOUNT), Field("open", PRICE, money=True), Field("close", PRICE, money=True)),
    passed_over=frozenset(("high", "low", "volume")),
)
TABLES = (ACCOUNT_NUMBER, ACCOUNT, ORDER, QUOTE, CANDLE)
