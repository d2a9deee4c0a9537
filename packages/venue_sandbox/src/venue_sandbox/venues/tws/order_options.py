"""Every field of an order, in the order of the wire, and what becomes of it: the table behind `docs/reference`.

A field that is refused may still be written, as clients write all of them: what it may hold then asks for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from venue_sandbox.exchange.treatment import Treatment

__all__ = ["ORDER_OPTIONS", "OrderOption", "first_refused"]

UNSET_FROM = Decimal("1e300")
UNSET_INTEGERS = (Decimal(2**31 - 1), Decimal(2**63 - 1))
NOTHING = frozenset({"", "0"})


@dataclass(frozen=True, slots=True)
class OrderOption:
    """One field of message 3.

    Attributes
    ----------
    code, text
        The error of a field that is refused; of one that is not, the text says what is served, or why it has no
        meaning here.
    nothing
        What asks for nothing, beside zero, an empty text and the numbers that clients write for "not set".
    same_as
        The field whose value, said once more, asks for nothing.
    """

    name: str
    treatment: Treatment
    text: str
    code: int = 0
    nothing: frozenset[str] = frozenset()
    same_as: str = ""

    def asks(self, value: str) -> bool:
        """Whether a value asks for something."""
        return _plain(value) not in NOTHING | self.nothing


def first_refused(values: Mapping[str, str]) -> OrderOption | None:
    """Return the first option that an order asks for and that is refused; None if there is none."""
    refused = (option for option in ORDER_OPTIONS if option.treatment is Treatment.REFUSED)
    asked = (option for option in refused if option.asks(values.get(option.name, "")))
    return next((option for option in asked if values[option.name] != values.get(option.same_as)), None)


def _plain(value: str) -> str:
    """Return a value as the table writes it: numbers without zeros at their end, those that are not set as nothing."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if not number.is_finite():
        return value
    return "" if number >= UNSET_FROM or number in UNSET_INTEGERS else f"{number.normalize():f}"


def _served(names: str, text: str) -> tuple[OrderOption, ...]:
    return tuple(OrderOption(name, Treatment.SERVED, text) for name in names.split())


def _refused(names: str, code: int, text: str, *nothing: str) -> tuple[OrderOption, ...]:
    return tuple(OrderOption(name, Treatment.REFUSED, text, code, frozenset(nothing)) for name in names.split())


def _rejected(names: str, what: str, *nothing: str) -> tuple[OrderOption, ...]:
    """Return options for which the broker has no code of their own."""
    return _refused(names, 201, f"Order rejected - reason:{what} is not supported for this order", *nothing)


def _meaningless(names: str, why: str) -> tuple[OrderOption, ...]:
    return tuple(OrderOption(name, Treatment.MEANINGLESS, why) for name in names.split())


_ADVISOR = (344, "The account is not a financial advisor account")
_CLEARING = (346, "The account is not an institutional account or an away clearing account")
_SHORT = (348, 'Order not a short sale -- type must be "SSHORT" to specify short sale slot')
_VOLATILITY = (369, "Volatility orders are only valid for US options")
_NEUTRAL = (429, "Delta neutral orders are only supported for combos (BAG security type)")
_TRAILING = (328, "Trailing stop orders can be attached to limit or stop-limit orders only")
_SCALE = (409, "Invalid scale order. You must specify order component size")
_ALGORITHM = (442, "The specified algorithm is not allowed for this order")
_CONDITIONS = (402, "Conditions are not allowed for this contract")
_DISCRETIONARY = (325, "Discretionary orders are not supported for this combination of exchange and order type")
_REPORTS = "a note for records and regulators; no order trades otherwise for it"

