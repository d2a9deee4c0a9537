"""What is read of the objects of the client library, and which of the API's words are understood.

The values of an account come as rows; they are held against the table by tag, then currency: see `by_tag`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from quant_platform_kit.adapters.ibkr_inputs import CASH_TAGS, FUND_TAGS, FUTURES, GROSS, WORTH_TAGS, AccountRow
from quant_platform_kit.domain.beliefs import AMOUNT, CURRENCIES, NUMBER_ID, PRICE, SYMBOL, TEXT, Field, Kind, Table
from quant_platform_kit.domain.orders import OrderState

__all__ = ["ACCOUNT", "BAR", "CONTRACT", "EXECUTION", "ORDER", "ORDER_STATES", "POSITION", "TABLES", "TICKER", "by_tag"]

ORDER_STATES = {
    "PendingSubmit": OrderState.SENT,
    "ApiPending": OrderState.SENT,
    "PreSubmitted": OrderState.ACKNOWLEDGED,
    "Submitted": OrderState.ACKNOWLEDGED,
    "PendingCancel": OrderState.ACKNOWLEDGED,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "ApiCancelled": OrderState.CANCELLED,
    "Inactive": OrderState.REJECTED,
}
"""What the statuses stand for; one that is not among them is no acknowledgement."""
NUMERAL = frozenset({Kind.NUMERAL})
INSTANT, INSTANT_OR_NONE = frozenset({Kind.INSTANT}), frozenset({Kind.INSTANT, Kind.NULL})
ALWAYS = ("NetLiquidation", "TotalCashValue", "AvailableFunds", "EquityWithLoanValue", "BuyingPower", "CashBalance")
"""Values that every account is told."""
NOT_READ = (
    *("AccountCode", "AccountOrGroup", "AccountReady", "AccruedDividend", "Billable", "Currency", "Cushion"),
    *("DayTradesRemaining", "DayTradesRemainingT+1", "DayTradesRemainingT+2", "DayTradesRemainingT+3"),
    *("DayTradesRemainingT+4", "ExcessLiquidity", "ExchangeRate", "FullAvailableFunds", "FullExcessLiquidity"),
    *("FullInitMarginReq", "FullMaintMarginReq", "FxCashBalance", "Guarantee", "HighestSeverity"),
    *("IncentiveCoupons", "IndianStockHaircut", "InitMarginReq", "Leverage", "LookAheadAvailableFunds"),
    *("LookAheadExcessLiquidity", "LookAheadInitMarginReq", "LookAheadMaintMarginReq", "LookAheadNextChange"),
    *("MaintMarginReq", "NLVAndMarginInReview", "NetLiquidationByCurrency", "NetLiquidationUncertainty"),
    *("PASharesValue", "PhysicalCertificateValue", "PostExpirationExcess", "PostExpirationMargin"),
    *("PreviousDayEquityWithLoanValue", "PreviousEquityWithLoanValue", "RealCurrency", "RealizedPnL"),
    *("RegTEquity", "RegTMargin", "SMA", "SegmentTitle", "TotalDebitCardPendingCharges", "TradingType"),
    *("UnrealizedPnL", "WhatIfPMEnabled", "ColumnPrio", "SegmentTitle"),
)
SEGMENTS = ("", "-S", "-C", "-P", "-F", "-T")
"""Endings of tags that tell a part of the account: none of these is read."""


def _passed_over() -> frozenset[str]:
    read = (*ALWAYS, "SettledCash", GROSS, "AccountType", *CASH_TAGS, *WORTH_TAGS, *FUND_TAGS, FUTURES)
    parts = (f"{tag}{ending}" for tag in read for ending in SEGMENTS[1:])
    return frozenset((*parts, *(f"{tag}{ending}" for tag in NOT_READ for ending in SEGMENTS)))


ACCOUNT = Table(
    "account",
    (
        *(Field(f"{tag}.*", NUMERAL, money=True) for tag in ALWAYS),
        *(
            Field(f"{tag}.*", NUMERAL, money=True, required=False)
            for tag in ("SettledCash", GROSS, *CASH_TAGS, *WORTH_TAGS, *FUND_TAGS, FUTURES)
            if tag not in ALWAYS
        ),
        Field("AccountType.*", required=False),
    ),
    _passed_over(),
    sizes=True,
)
POSITION = Table(
    "position",
    (
        Field("account"),
        Field("position", AMOUNT, money=True),
        Field("contract.symbol", SYMBOL),
        Field(
            "contract.secType",
            known=frozenset(
                (
                    *("STK", "OPT", "FUT", "IND", "FOP", "CASH", "BAG", "WAR", "BOND", "CMDTY", "NEWS", "FUND"),
                    *("CRYPTO", "CFD", "IOPT", "BILL", "CONTFUT", "EVENT"),
                )
            ),
            money=True,
        ),
        Field("contract.localSymbol", SYMBOL),
        Field("contract.currency", known=CURRENCIES, money=True),
    ),
    sizes=True,
)
ORDER = Table(
    "order",
    (
        *(Field(f"order.{name}", NUMBER_ID) for name in ("permId", "orderId")),
        *(Field(f"order.{name}") for name in ("orderRef", "account")),
        *(Field(f"order.{name}", AMOUNT, money=True) for name in ("totalQuantity", "filledQuantity")),
        Field("order.action", known=frozenset({"BUY", "SELL", "SSHORT", "SLONG"}), money=True),
        Field("order.orderType", TEXT, money=True),
        Field("order.lmtPrice", PRICE | {Kind.NULL}, money=True),
        Field("orderStatus.status", known=frozenset((*ORDER_STATES, ""))),
        Field("orderStatus.permId", NUMBER_ID),
        Field("orderStatus.filled", AMOUNT, money=True),
        Field("contract.symbol", SYMBOL),
    ),
)
EXECUTION = Table(
    "execution",
    (
        *(Field(f"execution.{name}") for name in ("orderRef", "acctNumber", "execId")),
        Field("execution.permId", NUMBER_ID),
        Field("execution.shares", AMOUNT, money=True),
        Field("execution.price", PRICE, money=True),
        Field("execution.time", INSTANT),
        Field("commissionReport.execId"),
        Field("commissionReport.commission", AMOUNT, money=True),
    ),
)
TICKER = Table(
    "quote",
    (
        Field("contract.symbol", SYMBOL),
        *(Field(name, PRICE, money=True) for name in ("last", "bid", "ask", "close")),
        Field("time", INSTANT_OR_NONE),
        *(Field(name, INSTANT_OR_NONE, required=False) for name in ("lastTimestamp", "delayedLastTimestamp")),
    ),
)
BAR = Table("daily bar", (Field("date", INSTANT), Field("open", PRICE, money=True), Field("close", PRICE, money=True)))
CONTRACT = Table("instrument", (Field("symbol", SYMBOL), Field("conId", NUMBER_ID)))
TABLES = (ACCOUNT, POSITION, ORDER, EXECUTION, TICKER, BAR, CONTRACT)


def by_tag(account_id: str, rows: Iterable[AccountRow]) -> Mapping[str, Mapping[str, str]]:
    """Return the values of an account: tag -> currency -> value as text."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.account == account_id:
            found.setdefault(str(row.tag), {})[str(row.currency or "")] = row.value
    return found
