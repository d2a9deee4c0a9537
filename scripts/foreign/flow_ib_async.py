"""ib_async: the requests that the app does not make."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from verdicts import LIMIT, Refused, Wrong, book, finish, given, report

SDK = import_module("ib_async")
TOLD = (399, 10167, 10349)
SHORT = 1.0


class Flow:
    """A connection, and the errors that came over it."""

    def __init__(self) -> None:
        self.ib = SDK.IB()
        self.errors: list[tuple[int, int, str]] = []
        self.ib.errorEvent += self.note

    def note(self, request: int, code: int, text: str, *_: Any) -> None:
        """Keep an error that is more than information."""
        if code not in TOLD and not 2100 <= code < 2200:
            self.errors.append((request, code, text))

    async def judge(self, call: str, run: Callable[[], Any], must: str = "", *, is_sent: bool = False) -> None:
        """Make a call, and report on it; ``is_sent`` is one whose answer comes later."""
        self.errors.clear()
        try:
            value = run()
            if isinstance(value, Awaitable):
                value = await asyncio.wait_for(value, LIMIT)  # pyright: ignore[reportUnknownArgumentType]
            await asyncio.sleep(SHORT / 5 if is_sent else 0)
            verdict, detail = ("refused", str(self.errors[0])) if self.errors else ("works", str(value))
        except TimeoutError:
            verdict, detail = "hangs", f"no answer in {LIMIT:g} s {self.errors}"
        except Refused as refused:
            verdict, detail = "refused", str(refused)
        except BaseException as error:  # noqa: BLE001 - whatever the client raises is the finding
            verdict, detail = "wrong", f"{type(error).__name__}: {error}"
        if must and verdict in ("works", "refused") and verdict != must:
            verdict, detail = "wrong", f"it {verdict}, and must not: {detail}"
        report(call, verdict, detail)


async def looks(flow: Flow) -> None:
    """Ask for what there is to look at."""
    ib, spy, judge = flow.ib, SDK.Stock("SPY", "SMART", "USD"), flow.judge
    await judge("qualifyContracts", lambda: ib.qualifyContractsAsync(spy), "works")
    option = SDK.Option("SPY", "20230616", 400, "C", "SMART")
    await judge("qualifyContracts option", lambda: ib.qualifyContractsAsync(option), "refused")
    await judge("reqMatchingSymbols", lambda: ib.reqMatchingSymbolsAsync("SP"), "works")
    await judge("reqMarketRule", lambda: ib.reqMarketRuleAsync(26), "works")
    await judge("reqHeadTimeStamp", lambda: ib.reqHeadTimeStampAsync(spy, "TRADES", True, 1), "works")
    await judge("reqSmartComponents", lambda: ib.reqSmartComponentsAsync("9c0001"), "works")
    await judge("reqMktDepthExchanges", ib.reqMktDepthExchangesAsync, "works")
    await judge("reqNewsProviders", ib.reqNewsProvidersAsync, "works")
    await judge("reqScannerParameters", ib.reqScannerParametersAsync, "works")
    await judge("reqUserInfo", ib.reqUserInfoAsync, "works")
    await judge("reqSecDefOptParams", lambda: ib.reqSecDefOptParamsAsync("SPY", "", "STK", spy.conId), "works")
    await judge("reqHistogramData", lambda: ib.reqHistogramDataAsync(spy, True, "3 days"), "refused")
    await judge("reqFundamentalData", lambda: ib.reqFundamentalDataAsync(spy, "ReportSnapshot"), "refused")
    await judge("reqNewsArticle", lambda: ib.reqNewsArticleAsync("BZ", "1"), "refused")
    await judge("reqHistoricalNews", lambda: ib.reqHistoricalNewsAsync(spy.conId, "BZ", "", "", 5), "refused")
    ticks = ("", "20230602 15:00:00 US/Eastern", 10, "TRADES", True)
    await judge("reqHistoricalTicks", lambda: ib.reqHistoricalTicksAsync(spy, *ticks), "refused")
    await judge("reqHistoricalSchedule", lambda: ib.reqHistoricalScheduleAsync(spy, 5), "refused")
    await judge("reqScannerData", lambda: ib.reqScannerDataAsync(SDK.ScannerSubscription()), "refused")
    await judge("calculateImpliedVolatility", lambda: ib.calculateImpliedVolatilityAsync(option, 1, 400), "refused")
    await judge("calculateOptionPrice", lambda: ib.calculateOptionPriceAsync(option, 0.2, 400), "refused")
    await judge("requestFA", lambda: ib.requestFAAsync(1), "refused")
    for size, show, kept in (("1 min", "TRADES", False), ("1 day", "BID", False), ("1 day", "TRADES", True)):
        bars = (spy, "", "2 D", size, show, True)
        run = lambda bars=bars, kept=kept: ib.reqHistoricalDataAsync(*bars, keepUpToDate=kept, timeout=0)  # noqa: E731
        await judge(f"reqHistoricalData {size} {show} kept={kept}", run, "refused")
    await judge("reqTickers", lambda: ib.reqTickersAsync(spy), "works")
    await judge("reqTickers regulatory", lambda: ib.reqTickersAsync(spy, regulatorySnapshot=True), "refused")
    await judge("reqAccountUpdatesMulti", lambda: ib.reqAccountUpdatesMultiAsync("DUSBX1"), "works")
    await judge("reqAccountUpdatesMulti unknown", lambda: ib.reqAccountUpdatesMultiAsync("DU1"), "refused")
    await judge("reqAccountSummary", ib.reqAccountSummaryAsync, "works")
    await judge("reqCompletedOrders", lambda: ib.reqCompletedOrdersAsync(True), "works")


async def subscriptions(flow: Flow) -> None:
    """Subscribe: each is told something, or refused."""
    ib, spy, judge = flow.ib, SDK.Stock("SPY", "SMART", "USD"), flow.judge
    await ib.qualifyContractsAsync(spy)

    async def told(found: Any, field: str) -> Any:
        end = time.monotonic() + SHORT
        while time.monotonic() < end and not flow.errors:
            value = getattr(found, field)
            if value == value and value is not None:
                return value
            await asyncio.sleep(0.01)
        if flow.errors:
            return None
        raise Wrong(f"nothing was told, and nothing refused: {found}")

    await judge("reqPnL", lambda: told(ib.reqPnL("DUSBX1"), "dailyPnL"), "works")
    await judge("cancelPnL", lambda: ib.cancelPnL("DUSBX1"), "works", is_sent=True)
    await judge("reqPnLSingle", lambda: told(ib.reqPnLSingle("DUSBX1", "", spy.conId), "dailyPnL"), "works")
    await judge("cancelPnLSingle", lambda: ib.cancelPnLSingle("DUSBX1", "", spy.conId), "works", is_sent=True)
    await judge("reqMktData", lambda: told(ib.reqMktData(spy), "bid"), "works")
    await judge("cancelMktData", lambda: ib.cancelMktData(spy), "works", is_sent=True)
    await judge("reqMktData generic", lambda: told(ib.reqMktData(spy, "233"), "rtVolume"), "refused")
    await judge("reqMktDepth", lambda: ib.reqMktDepth(spy), "refused", is_sent=True)
    await judge("reqTickByTickData", lambda: ib.reqTickByTickData(spy, "Last"), "refused", is_sent=True)
    await judge("reqRealTimeBars", lambda: ib.reqRealTimeBars(spy, 5, "TRADES", True), "refused", is_sent=True)
    await judge(
        "reqScannerSubscription", lambda: ib.reqScannerSubscription(SDK.ScannerSubscription()), "refused", is_sent=True
    )
    await judge("reqWshMetaData", lambda: ib.reqWshMetaData(), "refused", is_sent=True)
    await judge("reqNewsBulletins", lambda: ib.reqNewsBulletins(True), "works", is_sent=True)
    await judge("reqAutoOpenOrders", lambda: ib.reqAutoOpenOrders(True), "refused", is_sent=True)


async def orders(flow: Flow) -> None:
    """Place orders with the library's own helpers."""
    ib, spy, judge = flow.ib, SDK.Stock("SPY", "SMART", "USD"), flow.judge
    await ib.qualifyContractsAsync(spy)
    usual = {"tif": "DAY", "account": "DUSBX1"}

    async def done(trade: Any) -> Any:
        while not trade.isDone():
            await asyncio.sleep(0.01)
        return trade.orderStatus.status

    async def each_refused(made: list[Any]) -> str:
        before = len(book())
        trades = [ib.placeOrder(spy, one) for one in made]
        await asyncio.sleep(SHORT)
        ids = {trade.order.orderId for trade in trades}
        if ids != {request for request, *_ in flow.errors}:
            raise Wrong(f"orders {ids}, errors {flow.errors}")
        if len(book()) != before:
            raise Wrong("an order is there all the same")
        raise Refused(str(flow.errors))

    await judge("market order", lambda: done(ib.placeOrder(spy, SDK.MarketOrder("BUY", 2, **usual))), "works")
    state = lambda: ib.whatIfOrderAsync(spy, SDK.MarketOrder("BUY", 2, **usual))  # noqa: E731
    await judge("what if", state, "works")
    none = lambda: ib.whatIfOrderAsync(spy, SDK.MarketOrder("BUY", 2, allOrNone=True, **usual))  # noqa: E731
    await judge("what if of a refused order", none, "refused")
    await judge("bracketOrder", lambda: each_refused(list(ib.bracketOrder("BUY", 2, 20, 900, 10, **usual))), "refused")
    pair = [SDK.LimitOrder("BUY", 2, price, **usual) for price in (20, 21)]
    await judge("oneCancelsAll", lambda: each_refused(ib.oneCancelsAll(pair, "pair", 1)), "refused")
    price = SDK.PriceCondition(price=1.0, conId=spy.conId, exch="SMART")
    twap = {"algoStrategy": "Twap", "algoParams": [SDK.TagValue("allowPastEndTime", "1")]}
    options: dict[str, Any] = {
        "stop": SDK.StopOrder("BUY", 2, 500, **usual),
        "stop limit": SDK.StopLimitOrder("BUY", 2, 500, 500, **usual),
        "price condition": SDK.MarketOrder("BUY", 2, conditions=[price], **usual),
        "time condition": SDK.MarketOrder("BUY", 2, conditions=[SDK.TimeCondition(time="20230602 15:00:00")], **usual),
        "margin condition": SDK.MarketOrder("BUY", 2, conditions=[SDK.MarginCondition(percent=30)], **usual),
        "algorithm": SDK.MarketOrder("BUY", 2, **twap, **usual),
        "good after time": SDK.MarketOrder("BUY", 2, goodAfterTime="20230602 15:45:00", **usual),
        "all or none": SDK.MarketOrder("BUY", 2, allOrNone=True, **usual),
        "cash quantity": SDK.MarketOrder("BUY", 0, cashQty=1000, **usual),
        "outside regular hours": SDK.LimitOrder("BUY", 2, 20, outsideRth=True, **usual),
        "hidden": SDK.LimitOrder("BUY", 2, 20, hidden=True, **usual),
    }  # fmt: skip
    for name, made in options.items():
        await judge(f"order {name}", lambda made=made: each_refused([made]), "refused")


async def main() -> None:
    """Run all of it."""
    flow = Flow()
    await flow.judge("connect", lambda: flow.ib.connectAsync("127.0.0.1", given()["port"], clientId=22), "works")
    await looks(flow)
    await subscriptions(flow)
    await orders(flow)


if __name__ == "__main__":
    asyncio.run(main())
    finish()
