"""NautilusTrader: a whole trading node with its adapter for Interactive Brokers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

from verdicts import Refused, Wrong, book, finish, given, report

PACKAGE = "nautilus_trader"
IB = import_module(f"{PACKAGE}.adapters.interactive_brokers.common")
CONFIG = import_module(f"{PACKAGE}.adapters.interactive_brokers.config")
FACTORIES = import_module(f"{PACKAGE}.adapters.interactive_brokers.factories")
SETTINGS, LIVE = import_module(f"{PACKAGE}.config"), import_module(f"{PACKAGE}.live.node")
STRATEGY, DATA = import_module(f"{PACKAGE}.trading.strategy"), import_module(f"{PACKAGE}.model.data")
ENUMS, IDS = import_module(f"{PACKAGE}.model.enums"), import_module(f"{PACKAGE}.model.identifiers")
LIMIT, CONNECT_LIMIT = 15.0, 60.0
BARS = "SPY.ARCA-1-DAY-LAST-EXTERNAL"
LIVES = ("ACCEPTED", "PARTIALLY_FILLED", "FILLED", "TRIGGERED", "PENDING_UPDATE", "PENDING_CANCEL")


def strategy() -> Any:
    """Return a strategy that does what it is told, and keeps what it is given."""

    def keep(self: Any, data: Any) -> None:
        self.seen.append(data)

    def told(self: Any, bar: Any) -> None:
        self.seen.append(bar)

    kind: Any = type("Told", (STRATEGY.Strategy,), {"on_historical_data": keep, "on_bar": told, "on_quote_tick": keep})
    made = kind()
    made.seen = []
    return made


def node(made: Any) -> Any:
    """Return a node that trades at the venue."""
    methods = CONFIG.SymbologyMethod
    provider = CONFIG.InteractiveBrokersInstrumentProviderConfig(
        symbology_method=methods.IB_SIMPLIFIED, load_ids=frozenset(["SPY.ARCA"])
    )
    login = {"ibg_host": "127.0.0.1", "ibg_port": given()["port"], "ibg_client_id": 31, "instrument_provider": provider}
    data = CONFIG.InteractiveBrokersDataClientConfig(**login)
    execution = CONFIG.InteractiveBrokersExecClientConfig(
        **login, account_id="DUSBX1", routing=SETTINGS.RoutingConfig(default=True)
    )
    name = str(IB.IB)
    found = LIVE.TradingNode(
        config=SETTINGS.TradingNodeConfig(
            trader_id="TESTER-001",
            logging=SETTINGS.LoggingConfig(log_level="ERROR"),
            data_clients={name: data},
            exec_clients={name: execution},
            timeout_connection=CONNECT_LIMIT,
            timeout_reconciliation=20.0,
            timeout_portfolio=20.0,
            timeout_disconnection=5.0,
        )
    )
    found.trader.add_strategy(made)
    found.add_data_client_factory(name, FACTORIES.InteractiveBrokersLiveDataClientFactory)
    found.add_exec_client_factory(name, FACTORIES.InteractiveBrokersLiveExecClientFactory)
    found.build()
    return found


async def until(condition: Callable[[], Any], seconds: float = LIMIT) -> Any:
    """Return what a condition comes to."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError
        await asyncio.sleep(0.02)
    return value


async def judge(call: str, run: Callable[[], Any], must: str = "") -> None:
    """Make a call, and report on it."""
    try:
        verdict, detail = "works", str(await run())
    except Refused as refused:
        verdict, detail = "refused", str(refused)
    except TimeoutError:
        verdict, detail = "hangs", "no answer in its time"
    except BaseException as error:  # noqa: BLE001 - whatever the client raises is the finding
        verdict, detail = "wrong", f"{type(error).__name__}: {error}"
    if must and verdict in ("works", "refused") and verdict != must:
        verdict, detail = "wrong", f"it {verdict}, and must not: {detail}"
    report(call, verdict, detail)


class Flow:
    """What the strategy is told to do."""

    def __init__(self, made: Any) -> None:
        self.made = made
        self.spy = IDS.InstrumentId.from_str("SPY.ARCA")

    def instrument(self) -> Any:
        """Return the share as the node knows it."""
        return self.made.cache.instrument(self.spy)

    def order(self, kind: str = "market", quantity: int = 2, **options: Any) -> Any:
        """Return an order of the node's factory; prices are written as texts."""
        share, usual = self.instrument(), {"time_in_force": ENUMS.TimeInForce.DAY}
        for name in ("price", "trigger_price"):
            if name in options:
                options[name] = share.make_price(options[name])
        make = getattr(self.made.order_factory, kind)
        return make(self.spy, ENUMS.OrderSide.BUY, share.make_qty(quantity), **{**usual, **options})

    async def placed(self, order: Any, *states: str) -> str:
        """Send an order, and wait until it stands where it should; `Refused` if it is rejected."""
        self.made.submit_order(order)
        await until(lambda: order.status.name in (*states, "REJECTED", "DENIED", "CANCELED"))
        if order.status.name not in states:
            raise Refused(f"{order.status.name} {getattr(order.last_event, 'reason', '')}")
        return order.status.name

    async def refused_whole(self, *orders: Any) -> None:
        """Send orders that have to be refused, and see that none is there that lives or has filled."""
        before = sum(1 for one in book() if one["status"] != "rejected")
        if len(orders) == 1:
            self.made.submit_order(orders[0])
        else:
            lists = import_module(f"{PACKAGE}.model.orders.list")
            self.made.submit_order_list(lists.OrderList(IDS.OrderListId("OL-1"), list(orders)))
        ended = ("REJECTED", "DENIED", "CANCELED")
        await until(lambda: all(one.status.name in (*ended, *LIVES) for one in orders))
        await asyncio.sleep(0.3)
        if sum(1 for one in book() if one["status"] != "rejected") != before:
            raise Wrong("an order is there all the same")
        if living := [one for one in orders if one.status.name in LIVES]:
            raise Wrong(f"the node takes it for {living[0].status.name}")
        raise Refused(f"{orders[0].status.name} {getattr(orders[0].last_event, 'reason', '')}")


