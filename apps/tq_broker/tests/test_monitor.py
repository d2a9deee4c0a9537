"""The monitors tell what a login shows: every change once, and all of it again after a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.services.operate.audit import Operator
from tq_broker_app.bus.ports import Queue
from tq_broker_app.errors import SessionOver
from tq_broker_app.record.order_book import OrderBook
from tq_broker_app.record.resolving import Evidence, settle, waiting_for
from tq_broker_app.roles.account_monitor import AccountMonitor
from tq_broker_app.roles.order_monitor import LATE_SECONDS, OrderMonitor
from tq_broker_app.roles.position_monitor import EVERY_SECONDS, PositionMonitor
from tq_broker_app.trading.plans import Child

from .frame import (
    ACCOUNT,
    DAY,
    NOW,
    PORTFOLIO,
    REBAR,
    ListBus,
    MemoryStore,
    Session,
    damage,
    make_parts,
    make_unknown,
    plan_of,
    step,
    venue_order,
    wanted,
)

ENDS = ("_closetoday", "_close")
PARTS = (Child("a_closetoday", "CLOSETODAY", 3), Child("a_close", "CLOSE", 2))


class Watch:
    """A monitor of orders that looks when a test says so."""

    def __init__(self) -> None:
        self.store, self.bus, self.session = MemoryStore(), ListBus(), Session()
        self.view, self.book = self.session.view, OrderBook(self.store, ACCOUNT)
        self.restart()

    def restart(self) -> None:
        self.parts = make_parts(self.store, self.bus)
        self.monitor = OrderMonitor(self.parts, self.session)  # type: ignore[arg-type]

    def look(self) -> list[dict[str, Any]]:
        """Return what is told at a look."""
        self.bus.told.clear()
        asyncio.run(self.monitor._look())
        return self.bus.of()


def test_what_a_login_shows_is_told_as_of_the_time_when_it_was_asked_for() -> None:
    watch = Watch()
    watch.view.shown["a"] = venue_order("a")
    watch.parts.clock.sleep(3)  # the login took its time, and another login may have shown more meanwhile
    run_until(watch.monitor, watch.session, lambda: bool(watch.bus.of()))
    [seen] = [message for message in watch.bus.of() if message["type"] == "ORDERS_SEEN"]
    assert datetime.fromisoformat(seen["timestamp"]) == watch.session.asked_at == NOW


def test_parts_that_end_unsent_end_the_order_once_within_a_second_and_without_an_alert() -> None:
    watch = Watch()
    plan = watch.book.record(plan_of(wanted(offset="CLOSE", volume=5), *PARTS))
    watch.view.shown["a_closetoday"] = venue_order("a_closetoday", 3, 3, offset="CLOSETODAY")
    watch.view.fill("a_closetoday", 3)
    begun: list[float] = []

    def enough() -> bool:
        if not begun and watch.bus.of()[-1:] and watch.bus.of()[-1]["type"] == "ORDERS_SEEN":
            watch.parts.clock.sleep(LATE_SECONDS + 1)
            watch.monitor._warn_of_late_trades()
            step(watch.store, plan, PARTS[1], OrderState.CANCELLED, "cancelled before it was sent")
            begun.append(time.monotonic())
        return ends(watch) != []

    run_until(watch.monitor, watch.session, enough)
    assert time.monotonic() - begun[0] < 1
    [end] = ends(watch)
    assert (end["event_id"], end["filled_quantity"], end["volume_left"]) == ("a:CANCELLED:3", 3, 2)
    watch.parts.clock.sleep(LATE_SECONDS + 1)
    watch.monitor._warn_of_late_trades()
    assert b"tq_broker_orders_without_trades 0.0" in watch.parts.figures.text()


def test_a_part_that_nobody_knows_the_end_of_is_no_alert_about_trades() -> None:
    watch = Watch()
    plan = watch.book.record(plan_of(wanted(offset="CLOSE", volume=5), *PARTS))
    make_unknown(watch.store, plan, PARTS[1], "it may be SERVER.7.1.2")
    watch.view.shown["a_closetoday"] = venue_order("a_closetoday", 3, 3)
    watch.view.fill("a_closetoday", 3)
    watch.look()
    watch.parts.clock.sleep(LATE_SECONDS + 1)
    watch.monitor._warn_of_late_trades()
    assert b"tq_broker_orders_without_trades 0.0" in watch.parts.figures.text()


def test_an_order_with_a_part_that_is_unknown_is_not_told_until_a_person_has_settled_it() -> None:
    watch = Watch()
    plan = watch.book.record(plan_of(wanted(offset="CLOSE", volume=5), *PARTS))
    make_unknown(watch.store, plan, PARTS[1], "it may be SERVER.7.1.2")
    watch.view.shown["a_closetoday"] = venue_order("a_closetoday", 3, 3)
    assert [told["order_id"] for told in watch.look()] == ["a_closetoday"]
    settle(
        Operator(watch.store, SystemClock(), "Li"),
        waiting_for(watch.store, PORTFOLIO, "a_close"),
        Evidence(2, Decimal(3510), "seen"),
        None,
    )
    watch.view.fill("a_closetoday", 3)
    told = {each["order_id"]: each for each in watch.look()}
    assert (told["a_close"]["status"], told["a_close"]["filled_quantity"]) == ("FINISHED", 2)
    assert (told["a"]["event_type"], told["a"]["filled_quantity"], told["a"]["trade_price"]) == (
        "COMPLETE_FILL",
        5,
        3504.0,
    )


@pytest.mark.parametrize("what", ["orders/a", ".001"])
def test_a_damaged_order_keeps_no_other_from_being_told(what: str) -> None:
    watch = Watch()
    for name in "ab":
        plan = watch.book.record(
            plan_of(wanted(name, offset="CLOSE", volume=5), *(Child(f"{name}{end}", "CLOSE", 2) for end in ENDS))
        )
        step(watch.store, plan, plan.children[1], OrderState.SENT)
        watch.view.shown[f"{name}_closetoday"] = venue_order(f"{name}_closetoday", 2, 2)
    damage(watch.store, f"a_close{what}" if what == ".001" else what)
    assert {told["order_id"] for told in watch.look()} == {"b", "b_closetoday"}
    assert watch.look() == []


def test_every_change_is_told_once() -> None:
    watch = Watch()
    watch.book.record(plan_of(wanted(volume=3)))
    watch.view.shown["a"] = venue_order("a", 3, 3)
    [row] = watch.look()
    assert (row["type"], row["status"], row["exchange_order_id"]) == ("ORDER_ROW", "ALIVE", "E-a")
    assert watch.look() == []
    watch.view.fill("a", 1, 3499)
    [event] = watch.look()
    assert (event["event_type"], event["filled_quantity"], event["event_id"]) == ("PARTIAL_FILL", 1, "a:PARTIAL_FILL:1")
    watch.view.fill("a", 2, 3502)
    [event] = watch.look()
    assert (event["event_type"], event["trade_price"], event["status"]) == ("COMPLETE_FILL", 3501.0, "FINISHED")
    assert watch.look() == []


def test_after_a_restart_the_same_is_told_with_the_same_ids() -> None:
    watch = Watch()
    watch.book.record(plan_of(wanted()))
    watch.view.shown["a"] = venue_order("a", 2, 2)
    watch.view.fill("a", 2)
    [first] = watch.look()
    watch.restart()
    [again] = watch.look()
    assert {**first, "timestamp": 0} == {**again, "timestamp": 0}


def test_an_end_is_told_only_when_its_trades_are_there() -> None:
    watch = Watch()
    watch.book.record(plan_of(wanted()))
    watch.view.shown["a"] = venue_order("a", 2, 0)
    [row] = watch.look()
    assert (row["type"], row["status"], row["filled_quantity"]) == ("ORDER_ROW", "ALIVE", 0)
    watch.view.fill("a", 1, shows=False)
    [partial] = watch.look()
    assert partial["event_type"] == "PARTIAL_FILL"
    watch.view.fill("a", 1, shows=False)
    [end] = watch.look()
    assert (end["event_type"], end["filled_quantity"]) == ("COMPLETE_FILL", 2)


def test_trades_that_never_come_are_counted() -> None:
    watch = Watch()
    watch.book.record(plan_of(wanted()))
    watch.view.shown["a"] = venue_order("a", 2, 0)
    watch.look()
    watch.monitor._warn_of_late_trades()
    assert b"tq_broker_orders_without_trades 0.0" in watch.parts.figures.text()
    watch.parts.clock.sleep(LATE_SECONDS + 1)
    watch.monitor._warn_of_late_trades()
    assert b"tq_broker_orders_without_trades 1.0" in watch.parts.figures.text()


def test_parts_are_told_as_rows_and_their_parent_as_one_event() -> None:
    watch = Watch()
    watch.book.record(plan_of(wanted(offset="CLOSE", volume=5), *PARTS))
    for child in PARTS:
        watch.view.shown[child.order_id] = venue_order(child.order_id, child.volume, child.volume, offset=child.offset)
    watch.view.fill("a_closetoday", 3, 3500)
    told = {row["order_id"]: row for row in watch.look()}
    assert told["a"]["event_type"] == "PARTIAL_FILL"
    assert (told["a_closetoday"]["status"], told["a_closetoday"]["parent_order_id"]) == ("FINISHED", "a")
    assert (told["a_close"]["status"], told["a_close"]["type"]) == ("ALIVE", "ORDER_ROW")
    watch.view.fill("a_close", 2, 3510)
    told = {row["order_id"]: row for row in watch.look()}
    assert (told["a"]["event_type"], told["a"]["trade_price"]) == ("COMPLETE_FILL", 3504.0)
    assert told["a"]["exchange_order_id"] == "E-a_closetoday,E-a_close"
    assert "a_closetoday" not in told


def test_orders_of_others_are_counted_and_never_owned() -> None:
    watch = Watch()
    watch.book.record(replace(plan_of(wanted("theirs")), account_id="another"))
    for name in ("theirs", "SERVER.1.2.3", "x|y 中", "PYSDK_insert_1"):
        watch.view.shown[name] = venue_order(name, 2, 2)
    assert watch.look() == []
    watch.view.fill("SERVER.1.2.3", 2)
    assert watch.look() == []
    assert b"tq_broker_foreign_orders_total 4.0" in watch.parts.figures.text()


def test_an_order_that_the_ledger_had_lost_is_told_of_at_its_next_change_once_it_is_recorded_again() -> None:
    watch = Watch()
    watch.view.shown["a"] = venue_order("a", 2, 2)
    assert watch.look() == []
    watch.book.record(plan_of(wanted()))
    watch.view.fill("a", 2)
    assert [told["event_id"] for told in watch.look()] == ["a:COMPLETE_FILL:2"]


def test_an_order_that_the_ledger_had_lost_is_told_of_within_a_minute_without_any_change() -> None:
    watch = Watch()
    watch.view.shown["a"] = venue_order("a")
    watch.view.fill("a", 2)

    def enough() -> bool:
        if watch.bus.of() and watch.book.plan("a") is None:
            assert ends(watch) == []
            watch.book.record(plan_of(wanted()))
            watch.parts.clock.sleep(LATE_SECONDS)
            watch.session.ring()
        return ends(watch) != []

    run_until(watch.monitor, watch.session, enough)
    assert [told["event_id"] for told in ends(watch)] == ["a:COMPLETE_FILL:2"]


def test_a_part_that_the_plan_does_not_have_is_not_ours() -> None:
    watch = Watch()
    watch.book.record(plan_of(wanted()))
    watch.view.shown["a_close"] = venue_order("a_close", 2, 2)
    assert watch.look() == []


def test_an_event_that_could_not_be_published_is_published_later() -> None:
    watch = Watch()
    watch.book.record(plan_of(wanted()))
    watch.view.shown["a"] = venue_order("a", 2, 0)
    watch.view.fill("a", 2, shows=False)
    watch.bus.down = 1
    with pytest.raises(Exception, match="does not answer"):
        watch.look()
    watch.restart()
    assert [told["event_id"] for told in watch.look()] == ["a:COMPLETE_FILL:2"]


def ends(watch: Watch) -> list[dict[str, Any]]:
    """Return the last events of all orders."""
    return [told for told in watch.bus.of() if told.get("status") == "FINISHED" and "event_type" in told]


def run_until(monitor: Any, session: Session, enough: Callable[[], bool]) -> None:
    async def run() -> None:
        running = asyncio.create_task(monitor.run())
        async with asyncio.timeout(5):
            while not enough() and not running.done():
                await asyncio.sleep(0.001)
        session.end("the connection was lost")
        with pytest.raises(SessionOver, match="the connection was lost"):
            await running

    asyncio.run(run())


def test_a_start_tells_which_orders_the_login_shows_and_an_end_ends_it() -> None:
    watch = Watch()
    watch.book.record(plan_of(wanted(offset="CLOSE", volume=5), *PARTS))
    watch.view.shown["a_close"] = venue_order("a_close", 2, 2)

    def seen() -> bool:
        return any(told["type"] == "ORDERS_SEEN" for told in watch.bus.of())

    run_until(watch.monitor, watch.session, seen)
    [told] = [told for told in watch.bus.of() if told["type"] == "ORDERS_SEEN"]
    assert told["order_ids"] == ["a", "a_close"]
    assert (told["trading_day"], told["portfolio_id"]) == (DAY, PORTFOLIO)


def test_what_a_login_shows_is_told_as_of_the_time_before_the_first_look() -> None:
    watch, look = Watch(), OrderMonitor._look

    async def long_look(monitor: OrderMonitor) -> None:
        await look(monitor)
        watch.parts.clock.sleep(30)

    before = watch.parts.clock.now()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(OrderMonitor, "_look", long_look)
        run_until(watch.monitor, watch.session, lambda: watch.bus.of() != [])
    told = datetime.fromisoformat(watch.bus.of()[0]["timestamp"])
    assert (told - before).total_seconds() < 1


def position(long_today: int) -> dict[str, int]:
    return {
        "pos_long": long_today,
        "pos_short": 1,
        "pos_long_today": long_today,
        "pos_long_his": 0,
        "pos_short_today": 1,
        "pos_short_his": 0,
    }


def test_positions_are_told_at_the_start_on_change_and_every_minute() -> None:
    session, bus = Session(), ListBus()
    shown = {REBAR: position(3), "SHFE.cu2505": position(7)}
    session.view._positions = shown  # type: ignore[attr-defined]
    parts = make_parts(bus=bus)
    monitor = PositionMonitor(parts, session)  # type: ignore[arg-type]

    def told() -> list[tuple[str, int]]:
        return [(message["symbol"], message["net_position"]) for message in bus.of(Queue.POSITIONS)]

    def enough() -> bool:
        if len(told()) == 2 and not done:
            done.append("a change")
            shown[REBAR] = position(5)
            session.ring()
        elif len(told()) == 3 and len(done) == 1:
            done.append("a minute")
            parts.clock.sleep(EVERY_SECONDS)
            session.ring()
        return len(told()) == 5

    done: list[str] = []
    run_until(monitor, session, enough)
    assert told() == [(REBAR, 2), ("SHFE.cu2505", 6), (REBAR, 4), (REBAR, 4), ("SHFE.cu2505", 6)]


def test_the_account_is_told_at_the_start_and_on_change_only() -> None:
    session, bus = Session(), ListBus()
    names = ("balance", "available", "margin", "float_profit", "position_profit", "risk_ratio")
    shown: dict[str, float] = {**dict.fromkeys(names, 1.0), "available": 9e5, "risk_ratio": float("nan")}
    session.view.api.get_account = lambda: shown  # type: ignore[attr-defined]
    monitor = AccountMonitor(make_parts(bus=bus), session)  # type: ignore[arg-type]

    def enough() -> bool:
        session.ring()
        if len(bus.told) == 1:
            shown["available"] = 8e5
        return len(bus.told) == 2

    run_until(monitor, session, enough)
    assert [message["available"] for message in bus.of(Queue.ACCOUNT)] == [9e5, 8e5]
    assert {(told["portfolio_id"], told["risk_ratio"]) for told in bus.of(Queue.ACCOUNT)} == {(PORTFOLIO, 0.0)}
