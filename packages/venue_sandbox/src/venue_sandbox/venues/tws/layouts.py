"""The long messages, field by field in the order of the wire.

``name=text`` is a field with what it holds unless a value is given; ``name<177`` one that server versions from 177 on
do not send, ``name>=170`` one that older versions than 170 do not send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from venue_sandbox.venues.tws.codec import Value

__all__ = [
    "COMPLETED_ORDER",
    "CONTRACT_DETAILS",
    "EXECUTION",
    "MULTI_POSITION",
    "OPEN_ORDER",
    "PORTFOLIO",
    "POSITION",
    "UNSET_DOUBLE",
    "Layout",
]

FIELD = re.compile(r"(?P<name>\w+?)(?:(?P<bound><|>=)(?P<version>\d+))?(?:=(?P<preset>\S*))?")
UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INTEGER = "2147483647"
UNSET_LONG = "9223372036854775807"


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    preset: str
    first: int = 0
    last: int = 1 << 30


class Layout:
    """One message's fields."""

    def __init__(self, message: int, text: str) -> None:
        self._message = message
        self._fields = tuple(_field(word) for word in text.split())

    def fill(self, version: int, values: Mapping[str, Value]) -> list[Value]:
        """Return the message's fields for a server version; KeyError for a value that has no field."""
        if unknown := set(values) - {field.name for field in self._fields}:
            raise KeyError(f"message {self._message} has no {', '.join(sorted(unknown))}")
        sent = (field for field in self._fields if field.first <= version <= field.last)
        return [self._message, *(values.get(field.name, field.preset) for field in sent)]


def _field(word: str) -> _Field:
    match = FIELD.fullmatch(word)
    assert match is not None, word
    preset, version = match["preset"] or "", int(match["version"] or 0)
    if match["bound"] == "<":
        return _Field(match["name"], preset, last=version - 1)
    return _Field(match["name"], preset, first=version)


_CONTRACT = "conId symbol secType=STK expiry strike=0 right=? multiplier exchange currency localSymbol tradingClass"
_HELD = "conId symbol secType=STK expiry strike=0 right multiplier exchange currency localSymbol tradingClass"
_PEGGED = "minTradeQty>=170 minCompeteSize>=170 competeAgainstBest>=170 midOffsetAtWhole>=170 midOffsetAtHalf>=170"