async def looks(flow: Flow) -> None:
    """Ask for what there is to look at."""
    made = flow.made
    await judge("instrument", lambda: until(flow.instrument), "works")

    async def bars() -> str:
        made.seen.clear()
        end = made.clock.utc_now()
        made.request_bars(DATA.BarType.from_str(BARS), start=end - timedelta(days=5), end=end)
        return f"{len(await until(lambda: list(made.seen)))} answers"

    await judge("request_bars daily", bars)
    await judge(
        "account", lambda: until(lambda: made.portfolio.account(IDS.Venue("ARCA")) or made.cache.accounts()), "works"
    )


async def orders(flow: Flow) -> None:
    """Send orders: plain ones, and ones with options."""
    made, times = flow.made, ENUMS.TimeInForce
    await judge("market order", lambda: flow.placed(flow.order(), "FILLED"), "works")
    resting = flow.order("limit", price="20.00")
    await judge("limit order", lambda: flow.placed(resting, "ACCEPTED"), "works")

    async def changed() -> str:
        made.modify_order(resting, quantity=flow.instrument().make_qty(3))
        await until(lambda: int(resting.quantity) == 3)
        return "3"

    async def cancelled() -> str:
        made.cancel_order(resting)
        await until(lambda: resting.status.name == "CANCELED")
        return "CANCELED"

    await judge("modify_order", changed, "works")
    await judge("cancel_order", cancelled, "works")
    tags = lambda **options: [IB_TAGS(**options).value]  # noqa: E731
    sent: dict[str, Callable[[], Any]] = {
        "stop": lambda: flow.order("stop_market", trigger_price="500.00"),
        "stop limit": lambda: flow.order("stop_limit", price="500.00", trigger_price="500.00"),
        "immediate or cancel": lambda: flow.order(time_in_force=times.IOC),
        "fill or kill": lambda: flow.order(time_in_force=times.FOK),
        "at the opening": lambda: flow.order(time_in_force=times.AT_THE_OPEN),
        "good till date": lambda: flow.order(
            "limit", price="20.00", time_in_force=times.GTD, expire_time=made.clock.utc_now() + timedelta(days=3)
        ),
        "iceberg": lambda: flow.order("limit", price="20.00", display_qty=flow.instrument().make_qty(1)),
        "all or none": lambda: flow.order(tags=tags(allOrNone=True)),
        "one-cancels-all group": lambda: flow.order(tags=tags(ocaGroup="g", ocaType=1)),
        "outside regular hours": lambda: flow.order("limit", price="20.00", tags=tags(outsideRth=True)),
        "good after time": lambda: flow.order(tags=tags(goodAfterTime="20230602 15:45:00")),
        "half of the money too much": lambda: flow.order(quantity=10_000_000),
    }
    for name, order in sent.items():
        await judge(f"order {name}", lambda order=order: flow.refused_whole(order()), "refused")
    share = flow.instrument()
    bracket = made.order_factory.bracket(
        flow.spy, ENUMS.OrderSide.BUY, share.make_qty(2), time_in_force=times.DAY,
        sl_trigger_price=share.make_price("100.00"), tp_price=share.make_price("900.00"),
    )  # fmt: skip
    await judge("bracket", lambda: flow.refused_whole(*bracket.orders), "refused")


async def main() -> None:
    """Run all of it."""
    made = strategy()
    found = node(made)
    running = asyncio.ensure_future(found.run_async())

    async def connected() -> str:
        await until(lambda: made.is_running, CONNECT_LIMIT + 10)
        return "the strategy runs"

    await judge("connect", connected, "works")
    if made.is_running:
        flow = Flow(made)
        await looks(flow)
        await orders(flow)
    running.cancel()


IB_TAGS: Any = IB.IBOrderTags

if __name__ == "__main__":
    LOOP = asyncio.new_event_loop()
    asyncio.set_event_loop(LOOP)
    LOOP.run_until_complete(main())
    finish()
