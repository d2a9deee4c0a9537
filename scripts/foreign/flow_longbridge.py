"""longbridge: the calls that the app does not make, and orders with every option."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from typing import Any

from verdicts import LIMIT, Wrong, book, finish, given, report

os.chdir("/")  # the library reads a file .env of the working directory
SDK = import_module("longbridge.openapi")
D = Decimal
DAY, NOON = dt.date(2023, 6, 2), dt.datetime(2023, 6, 2, 12, tzinfo=dt.UTC)


async def judge(call: str, run: Callable[[], Any], must: str = "") -> None:
    """Make a call, and report on it."""
    try:
        value = await asyncio.wait_for(run(), LIMIT)
        verdict, detail = "works", str(value)
    except TimeoutError:
        verdict, detail = "hangs", f"no answer in {LIMIT:g} s"
    except SDK.OpenApiException as refused:
        has_code = refused.code is not None and refused.code >= 1000
        verdict, detail = "refused" if has_code else "wrong", str(refused)
    except BaseException as error:  # noqa: BLE001 - whatever the client raises is the finding
        verdict, detail = "wrong", f"{type(error).__name__}: {error}"
    if must and verdict in ("works", "refused") and verdict != must:
        verdict, detail = "wrong", f"it {verdict}, and must not: {detail}"
    report(call, verdict, detail)


async def quotes(context: Any) -> None:
    """Ask the quote socket."""
    spy, day = ["SPY.US"], SDK.Period.Day
    calls: dict[str, tuple[str, tuple[Any, ...]]] = {
        "quote": ("works", (spy,)),
        "static_info": ("works", (spy,)),
        "trading_session": ("works", ()),
        "trading_days": ("works", (SDK.Market.US, DAY, DAY)),
        "subscriptions": ("works", ()),
        "candlesticks": ("works", ("SPY.US", day, 5, SDK.AdjustType.NoAdjust)),
        "depth": ("refused", ("SPY.US",)),
        "brokers": ("refused", ("SPY.US",)),
        "participants": ("refused", ()),
        "trades": ("refused", ("SPY.US", 5)),
        "intraday": ("refused", ("SPY.US",)),
        "option_quote": ("refused", (["SPY230616C400000.US"],)),
        "option_chain_expiry_date_list": ("refused", ("SPY.US",)),
        "option_chain_info_by_date": ("refused", ("SPY.US", DAY)),
        "warrant_quote": ("refused", (["700.HK"],)),
        "warrant_issuers": ("refused", ()),
        "capital_flow": ("refused", ("SPY.US",)),
        "capital_distribution": ("refused", ("SPY.US",)),
        "calc_indexes": ("refused", (spy, [SDK.CalcIndex.LastDone])),
        "watchlist": ("refused", ()),
        "filings": ("refused", ("SPY.US",)),
        "market_temperature": ("refused", (SDK.Market.US,)),
        "history_market_temperature": ("refused", (SDK.Market.US, DAY, DAY)),
        "security_list": ("refused", (SDK.Market.US, SDK.SecurityListCategory.Overnight)),
        "short_positions": ("refused", ("SPY.US",)),
    }
    for name, (must, values) in calls.items():
        await judge(name, lambda name=name, values=values: getattr(context, name)(*values), must)
    await judge(
        "candlesticks by minutes",
        lambda: context.candlesticks("SPY.US", SDK.Period.Min_5, 5, SDK.AdjustType.NoAdjust),
        "refused",
    )
    await judge(
        "candlesticks of all sessions",
        lambda: context.candlesticks("SPY.US", day, 5, SDK.AdjustType.NoAdjust, SDK.TradeSessions.All),
        "refused",
    )
    await judge("subscribe quotes", lambda: context.subscribe(spy, [SDK.SubType.Quote]), "works")
    await judge("unsubscribe quotes", lambda: context.unsubscribe(spy, [SDK.SubType.Quote]), "works")
    for kind in ("Depth", "Brokers", "Trade"):
        await judge(
            f"subscribe {kind}", lambda kind=kind: context.subscribe(spy, [getattr(SDK.SubType, kind)]), "refused"
        )
    await judge("subscribe an unknown symbol", lambda: context.subscribe(["XXX.US"], [SDK.SubType.Quote]), "refused")
    await judge("subscribe_candlesticks", lambda: context.subscribe_candlesticks("SPY.US", SDK.Period.Min_1), "refused")


async def trading(context: Any) -> None:
    """Ask over HTTP, and place orders."""
    calls: dict[str, tuple[str, tuple[Any, ...]]] = {
        "account_balance": ("works", ()),
        "stock_positions": ("works", ()),
        "today_orders": ("works", ()),
        "history_orders": ("works", ()),
        "today_executions": ("works", ()),
        "history_executions": ("works", ()),
        "cash_flow": ("refused", (NOON, NOON)),
        "fund_positions": ("refused", ()),
        "margin_ratio": ("refused", ("SPY.US",)),
        "estimate_max_purchase_quantity": ("refused", ("SPY.US", SDK.OrderType.LO, SDK.OrderSide.Buy, D(20))),
        "all_executions": ("refused", ()),
        "subscribe": ("works", ([SDK.TopicType.Private],)),
        "unsubscribe": ("works", ([SDK.TopicType.Private],)),
        "order_detail": ("refused", ("1",)),
        "cancel_order": ("refused", ("1",)),
    }
    for name, (must, values) in calls.items():
        await judge(name, lambda name=name, values=values: getattr(context, name)(*values), must)
    await orders(context)


async def orders(context: Any) -> None:
    """Place orders; those with options are refused and make none."""
    kinds, times = SDK.OrderType, SDK.TimeInForceType

    def send(kind: Any = kinds.LO, time: Any = times.Day, **options: Any) -> Any:
        values = {"submitted_price": D(20), **options} if kind is not kinds.MO else options
        return context.submit_order("SPY.US", kind, SDK.OrderSide.Buy, D(2), time, **values)

    async def refused_whole(run: Callable[[], Any]) -> Any:
        before = len(book())
        try:
            return await run()
        finally:
            if len(book()) != before:
                raise Wrong("the order is there all the same")

    await judge("submit_order market", lambda: send(kinds.MO), "works")
    await judge("submit_order limit", send, "works")
    resting = (await send()).order_id
    await judge("replace_order", lambda: context.replace_order(resting, D(3), D(21)), "works")
    changes: dict[str, Any] = {
        **{"trigger_price": D(20), "limit_offset": D(1), "trailing_amount": D(1), "trailing_percent": D(1)},
        **{"remark": "other", "monitor_price": D(20), "trigger_count": 1, "limit_depth_level": 1},
    }
    for name, value in changes.items():
        run = lambda name=name, value=value: context.replace_order(resting, D(3), D(21), **{name: value})  # noqa: E731
        await judge(f"replace_order {name}", run, "refused")
    await judge("cancel_order of mine", lambda: context.cancel_order(resting), "works")
    options: dict[str, Callable[[], Any]] = {
        "trigger price": lambda: send(trigger_price=D(21)),
        "trailing amount": lambda: send(trailing_amount=D(1)),
        "trailing percent": lambda: send(trailing_percent=D(1)),
        "limit offset": lambda: send(limit_offset=D(1)),
        "expiry date": lambda: send(expire_date=DAY),
        "good till date": lambda: send(time=times.GoodTilDate, expire_date=DAY),
        "any time": lambda: send(outside_rth=SDK.OutsideRTH.AnyTime),
        "overnight": lambda: send(outside_rth=SDK.OutsideRTH.Overnight),
        "limit depth level": lambda: send(limit_depth_level=1),
        "trigger count": lambda: send(trigger_count=1),
        "monitor price": lambda: send(monitor_price=D(20)),
        "delayed": lambda: send(delayed_until=NOON),
        "price at a market order": lambda: send(kinds.MO, submitted_price=D(20)),
        **{
            f"type {kind}": lambda kind=kind: send(getattr(kinds, kind), trigger_price=D(20)) for kind in ("LIT", "MIT")
        },
        **{f"type {kind}": lambda kind=kind: send(getattr(kinds, kind)) for kind in ("ELO", "AO", "ALO", "ODD", "SLO")},
        **{
            f"type {kind}": lambda kind=kind: send(getattr(kinds, kind), trailing_amount=D(1), limit_offset=D(1))
            for kind in ("TSLPAMT", "TSMAMT")
        },
    }
    for name, run in options.items():
        await judge(f"submit_order {name}", lambda run=run: refused_whole(run), "refused")


async def main() -> None:
    """Run all of it."""
    config = SDK.Config.from_apikey(**given()["login"], enable_print_quote_packages=False)
    await trading(SDK.AsyncTradeContext.create(config))
    await quotes(SDK.AsyncQuoteContext.create(config))


if __name__ == "__main__":
    asyncio.run(main())
    finish()