CONTRACT_DETAILS = Layout(
    10,
    """
    reqId symbol secType=STK expiry strike=0 right exchange currency localSymbol marketName tradingClass conId
    minTick multiplier orderTypes=ACTIVETIM,DAY,GTC,LMT,MKT,WHATIF validExchanges priceMagnifier=1 underConId=0 longName
    primaryExchange contractMonth industry category subcategory timeZone tradingHours liquidHours evRule evMultiplier=0
    secIds=1 secIdType=ISIN isin aggGroup=1 underSymbol underSecType marketRules=26,26 realExpiration stockType minSize
    sizeIncrement suggestedSizeIncrement=100
    """,
)
POSITION = Layout(61, f"version=3 account {_HELD} position averageCost")
MULTI_POSITION = Layout(
    71,
    """
    version=1 request account conId symbol secType=STK expiry strike=0 right multiplier exchange currency localSymbol
    tradingClass position averageCost modelCode
    """,
)
PORTFOLIO = Layout(
    7, f"version=8 {_HELD} position marketPrice marketValue averageCost unrealizedPnl realizedPnl account"
)
EXECUTION = Layout(
    11,
    f"""
    reqId orderId {_HELD} execId time account venue side shares price permId clientId liquidation=0 cumulative
    averagePrice orderRef evRule evMultiplier modelCode lastLiquidity=2 pendingPriceRevision>=178=0
    """,
)
OPEN_ORDER = Layout(
    5,
    f"""
    orderId {_CONTRACT} action quantity orderType limit=0.0 auxPrice=0.0 tif ocaGroup account openClose origin=0
    orderRef clientId permId outsideRth=0 hidden=0 discretionaryAmt=0 goodAfterTime skipped faGroup faMethod
    faPercentage faProfile<177 modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot=0
    designatedLocation exemptCode=-1 auctionStrategy=0 startingPrice stockRefPrice delta stockRangeLower stockRangeUpper
    displaySize=0 blockOrder=0 sweepToFill=0 allOrNone=0 minQty ocaType=3 eTradeOnly=0 firmQuoteOnly=0 nbboPriceCap
    parentId=0 triggerMethod=0 volatility volatilityType=0 deltaNeutralOrderType=None deltaNeutralAuxPrice
    deltaNeutralConId=0 deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent
    deltaNeutralOpenClose=? deltaNeutralShortSale=0 deltaNeutralShortSaleSlot=0 deltaNeutralLocation
    continuousUpdate=0 referencePriceType=0 trailStopPrice trailingPercent basisPoints basisPointsType comboLegsDescrip
    comboLegs=0 orderComboLegs=0 smartComboParams=0 scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement hedgeType
    optOutSmartRouting=0 clearingAccount clearingIntent=IB notHeld=0 deltaNeutralContract=0 algoStrategy solicited=0
    whatIf=0 status
    initMarginBefore={UNSET_DOUBLE} maintMarginBefore={UNSET_DOUBLE} equityBefore={UNSET_DOUBLE}
    initMarginChange={UNSET_DOUBLE} maintMarginChange={UNSET_DOUBLE} equityChange={UNSET_DOUBLE}
    initMarginAfter={UNSET_DOUBLE} maintMarginAfter={UNSET_DOUBLE} equityAfter={UNSET_DOUBLE}
    commission minCommission maxCommission commissionCurrency warningText
    randomizeSize=0 randomizePrice=0 conditions=0 adjustedOrderType=None triggerPrice adjustedTrailStopPrice
    lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit=0
    softTierName softTierValue softTierDisplay cashQty dontUseAutoPriceForHedge=0 isOmsContainer=0
    discretionaryUpToLimitPrice usePriceMgmtAlgo duration postToAts={UNSET_INTEGER} autoCancelParent=0 {_PEGGED}
    """,
)
COMPLETED_ORDER = Layout(
    101,
    f"""
    {_CONTRACT} action quantity orderType limit=0.0 auxPrice=0.0 tif ocaGroup account openClose origin=0 orderRef permId
    outsideRth=0 hidden=0 discretionaryAmt=0 goodAfterTime faGroup faMethod faPercentage faProfile<177 modelCode
    goodTillDate rule80A percentOffset settlingFirm shortSaleSlot=0 designatedLocation exemptCode=-1 startingPrice
    stockRefPrice delta stockRangeLower stockRangeUpper displaySize=0 sweepToFill=0 allOrNone=0 minQty ocaType=3
    triggerMethod=0 volatility volatilityType=0 deltaNeutralOrderType=None deltaNeutralAuxPrice
    deltaNeutralConId=0 deltaNeutralShortSale=0 deltaNeutralShortSaleSlot=0 deltaNeutralLocation
    continuousUpdate=0 referencePriceType=0 trailStopPrice trailingPercent comboLegsDescrip comboLegs=0 orderComboLegs=0
    smartComboParams=0 scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement hedgeType clearingAccount
    clearingIntent=IB notHeld=0 deltaNeutralContract=0 algoStrategy solicited=0 status randomizeSize=0 randomizePrice=0
    conditions=0 trailStop lmtPriceOffset cashQty dontUseAutoPriceForHedge=0 isOmsContainer=0 autoCancelDate filled
    refFuturesConId=0 autoCancelParent=0 shareholder imbalanceOnly=0 routeMarketableToBbo=0 parentPermId={UNSET_LONG}
    completedTime completedStatus {_PEGGED}
    """,
)