ORDER_OPTIONS: tuple[OrderOption, ...] = (
    *_served("action", "BUY or SELL; anything else is 321"),
    *_served("totalQuantity", "whole shares; 434 and 10243 otherwise"),
    *_served("orderType", "MKT or LMT; anything else is 387"),
    *_served("lmtPrice", "of LMT; at a MKT order it is 201"),
    *_refused("auxPrice", 403, "Invalid stop price"),
    *_served("tif", "DAY or GTC; unset is DAY with message 10349; anything else is 10052"),
    *_refused("ocaGroup", 395, "Due to system problems, orders with OCA groups are currently not being accepted"),
    *_served("account", "one of the login; 321 otherwise, 435 where it is missing among several"),
    *_refused("openClose", *_CLEARING, "O"),
    *_refused("origin", 311, "The origin is invalid"),
    *_served("orderRef", "told with the order and its fills"),
    *_served("transmit", "true; an order that is not to be transmitted is 321, and none is there for a child"),
    *_refused("parentId", 10006, "Missing parent order"),
    *_rejected("blockOrder", "Block order"),
    *_rejected("sweepToFill", "Sweep-to-fill"),
    *_rejected("displaySize", "Iceberg (display size)"),
    *_refused("triggerMethod", 146, "Invalid trigger method"),
    *_refused("outsideRth", 411, 'The "Outside Regular Trading Hours" flag is not valid for this order'),
    *_refused("hidden", 152, 'The "hidden" order attribute may not be specified for this order'),
    *_rejected("sharesAllocation", "Shares allocation"),
    *_refused("discretionaryAmt", *_DISCRETIONARY),
    *_refused("goodAfterTime", 338, "Good After Time orders are currently disabled on this exchange"),
    *_refused("goodTillDate", 334, "Invalid Good Till Date order"),
    *_refused("faGroup faMethod faPercentage faProfile", *_ADVISOR),
    *_rejected("modelCode", "Model code"),
    *_refused("shortSaleSlot designatedLocation exemptCode", *_SHORT, "-1"),
    *_meaningless("ocaType", "says how an OCA group works, and orders with a group are refused"),
    *_rejected("rule80A", "Rule 80A"),
    *_refused("settlingFirm", *_CLEARING),
    *_rejected("allOrNone", "All-or-none"),
    *_rejected("minQty", "Minimum quantity"),
    *_rejected("percentOffset", "Percent offset"),
    *_refused("eTradeOnly", 10268, "The 'EtradeOnly' order attribute is not supported"),
    *_refused("firmQuoteOnly", 10269, "The 'FirmQuoteOnly' order attribute is not supported"),
    *_refused("nbboPriceCap", 10270, "The 'NbboPriceCap' order attribute is not supported"),
    *_rejected("auctionStrategy startingPrice stockRefPrice", "Box auction"),
    *_refused("delta", 335, "Invalid delta: The delta must be between 0 and 100"),
    *_rejected("stockRangeLower stockRangeUpper", "Stock range"),
    *_meaningless("overridePercentageConstraints", "the sandbox has no percentage constraints"),
    *_refused("volatility volatilityType", *_VOLATILITY),
    *_refused("deltaNeutralOrderType deltaNeutralAuxPrice", *_NEUTRAL, "None"),
    *_refused("deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount", *_NEUTRAL),
    *_refused("deltaNeutralClearingIntent deltaNeutralOpenClose deltaNeutralShortSale", *_NEUTRAL, "?", "O"),
    *_refused("deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation", *_NEUTRAL),
    *_refused("continuousUpdate referencePriceType", *_VOLATILITY),
    *_refused("trailStopPrice trailingPercent", *_TRAILING),
    *_refused("scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement", *_SCALE),
    *_refused("scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset", *_SCALE),
    *_refused("scaleInitPosition scaleInitFillQty scaleRandomPercent", *_SCALE),
    *_refused("scaleTable activeStartTime activeStopTime", *_SCALE),
    *_rejected("hedgeType hedgeParam", "Hedge order"),
    *_meaningless("optOutSmartRouting", "every share trades at one exchange only"),
    OrderOption("clearingAccount", Treatment.REFUSED, _CLEARING[1], _CLEARING[0], same_as="account"),
    *_refused("clearingIntent", *_CLEARING, "IB"),
    *_rejected("notHeld", "Not held"),
    *_refused("deltaNeutralContract deltaNeutralContractConId", *_NEUTRAL),
    *_refused("deltaNeutralContractDelta deltaNeutralContractPrice", *_NEUTRAL),
    *_refused("algoStrategy algoParams algoId", *_ALGORITHM),
    *_served("whatIf", "answered with margins, equity and commission; no order is made"),
    *_rejected("orderMiscOptions", "Miscellaneous option"),
    *_meaningless("solicited", _REPORTS),
    *_rejected("randomizeSize", "Randomized size"),
    *_rejected("randomizePrice", "Randomized price"),
    *_refused("referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount", 387, "Unsupported order type"),
    *_refused("referenceChangeAmount referenceExchangeId", 387, "Unsupported order type"),
    *_refused("conditions", *_CONDITIONS),
    *_meaningless("conditionsIgnoreRth conditionsCancelOrder", "say how conditions work, which are refused"),
    *_rejected("adjustedOrderType", "Adjustable order", "None"),
    *_refused("triggerPrice", 361, "Invalid trigger price"),
    *_rejected("lmtPriceOffset", "Limit price offset"),
    *_refused("adjustedStopPrice", 362, "Invalid adjusted stop price"),
    *_refused("adjustedStopLimitPrice", 363, "Invalid adjusted stop limit price"),
    *_refused("adjustedTrailingAmount adjustableTrailingUnit", 364, "Invalid adjusted trailing amount"),
    *_meaningless("extOperator", _REPORTS),
    *_rejected("softDollarTierName softDollarTierValue", "Soft dollar tier"),
    *_refused("cashQty", 10244, "Cash Quantity cannot be used for this order"),
    *_meaningless("mifid2DecisionMaker mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo", _REPORTS),
    *_meaningless("dontUseAutoPriceForHedge", "says how hedge orders work, which are refused"),
    *_rejected("isOmsContainer", "OMS container"),
    *_refused("discretionaryUpToLimitPrice", *_DISCRETIONARY),
    *_rejected("usePriceMgmtAlgo", "Price management algo"),
    *_rejected("duration", "Duration"),
    *_rejected("postToAts", "Post to ATS"),
    *_meaningless("autoCancelParent", "says what becomes of a parent, and orders with one are refused"),
    *_meaningless("advancedErrorOverride", "the sandbox has no rejects that may be overridden"),
    *_meaningless("manualOrderTime", _REPORTS),
    *_rejected("minTradeQty", "Minimum trade quantity"),
    *_refused("minCompeteSize competeAgainstBestOffset", 387, "Unsupported order type"),
    *_refused("midOffsetAtWhole midOffsetAtHalf", 387, "Unsupported order type"),
)
