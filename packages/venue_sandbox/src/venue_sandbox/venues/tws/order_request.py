"""Message 3, an order as a client writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from venue_sandbox.exchange.orders import OrderType, Side
from venue_sandbox.venues.tws.codec import BadFrame, Fields, number_of
from venue_sandbox.venues.tws.contracts import ContractQuery, identified, read_contract

__all__ = ["ORDER_TYPES", "OrderRequest", "read_order"]

ORDER_TYPES = {"MKT": OrderType.MARKET, "LMT": OrderType.LIMIT}
COMBO = "BAG"
LEG_FIELDS = 8
CONDITION_FIELDS = {1: 7, 3: 4, 4: 4, 5: 5, 6: 6, 7: 6}
"""How many fields a condition of each type has: price, time, margin, execution, volume, change in percent."""

_BASE = (
    "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef transmit parentId "
    "blockOrder sweepToFill displaySize triggerMethod outsideRth hidden"
)
_ALLOCATION = "sharesAllocation discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage"
_ATTRIBUTES = (
    "modelCode shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm allOrNone minQty percentOffset "
    "eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy startingPrice stockRefPrice delta stockRangeLower "
    "stockRangeUpper overridePercentageConstraints volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice"
)
_DELTA_NEUTRAL = (
    "deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent "
    "deltaNeutralOpenClose deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation"
)
_SCALE = (
    "continuousUpdate referencePriceType trailStopPrice trailingPercent scaleInitLevelSize scaleSubsLevelSize "
    "scalePriceIncrement"
)
_SCALE_MORE = (
    "scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset scaleInitPosition "
    "scaleInitFillQty scaleRandomPercent"
)
_CONTRACT_MORE = "deltaNeutralContractConId deltaNeutralContractDelta deltaNeutralContractPrice"
_MISCELLANY = "algoId whatIf orderMiscOptions solicited randomizeSize randomizePrice"
_BENCHMARK = (
    "referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount referenceChangeAmount referenceExchangeId"
)
_ADJUSTED = (
    "adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount "
    "adjustableTrailingUnit extOperator softDollarTierName softDollarTierValue cashQty mifid2DecisionMaker "
    "mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo dontUseAutoPriceForHedge isOmsContainer "
    "discretionaryUpToLimitPrice usePriceMgmtAlgo"
)
_SINCE = ((158, "duration"), (160, "postToAts"), (162, "autoCancelParent"), (166, "advancedErrorOverride"))
FA_PROFILE_UNTIL, MANUAL_TIME_SINCE, PEGS_SINCE = 177, 169, 170


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as it was asked for; empty texts were not set.

    Attributes
    ----------
    options
        Every field of the order as it was written, by the names of `ORDER_OPTIONS`.
    """

    order_id: int
    contract: ContractQuery
    options: Mapping[str, str]

    @property
    def side(self) -> Side | None:
        """Buy or sell; None for anything else."""
        return Side[self.action] if self.action in Side.__members__ else None

    @property
    def action(self) -> str:
        """The side as it was written."""
        return self.options["action"]

    @property
    def quantity(self) -> Decimal | None:
        """How many shares; None if it is not set."""
        return number_of(self.options["totalQuantity"])

    @property
    def order_type(self) -> str:
        """The type as it was written."""
        return self.options["orderType"]

    @property
    def limit(self) -> Decimal | None:
        """The limit price; None if it is not set."""
        return number_of(self.options["lmtPrice"])

    @property
    def time_in_force(self) -> str:
        """How long it lives, as it was written."""
        return self.options["tif"]

    @property
    def account(self) -> str:
        """The account; empty if none was named."""
        return self.options["account"]

    @property
    def reference(self) -> str:
        """The client's remark."""
        return self.options["orderRef"]

    @property
    def transmit(self) -> bool:
        """Whether it is to be sent on at once."""
        return _is_set(self.options["transmit"])

    @property
    def what_if(self) -> bool:
        """Whether it only asks what it would cost."""
        return _is_set(self.options["whatIf"])


