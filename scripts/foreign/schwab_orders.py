"""Orders as Schwab's documentation writes them: a plain one, and one with each option. Standard library only."""

from __future__ import annotations

from typing import Any

__all__ = ["OPTIONS", "plain"]


def plain(**changes: Any) -> dict[str, Any]:
    """Return a market order."""
    leg = {"instruction": "BUY", "quantity": 2, "instrument": {"symbol": "SPY", "assetType": "EQUITY"}}
    usual = {"orderType": "MARKET", "session": "NORMAL", "duration": "DAY", "orderStrategyType": "SINGLE"}
    return {**usual, "orderLegCollection": [leg], **changes}


_LIMIT = {"orderType": "LIMIT", "price": "20.00"}
_SHORT = {"instruction": "SELL_SHORT", "quantity": 2, "instrument": {"symbol": "SPY", "assetType": "EQUITY"}}
_UNKNOWN = {"instruction": "BUY", "quantity": 2, "instrument": {"symbol": "XXX", "assetType": "EQUITY"}}
_OPTION = {"instruction": "BUY_TO_OPEN", "quantity": 1, "instrument": {"symbol": "SPY 230616C00400000"}}

OPTIONS: dict[str, dict[str, Any]] = {
    "all or none": plain(specialInstruction="ALL_OR_NONE"),
    "do not reduce": plain(**_LIMIT, specialInstruction="DO_NOT_REDUCE"),
    "cancel time": plain(**{**_LIMIT, "duration": "GOOD_TILL_CANCEL"}, cancelTime="2023-06-09T00:00:00+0000"),
    "release time": plain(releaseTime="2023-06-05T15:00:00+0000"),
    "stop": plain(orderType="STOP", stopPrice="500.00"),
    "stop price at a market order": plain(stopPrice="500.00"),
    "stop limit": plain(orderType="STOP_LIMIT", stopPrice="500.00", price="500.00"),
    "trailing stop": plain(
        orderType="TRAILING_STOP", stopPriceLinkBasis="BID", stopPriceLinkType="VALUE", stopPriceOffset=10
    ),
    "linked price": plain(**_LIMIT, priceLinkBasis="BID", priceLinkType="VALUE"),
    "complex strategy": plain(complexOrderStrategyType="VERTICAL"),
    "one cancels the other": {"orderStrategyType": "OCO", "childOrderStrategies": [plain(**_LIMIT), plain(**_LIMIT)]},
    "trigger": plain(**{**_LIMIT, "orderStrategyType": "TRIGGER"}, childOrderStrategies=[plain(**_LIMIT)]),
    "children of a single order": plain(**_LIMIT, childOrderStrategies=[plain(**_LIMIT)]),
    "before the open": plain(**{**_LIMIT, "session": "AM"}),
    "seamless": plain(**{**_LIMIT, "session": "SEAMLESS"}),
    "fill or kill": plain(**{**_LIMIT, "duration": "FILL_OR_KILL"}),
    "immediate or cancel": plain(**{**_LIMIT, "duration": "IMMEDIATE_OR_CANCEL"}),
    "market on close": plain(orderType="MARKET_ON_CLOSE"),
    "short sale": plain(orderLegCollection=[_SHORT]),
    "share option": plain(orderLegCollection=[_OPTION]),
    "tax lots": plain(taxLotMethod="LOW_COST"),
    "destination": plain(requestedDestination="NASDAQ"),
    "activation price": plain(activationPrice=500),
    "price at a market order": plain(price="20.00"),
    "field that is none": plain(sellBy="tomorrow"),
    "unknown symbol": plain(orderLegCollection=[_UNKNOWN]),
}
