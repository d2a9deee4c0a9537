"""The official Python client of Interactive Brokers, every request of it and every option of an order."""

from __future__ import annotations

import inspect
import queue
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from verdicts import Refused, Wrong, book, finish, given, judge

CLIENT, WRAPPER = import_module("ibapi.client"), import_module("ibapi.wrapper")
CONTRACT, ORDER = import_module("ibapi.contract").Contract, import_module("ibapi.order").Order
FIRST_REQUEST = 9000
WAIT = 10.0
QUIET = 0.3
TOLD = (399, 10167, 10349)
"""Codes that are no refusal."""


def recorder(events: queue.Queue[tuple[str, tuple[Any, ...]]]) -> Any:
    """Return a client that puts every callback in a queue."""

    def put(name: str) -> Callable[..., None]:
        return lambda _self, *values, **named: events.put((name, (*values, *named.values())))

    names = [name for name, _ in inspect.getmembers(WRAPPER.EWrapper, inspect.isfunction) if not name.startswith("_")]
    kind: Any = type("Recorder", (CLIENT.EClient, WRAPPER.EWrapper), {name: put(name) for name in names})
    made = kind.__new__(kind)
    CLIENT.EClient.__init__(made, made)
    return made


class Flow:
    """A connection, and requests over it."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[str, tuple[Any, ...]]] = queue.Queue()
        self.app = recorder(self.events)
        self.requests = FIRST_REQUEST
        self.order_id = 0

    def connect(self) -> str:
        """Log in, and wait for the first order id."""
        self.app.connect("127.0.0.1", given()["port"], 21)
        threading.Thread(target=self.app.run, daemon=True).start()
        self.order_id = self.wait(-2, "nextValidId")[0]
        return f"server version {self.app.serverVersion()}"

    def wait(self, request: int, *ends: str) -> tuple[Any, ...]:
        """Return the values of the callback that ends a request."""
        end = time.monotonic() + WAIT
        while True:
            name, values = self.events.get(timeout=max(end - time.monotonic(), 0.001))
            if name in ends:
                return values
            if name == "error" and not self.is_told(values):
                if values[0] == request:
                    raise Refused(" ".join(str(value) for value in values[1:] if value))
                raise Wrong(f"an error that does not name request {request}: {values}")

    @staticmethod
    def is_told(values: tuple[Any, ...]) -> bool:
        """Whether an error is only information."""
        codes = [value for value in values[1:] if isinstance(value, int)]
        return any(code in TOLD or 2100 <= code < 2200 for code in codes)

    def asks(self, send: Callable[[int], object], *ends: str) -> Callable[[], object]:
        """Return a call with a request id of its own."""

        def run() -> object:
            self.drain()
            self.requests += 1
            send(self.requests)
            return self.wait(self.requests, *ends)

        return run

    def orders(self, send: Callable[[int], object], *ends: str) -> Callable[[], object]:
        """Return a call that uses the next order id."""

        def run() -> object:
            self.drain()
            self.order_id += 1
            send(self.order_id)
            return self.wait(self.order_id, *ends)

        return run

    def without_id(self, send: Callable[[], object], *ends: str) -> Callable[[], object]:
        """Return a call whose answers carry no id; one that has no answer is followed by one that has."""

        def run() -> object:
            self.drain()
            send()
            if ends:
                return self.wait(-1, *ends)
            self.app.reqCurrentTime()
            return self.wait(-1, "currentTime")

        return run

    def drain(self) -> None:
        """Forget what came unasked."""
        time.sleep(QUIET / 10)
        while not self.events.empty():
            self.events.get()


def spy(**changes: Any) -> Any:
    """Return a share."""
    made = CONTRACT()
    for name, value in {"symbol": "SPY", "secType": "STK", "exchange": "SMART", "currency": "USD", **changes}.items():
        setattr(made, name, value)
    return made


def order(**changes: Any) -> Any:
    """Return an order."""
    made = ORDER()
    usual = {"action": "BUY", "totalQuantity": 2, "orderType": "MKT", "tif": "DAY", "account": "DUSBX1"}
    for name, value in {**usual, "eTradeOnly": False, "firmQuoteOnly": False, **changes}.items():
        setattr(made, name, value)
    return made


def conditions() -> dict[str, list[Any]]:
    """Return a condition of every sort."""
    module = import_module("ibapi.order_condition")
    sorts = ("Price", "Time", "Margin", "Volume", "PercentChange", "Execution")
    return {sort: [module.Create(getattr(module.OrderCondition, sort))] for sort in sorts}


def tag(name: str, value: str) -> Any:
    """Return a parameter of an algorithm."""
    return import_module("ibapi.tag_value").TagValue(name, value)


OPTIONS: dict[str, dict[str, Any]] = {
    "one-cancels-all group": {"ocaGroup": "g", "ocaType": 1},
    "parent that is not there": {"parentId": 8888},
    "not transmitted": {"transmit": False},
    "good after time": {"goodAfterTime": "20230602 15:45:00 US/Eastern"},
    "good till date": {"tif": "GTD", "goodTillDate": "20230605 15:45:00 US/Eastern"},
    "good till date without its time in force": {"goodTillDate": "20230605 15:45:00 US/Eastern"},
    "all or none": {"allOrNone": True},
    "hidden": {"hidden": True},
    "iceberg": {"displaySize": 1},
    "outside regular hours": {"outsideRth": True},
    "cash quantity": {"cashQty": 1000.0},
    "minimum quantity": {"minQty": 1},
    "block": {"blockOrder": True},
    "sweep to fill": {"sweepToFill": True},
    "discretionary amount": {"discretionaryAmt": 0.1},
    "not held": {"notHeld": True},
    "trigger method": {"triggerMethod": 4},
    "algorithm": {"algoStrategy": "Adaptive", "algoParams": [tag("adaptivePriority", "Normal")]},
    "algorithm without parameters": {"algoStrategy": "Twap"},
    "scale": {"scaleInitLevelSize": 1, "scalePriceIncrement": 0.1},
    "hedge": {"hedgeType": "B", "hedgeParam": "1"},
    "model code": {"modelCode": "model"},
    "advisor group": {"faGroup": "all", "faMethod": "Equal"},
    "stop": {"orderType": "STP", "auxPrice": 300.0},
    "stop limit": {"orderType": "STP LMT", "auxPrice": 300.0, "lmtPrice": 300.0},
    "trailing": {"orderType": "TRAIL", "trailingPercent": 5.0},
    "trailing at a market order": {"trailingPercent": 5.0},
    "trail stop price at a market order": {"trailStopPrice": 300.0},
    "adjusted stop": {"adjustedOrderType": "STP", "triggerPrice": 300.0, "adjustedStopPrice": 290.0},
    "market on close": {"orderType": "MOC"},
    "relative": {"orderType": "REL", "percentOffset": 0.01},
    "pegged to the middle": {"orderType": "PEG MID", "midOffsetAtWhole": 0.1, "midOffsetAtHalf": 0.1},
    "pegged to the best": {"orderType": "PEG BEST", "minCompeteSize": 1, "competeAgainstBestOffset": 0.1},
    "immediate or cancel": {"tif": "IOC"},
    "fill or kill": {"tif": "FOK"},
    "at the opening": {"tif": "OPG"},
    "limit price at a market order": {"lmtPrice": 300.0},
    "randomized size": {"randomizeSize": True},
    "price management": {"usePriceMgmtAlgo": True},
    "duration": {"duration": 60},
    "short sale slot": {"shortSaleSlot": 1},
    "unknown account": {"account": "DU1"},
    "half a share": {"totalQuantity": 1.5},
    "more than there is cash": {"totalQuantity": 10_000_000},
}


def calls(flow: Flow) -> None:
    """Make every request."""
    app, now = flow.app, "20230602 15:00:00 US/Eastern"
    judge("reqCurrentTime", flow.without_id(app.reqCurrentTime, "currentTime"))
    judge("reqManagedAccts", flow.without_id(app.reqManagedAccts, "managedAccounts"))
    judge("reqIds", flow.without_id(lambda: app.reqIds(-1), "nextValidId"))
    judge("setServerLogLevel", flow.without_id(lambda: app.setServerLogLevel(1)))
    judge("reqAccountUpdates", flow.without_id(lambda: app.reqAccountUpdates(True, "DUSBX1"), "accountDownloadEnd"))
    judge("reqAccountUpdates end", flow.without_id(lambda: app.reqAccountUpdates(False, "DUSBX1")))
    judge("reqPositions", flow.without_id(app.reqPositions, "positionEnd"))
    judge("cancelPositions", flow.without_id(app.cancelPositions))
    judge("reqOpenOrders", flow.without_id(app.reqOpenOrders, "openOrderEnd"))
    judge("reqAllOpenOrders", flow.without_id(app.reqAllOpenOrders, "openOrderEnd"))
    judge("reqCompletedOrders", flow.without_id(lambda: app.reqCompletedOrders(False), "completedOrdersEnd"))
    judge("reqFamilyCodes", flow.without_id(app.reqFamilyCodes, "familyCodes"))
    judge("reqMktDepthExchanges", flow.without_id(app.reqMktDepthExchanges, "mktDepthExchanges"))
    judge("reqNewsProviders", flow.without_id(app.reqNewsProviders, "newsProviders"))
    judge("reqScannerParameters", flow.without_id(app.reqScannerParameters, "scannerParameters"))
    judge("reqMarketRule", flow.without_id(lambda: app.reqMarketRule(26), "marketRule"))
    judge("reqNewsBulletins", flow.without_id(lambda: app.reqNewsBulletins(True)))
    judge("cancelNewsBulletins", flow.without_id(app.cancelNewsBulletins))
    judge("reqMarketDataType", flow.without_id(lambda: app.reqMarketDataType(1)))
    judge("reqAutoOpenOrders", flow.without_id(lambda: app.reqAutoOpenOrders(True)))
    judge("cancelHeadTimeStamp", flow.without_id(lambda: app.cancelHeadTimeStamp(1)))
    judge("requestFA", flow.without_id(lambda: app.requestFA(1)))
    option = spy(secType="OPT", lastTradeDateOrContractMonth="20230616", strike=400.0, right="C", multiplier="100")
    with_id: dict[str, tuple[Callable[[int], object], tuple[str, ...]]] = {
        "reqContractDetails": (lambda n: app.reqContractDetails(n, spy()), ("contractDetailsEnd",)),
        "reqContractDetails unknown": (lambda n: app.reqContractDetails(n, spy(symbol="XXX")), ("contractDetailsEnd",)),
        "reqContractDetails option": (lambda n: app.reqContractDetails(n, option), ("contractDetailsEnd",)),
        "reqMatchingSymbols": (lambda n: app.reqMatchingSymbols(n, "SP"), ("symbolSamples",)),
        "reqMktData snapshot": (lambda n: app.reqMktData(n, spy(), "", True, False, []), ("tickSnapshotEnd",)),
        "reqMktData": (lambda n: app.reqMktData(n, spy(), "", False, False, []), ("tickPrice",)),
        "cancelMktData of none": (lambda n: app.cancelMktData(n), ()),
        "reqMktData generic": (lambda n: app.reqMktData(n, spy(), "233", False, False, []), ("tickString",)),
        "reqMktData regulatory": (lambda n: app.reqMktData(n, spy(), "", True, True, []), ("tickSnapshotEnd",)),
        "reqMktDepth": (lambda n: app.reqMktDepth(n, spy(), 5, False, []), ("updateMktDepth", "updateMktDepthL2")),
        "cancelMktDepth of none": (lambda n: app.cancelMktDepth(n, False), ()),
        "reqTickByTickData": (lambda n: app.reqTickByTickData(n, spy(), "Last", 0, False), ("tickByTickAllLast",)),
        "reqHistoricalTicks": (
            lambda n: app.reqHistoricalTicks(n, spy(), "", now, 10, "TRADES", 1, False, []),
            ("historicalTicksLast",),
        ),
        "reqHistogramData": (lambda n: app.reqHistogramData(n, spy(), True, "3 days"), ("histogramData",)),
        "reqHeadTimeStamp": (lambda n: app.reqHeadTimeStamp(n, spy(), "TRADES", 1, 1), ("headTimestamp",)),
        "reqRealTimeBars": (lambda n: app.reqRealTimeBars(n, spy(), 5, "TRADES", True, []), ("realtimeBar",)),
        "reqFundamentalData": (lambda n: app.reqFundamentalData(n, spy(), "ReportSnapshot", []), ("fundamentalData",)),
        "reqSecDefOptParams": (
            lambda n: app.reqSecDefOptParams(n, "SPY", "", "STK", 1),
            ("securityDefinitionOptionParameterEnd",),
        ),
        "reqSoftDollarTiers": (lambda n: app.reqSoftDollarTiers(n), ("softDollarTiers",)),
        "reqSmartComponents": (lambda n: app.reqSmartComponents(n, "9c0001"), ("smartComponents",)),
        "reqUserInfo": (lambda n: app.reqUserInfo(n), ("userInfo",)),
        "reqNewsArticle": (lambda n: app.reqNewsArticle(n, "BZ", "1", []), ("newsArticle",)),
        "reqHistoricalNews": (lambda n: app.reqHistoricalNews(n, 1, "BZ", "", "", 5, []), ("historicalNewsEnd",)),
        "reqWshMetaData": (lambda n: app.reqWshMetaData(n), ("wshMetaData",)),
        "calculateImpliedVolatility": (
            lambda n: app.calculateImpliedVolatility(n, option, 1.0, 400.0, []),
            ("tickOptionComputation",),
        ),
        "calculateOptionPrice": (
            lambda n: app.calculateOptionPrice(n, option, 0.2, 400.0, []),
            ("tickOptionComputation",),
        ),
        "exerciseOptions": (
            lambda n: app.exerciseOptions(n, option, 1, 1, "DUSBX1", 0, "", "", False),
            ("orderStatus",),
        ),
        "reqScannerSubscription": (
            lambda n: app.reqScannerSubscription(n, import_module("ibapi.scanner").ScannerSubscription(), [], []),
            ("scannerDataEnd",),
        ),
        "queryDisplayGroups": (lambda n: app.queryDisplayGroups(n), ("displayGroupList",)),
        "subscribeToGroupEvents": (lambda n: app.subscribeToGroupEvents(n, 1), ("displayGroupUpdated",)),
        "reqAccountSummary": (lambda n: app.reqAccountSummary(n, "All", "NetLiquidation"), ("accountSummaryEnd",)),
        "reqAccountUpdatesMulti": (
            lambda n: app.reqAccountUpdatesMulti(n, "DUSBX1", "", False),
            ("accountUpdateMultiEnd",),
        ),
        "reqAccountUpdatesMulti unknown": (
            lambda n: app.reqAccountUpdatesMulti(n, "DU1", "", False),
            ("accountUpdateMultiEnd",),
        ),
        "reqPositionsMulti": (lambda n: app.reqPositionsMulti(n, "DUSBX1", ""), ("positionMultiEnd",)),
        "reqPnL": (lambda n: app.reqPnL(n, "DUSBX1", ""), ("pnl",)),
        "reqPnLSingle": (lambda n: app.reqPnLSingle(n, "DUSBX1", "", 1), ("pnlSingle",)),
        "reqExecutions": (
            lambda n: app.reqExecutions(n, import_module("ibapi.execution").ExecutionFilter()),
            ("execDetailsEnd",),
        ),
    }
    for name, (send, ends) in with_id.items():
        judge(name, flow.asks(send, *ends))
    bars: dict[str, tuple[Any, ...]] = {
        "daily": ("", "5 D", "1 day", "TRADES", 1, 1, False, []),
        "adjusted": ("", "5 D", "1 day", "ADJUSTED_LAST", 1, 1, False, []),
        "to a date": ("20230531 23:59:59 US/Eastern", "5 D", "1 day", "TRADES", 1, 1, False, []),
        "of a minute": ("", "1 D", "1 min", "TRADES", 1, 1, False, []),
        "of the middle": ("", "5 D", "1 day", "MIDPOINT", 1, 1, False, []),
        "kept up to date": ("", "5 D", "1 day", "TRADES", 1, 1, True, []),
    }
    for name, values in bars.items():
        send = flow.asks(lambda n, values=values: app.reqHistoricalData(n, spy(), *values), "historicalDataEnd")
        judge(f"reqHistoricalData {name}", send)


def orders(flow: Flow) -> None:
    """Place orders: plain ones, which work, and one with each option, which are refused and make none."""
    app = flow.app

    def place(changes: dict[str, Any], *ends: str) -> Callable[[], object]:
        return flow.orders(lambda n: app.placeOrder(n, spy(), order(**changes)), *ends)

    judge("placeOrder market", place({}, "execDetails"), must="works")
    judge("placeOrder limit", place({"orderType": "LMT", "lmtPrice": 20.0}, "openOrder"), must="works")
    resting = flow.order_id
    dearer = order(orderType="LMT", lmtPrice=21.0)
    changed = flow.without_id(lambda: app.placeOrder(resting, spy(), dearer), "openOrder")
    judge("placeOrder change", changed, must="works")
    judge("placeOrder what if", place({"whatIf": True, "totalQuantity": 3}, "openOrder"), must="works")
    judge("cancelOrder", lambda: cancelled(flow, resting), must="refused")
    judge("reqGlobalCancel", flow.without_id(lambda: global_cancel(app)))
    sorts = {f"{sort} condition": {"conditions": made} for sort, made in conditions().items()}
    for name, changes in {**OPTIONS, **sorts}.items():
        run = lambda changes=changes: refused_whole(place(changes, "execDetails"))  # noqa: E731
        judge(f"placeOrder {name}", run, must="refused")
    judge("bracket whose parent is refused", lambda: bracket(flow), must="works")


def refused_whole(run: Callable[[], object]) -> object:
    """Place an order that has to be refused, and see that none is there that lives or has filled."""
    before = sum(1 for one in book() if one["status"] != "rejected")
    try:
        return run()
    finally:
        time.sleep(QUIET)
        if sum(1 for one in book() if one["status"] != "rejected") != before:
            raise Wrong("the order is there all the same")


def cancelled(flow: Flow, order_id: int) -> object:
    """Cancel an order; 202 is how that is told."""
    flow.drain()
    flow.app.cancelOrder(order_id, import_module("ibapi.order_cancel").OrderCancel())
    return flow.wait(order_id, "nothing")


def global_cancel(app: Any) -> None:
    """Cancel all orders, by the client's present way or its former one."""
    try:
        app.reqGlobalCancel(import_module("ibapi.order_cancel").OrderCancel())
    except (ImportError, TypeError):
        app.reqGlobalCancel()


def bracket(flow: Flow) -> str:
    """Send a bracket as the documentation has it; none of its orders lives, and each is refused by its own id."""
    before, flow.order_id = len(book()), flow.order_id + 3
    parent, first, second = flow.order_id - 2, flow.order_id - 1, flow.order_id
    flow.drain()
    flow.app.placeOrder(parent, spy(), order(orderType="LMT", lmtPrice=20.0, transmit=False))
    flow.app.placeOrder(
        first, spy(), order(action="SELL", orderType="LMT", lmtPrice=900.0, parentId=parent, transmit=False)
    )
    flow.app.placeOrder(second, spy(), order(action="SELL", orderType="LMT", lmtPrice=901.0, parentId=parent))
    for order_id in (parent, first, second):
        try:
            flow.wait(order_id, "openOrder", "orderStatus")
        except Refused:
            continue
        raise Wrong(f"order {order_id} was taken")
    if len(book()) != before:
        raise Wrong("an order of the bracket is there")
    return "none of its orders lives"


if __name__ == "__main__":
    made = Flow()
    judge("connect", made.connect, must="works")
    calls(made)
    orders(made)
    finish()