def read_order(fields: Fields, version: int) -> OrderRequest:
    """Read an order in the form of a server version.

    Raises
    ------
    BadFrame
        A field is missing, holds something else, or there are more than an order has.
    """
    order_id, contract = fields.integer(), identified(read_contract(fields), fields)
    reader = _Reader(fields)
    reader.take(_BASE)
    if contract.kind == COMBO:
        reader.skip_combo()
    reader.take(_ALLOCATION)
    if version < FA_PROFILE_UNTIL:
        reader.take("faProfile")
    reader.take(_ATTRIBUTES)
    reader.take_if("deltaNeutralOrderType", _DELTA_NEUTRAL)
    _read_strategies(reader)
    _read_conditions(reader)
    _read_newest(reader, version, contract.exchange)
    request = OrderRequest(order_id, contract, reader.values)
    number_of(request.options["totalQuantity"])
    number_of(request.options["lmtPrice"])
    if fields.left:
        raise BadFrame(f"{fields.left} fields more than an order has")
    return request


def _read_strategies(reader: _Reader) -> None:
    """Read what scales, hedges and algorithms add."""
    reader.take(_SCALE)
    increment = number_of(reader.values["scalePriceIncrement"])
    if increment is not None and increment > 0:
        reader.take(_SCALE_MORE)
    reader.take("scaleTable activeStartTime activeStopTime hedgeType")
    reader.take_if("hedgeType", "hedgeParam")
    reader.take("optOutSmartRouting clearingAccount clearingIntent notHeld deltaNeutralContract")
    if _is_set(reader.values["deltaNeutralContract"]):
        reader.take(_CONTRACT_MORE)
    reader.take("algoStrategy")
    if reader.values["algoStrategy"]:
        reader.take_several("algoParams", 2)
    reader.take(_MISCELLANY)


def _read_conditions(reader: _Reader) -> None:
    if reader.values["orderType"] in ("PEG BENCH", "PEGBENCH"):
        reader.take(_BENCHMARK)
    reader.take_conditions()
    if reader.values["conditions"] != "0":
        reader.take("conditionsIgnoreRth conditionsCancelOrder")


def _read_newest(reader: _Reader, version: int, exchange: str) -> None:
    """Read the fields that newer versions have added at the end."""
    reader.take(_ADJUSTED)
    for since, name in _SINCE:
        if version >= since:
            reader.take(name)
    if version >= MANUAL_TIME_SINCE:
        reader.take("manualOrderTime")
    if version < PEGS_SINCE:
        return
    if exchange == "IBKRATS":
        reader.take("minTradeQty")
    kind = reader.values["orderType"]
    if kind in ("PEG BEST", "PEGBEST"):
        reader.take("minCompeteSize competeAgainstBestOffset")
    is_up_to_mid = reader.values.get("competeAgainstBestOffset", "").lower().startswith("inf")
    if is_up_to_mid or kind in ("PEG MID", "PEGMID"):
        reader.take("midOffsetAtWhole midOffsetAtHalf")


class _Reader:
    """Reads fields into a mapping by their names."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self.values: dict[str, str] = {}

    def take(self, names: str) -> None:
        for name in names.split():
            self.values[name] = self._fields.text()

    def take_if(self, given: str, names: str) -> None:
        if self.values[given]:
            self.take(names)

    def take_several(self, name: str, size: int) -> None:
        """Read a number, and so many groups of fields; keep how many there were."""
        count = self._fields.integer()
        self._fields.skip(size * count)
        self.values[name] = str(count)

    def skip_combo(self) -> None:
        for size in (LEG_FIELDS, 1, 2):
            self.take_several("combo", size)
        del self.values["combo"]

    def take_conditions(self) -> None:
        count = self._fields.integer()
        for _ in range(count):
            kind = self._fields.integer()
            if kind not in CONDITION_FIELDS:
                raise BadFrame(f"{kind} is no type of a condition")
            self._fields.skip(CONDITION_FIELDS[kind] - 1)
        self.values["conditions"] = str(count)


def _is_set(text: str) -> bool:
    return text not in ("", "0")
