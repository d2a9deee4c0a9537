"""Every field of an order and what becomes of it: the table behind `docs/reference`. All refusals are 400."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from venue_sandbox.venues.http.options import meaningless, refused, served, table, unserved

__all__ = ["INSTRUMENT_OPTIONS", "LEG_OPTIONS", "ORDER_OPTIONS", "refusal_of"]

_TOLD = "told by the broker; it asks for nothing in an order that is sent"
_NAMED = "the symbol says which share is meant"

ORDER_OPTIONS = table(
    served("session", "NORMAL; 400 otherwise"),
    served("duration", "DAY or GOOD_TILL_CANCEL; 400 otherwise"),
    served("orderType", "MARKET or LIMIT; 400 otherwise"),
    served("price", "of LIMIT; 400 at a MARKET order"),
    served("quantity", "that of the leg; 400 otherwise"),
    served("orderLegCollection", "one leg; 400 otherwise"),
    served("orderStrategyType", "SINGLE; 400 for OCO, TRIGGER and the others"),
    refused("complexOrderStrategyType", "complex strategies are not supported", "NONE"),
    refused("childOrderStrategies", "orders that wait for others are not supported"),
    refused("specialInstruction", "special instructions are not supported"),
    refused("cancelTime", "an order lives for the day or until it is cancelled"),
    refused("releaseTime", "orders that start later are not supported"),
    refused("stopPrice stopType activationPrice", "stop orders are not supported"),
    refused("stopPriceLinkBasis stopPriceLinkType stopPriceOffset", "trailing orders are not supported"),
    refused("priceLinkBasis priceLinkType priceOffset", "linked prices are not supported"),
    refused("taxLotMethod", "the sandbox keeps average costs and no lots"),
    refused("requestedDestination destinationLinkName", "orders are routed by the broker", "AUTO", "AutoRoute"),
    refused("replacingOrderCollection", "an order is replaced by PUT"),
    meaningless("filledQuantity remainingQuantity orderId cancelable editable status statusDescription", _TOLD),
    meaningless("enteredTime closeTime accountNumber accountId tag orderActivityCollection", _TOLD),
)
LEG_OPTIONS = table(
    served("instruction", "BUY or SELL; 400 otherwise"),
    served("quantity", "whole shares; 400 otherwise"),
    served("instrument", "as its fields say"),
    served("positionEffect", "OPENING of BUY, CLOSING of SELL, AUTOMATIC; 400 otherwise"),
    refused("orderLegType", "the sandbox has shares only", "EQUITY"),
    refused("quantityType", "quantities are numbers of shares", "SHARES"),
    refused("divCapGains toSymbol", "mutual funds are not supported"),
    meaningless("legId", _TOLD),
)
INSTRUMENT_OPTIONS = table(
    served("symbol", "one that is listed; 400 otherwise"),
    served("assetType", "EQUITY; 400 otherwise"),
    refused("putCall optionMultiplier optionDeliverables underlyingSymbol maturityDate", "options are not supported"),
    meaningless("cusip description instrumentId type netChange", _NAMED),
)
_EFFECTS = {"BUY": "OPENING", "SELL": "CLOSING"}


def refusal_of(document: Mapping[str, Any]) -> str:
    """Return why an order asks for something that is not served; empty if it does not. Nothing else is checked."""
    if reason := unserved(document, ORDER_OPTIONS):
        return reason
    if document.get("orderType") == "MARKET" and document.get("price") is not None:
        return "price: a market order has none"
    legs = document.get("orderLegCollection")
    for leg in cast("list[Any]", legs) if isinstance(legs, list) else ():
        if isinstance(leg, dict) and (reason := _refusal_of_leg(document, cast("dict[str, Any]", leg))):
            return f"orderLegCollection.{reason}"
    return ""


def _refusal_of_leg(document: Mapping[str, Any], leg: Mapping[str, Any]) -> str:
    if reason := unserved(leg, LEG_OPTIONS):
        return reason
    if leg.get("positionEffect") not in (None, "AUTOMATIC", _EFFECTS.get(str(leg.get("instruction")))):
        return "positionEffect: it does not fit the instruction"
    if document.get("quantity") not in (None, leg.get("quantity")):
        return "quantity: it is not that of the order"
    instrument = leg.get("instrument")
    if not isinstance(instrument, dict):
        return ""
    reason = unserved(cast("dict[str, Any]", instrument), INSTRUMENT_OPTIONS)
    return reason and f"instrument.{reason}"
