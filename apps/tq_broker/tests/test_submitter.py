"""The submitter: each order at most once, whatever is delivered again, and an answer to every request."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.errors import LeaseLost, Refused, StoreError
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.owners import require_ownership
from tq_broker_app.bus.ports import BusDown
from tq_broker_app.record.order_book import AnotherOrder, CancelIntent, OrderBook, lease_key
from tq_broker_app.roles.order_submitter import OrderSubmitter
from tq_broker_app.roles.parts import Point
from tq_broker_app.roles.sending import Sender
from tq_broker_app.trading.contracts import Holding
from tq_broker_app.trading.plans import Child
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

from .bad_inputs import order
from .frame import (
    ACCOUNT,
    BEAN,
    DAY,
    NEXT_DAY,
    NOW,
    PORTFOLIO,
    REBAR,
    Crash,
    ListBus,
    MemoryStore,
    Session,
    View,
    damage,
    make_parts,
    plan_of,
    step,
    stopping_at,
    venue_order,
    wanted,
)


class Desk:
    """One ledger and one exchange, and submitters that come and go."""

    def __init__(self) -> None:
        self.store, self.bus, self.session = MemoryStore(), ListBus(), Session()
        self.clock = make_parts().clock
        self.session.view.holdings[REBAR, "long"] = Holding(today=3, history=2)
        self.arrived: list[str] = []

    @property
    def view(self) -> View:
        return self.session.view

    def submitter(self, point: Point | None = None, **sections: Any) -> OrderSubmitter:
        parts = replace(make_parts(self.store, self.bus, **sections), clock=self.clock)
        return OrderSubmitter(stopping_at(parts, point) if point else parts, self.session, "test")  # type: ignore[arg-type]

    def log_in_again(self, day: str | None = None) -> None:
        view = View(day or self.view.trading_day)
        view.shown, view.holdings, view.filled = self.view.shown, self.view.holdings, self.view.filled
        if view.trading_day != self.view.trading_day:
            view.shown, view.filled = {}, []
        self.arrived += [name for name, *_ in self.view.api.inserted]
        self.session = Session(view)

    @property
    def inserted(self) -> list[str]:
        return self.arrived + [name for name, *_ in self.view.api.inserted]

    def run(self, *bodies: bytes, point: Point | None = None, **sections: Any) -> None:
        """Let a submitter that has just started process messages, all at once."""

        async def use() -> None:
            submitter = self.submitter(point, **sections)
            await submitter.activate()
            try:
                await asyncio.gather(*(submitter.handle(body) for body in bodies))
                assert submitter.planner.unsent == {}
            finally:
                if point is None:
                    await submitter.stand_down()
                else:
                    await submitter.right.give_back()

        asyncio.run(use())


def body(order_id: str = "a", **payload: Any) -> bytes:
    return json.dumps(order(order_id, NOW, PORTFOLIO, **payload)).encode()


def closing(order_id: str = "a", volume: int = 5) -> bytes:
    return body(order_id, direction="SELL", offset="CLOSE", volume=volume, limit_price=3499)


def test_an_order_is_sent_once_however_often_it_is_delivered() -> None:
    desk = Desk()
    desk.run(body(), body())
    desk.clock.sleep(1)
    desk.run(body())
    assert desk.inserted == ["a"]


def test_the_same_content_is_answered_as_it_was_answered_before() -> None:
    desk = Desk()
    desk.run(body(limit_price=3500.5))
    desk.clock.sleep(1)
    desk.run(body(limit_price=3500.5))
    first, second = desk.bus.of()
    assert first["event_id"] == second["event_id"] == "a:REJECTED:0"
    assert first["reason"] == second["reason"]


def test_an_order_that_was_taken_is_told_at_once() -> None:
    desk = Desk()
    desk.run(body())
    [told] = desk.bus.of()
    assert (told["type"], told["status"], told["exchange_order_id"]) == ("ORDER_ROW", "ALIVE", "E1")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"volume": 3}, "(volume)"),
        ({"limit_price": 3502}, "(limit_price)"),
        ({"direction": "SELL", "symbol": BEAN}, "(symbol, direction)"),
    ],
)
def test_a_known_id_with_another_content_is_rejected(changes: dict[str, Any], named: str) -> None:
    desk = Desk()
    desk.run(body())
    desk.bus.told.clear()
    desk.clock.sleep(1)
    desk.run(body(**changes))
    [told] = desk.bus.of()
    assert (told["type"], told["status"]) == ("REQUEST_ANSWER", "REJECTED")
    assert named in told["reason"]
    assert desk.inserted == ["a"]


def test_an_id_of_another_portfolio_is_rejected() -> None:
    desk = Desk()
    other = replace(plan_of(wanted(portfolio_id="p2")), account_id="another")
    OrderBook(desk.store, "another").record(other)
    desk.run(body())
    [told] = desk.bus.of()
    assert (told["status"], told["portfolio_id"]) == ("REJECTED", PORTFOLIO)
    assert "portfolio p2 has used it" in told["reason"]
    assert desk.inserted == []


def test_an_order_to_close_goes_in_parts_after_one_durable_write() -> None:
    desk = Desk()
    with pytest.raises(Crash):
        desk.run(closing(), point=Point.PLANNED)
    plan = OrderBook(desk.store, ACCOUNT).plan("a")
    assert plan is not None
    assert plan.children == (Child("a_closetoday", "CLOSETODAY", 3), Child("a_close", "CLOSE", 2))
    assert desk.inserted == []
    desk.clock.sleep(1)
    desk.run(closing())
    assert desk.inserted == ["a_closetoday", "a_close"]
    rows = {row["order_id"]: row for row in desk.bus.of()}
    assert {rows[name]["parent_order_id"] for name in ("a_close", "a_closetoday")} == {"a"}


@pytest.mark.parametrize("point", [Point.SENT, Point.INSERTED, Point.ANSWERED, Point.ANSWER_RECORDED])
def test_after_a_crash_between_two_parts_the_rest_is_sent_once(point: Point) -> None:
    desk = Desk()
    with pytest.raises(Crash):
        desk.run(closing(), point=point)
    desk.clock.sleep(1)
    desk.log_in_again()
    desk.run()
    assert desk.inserted == ["a_closetoday", "a_close"]
    desk.clock.sleep(1)
    desk.run(closing())
    assert desk.inserted == ["a_closetoday", "a_close"]


def test_a_part_that_was_not_sent_before_the_day_was_over_is_told_with_its_reason() -> None:
    desk = Desk()
    with pytest.raises(Crash):
        desk.run(closing(), point=Point.ANSWER_RECORDED)
    desk.log_in_again(NEXT_DAY)
    desk.clock.sleep(24 * 3600)
    desk.run()
    assert desk.inserted == ["a_closetoday"]
    steps = OrderBook(desk.store, ACCOUNT).sent_on(DAY)
    assert {name: state.value for name, state in steps.items()} == {
        "a_closetoday": "ACKNOWLEDGED",
        "a_close": "CANCELLED",
    }
    assert OrderBook(desk.store, ACCOUNT).open_days() == []


def test_two_orders_to_close_that_come_at_once_never_close_the_same_lots() -> None:
    desk = Desk()
    desk.run(closing("a", 4), closing("b", 4))
    assert sum(volume for _, _, volume in desk.view.api.inserted) == 4
    [refused] = [message for message in desk.bus.of() if message.get("event_type") == "REJECTED"]
    assert refused["order_id"] == "b"


def test_a_store_that_does_not_answer_leaves_no_lots_reserved() -> None:
    desk = Desk()

    async def use() -> None:
        submitter = desk.submitter()
        await submitter.activate()
        desk.store.down = 1
        with pytest.raises(StoreError):
            await submitter.handle(closing())
        assert submitter.planner.unsent == {}
        await submitter.handle(closing())
        await submitter.stand_down()

    asyncio.run(use())
    assert desk.inserted == ["a_closetoday", "a_close"]


def test_a_known_order_leaves_no_lots_reserved_that_it_would_take_today() -> None:
    desk = Desk()
    desk.run(closing(volume=2))
    desk.view.holdings[REBAR, "long"] = Holding(today=1, history=4)
    desk.clock.sleep(1)
    desk.run(closing(volume=2))
    assert desk.inserted == ["a_closetoday"]


def test_a_split_order_whose_second_part_is_cancelled_before_it_is_sent_has_one_end_that_adds_up() -> None:
    desk = Desk()
    OrderBook(desk.store, ACCOUNT).intend_cancel("a_close", CancelIntent("r", NOW))
    view = desk.view

    def filled(order: VenueOrder) -> VenueOrder:
        view.filled.append(VenueTrade("t", order.order_id, order.volume, Decimal(3499)))
        return replace(order, exchange_order_id="E1", volume_left=0, alive=False)

    view.api.answer = filled
    desk.run(closing())
    told = {each["order_id"]: each for each in desk.bus.of()}
    assert [each for each in desk.bus.events() if each.startswith("a:")] == ["a:CANCELLED:3"]
    assert (told["a"]["status"], told["a"]["filled_quantity"], told["a"]["volume_left"]) == ("FINISHED", 3, 2)
    assert told["a_closetoday"]["filled_quantity"] == 3
    assert desk.inserted == ["a_closetoday"]


def test_after_a_takeover_what_the_last_one_sent_may_take_its_time_to_appear() -> None:
    desk = Desk()
    with pytest.raises(Crash):
        desk.run(body(), point=Point.SENT)
    desk.clock.sleep(30)
    begun = time.monotonic()
    desk.run(submitter={"visibility_seconds": 0.2})
    assert time.monotonic() - begun >= 0.2
    assert desk.inserted == ["a"]


def test_an_order_that_was_taken_and_is_shown_no_more_is_told_as_unknown_however_often_it_is_asked_for() -> None:
    desk = Desk()
    desk.run(body())
    desk.log_in_again()
    desk.view.shown["SERVER.1.2.3"] = replace(desk.view.shown.pop("a"), order_id="SERVER.1.2.3")
    for _ in range(2):
        desk.bus.told.clear()
        desk.clock.sleep(1)
        desk.run(body())
        assert [(row["type"], row["status"]) for row in desk.bus.of()] == [("ORDER_ROW", "UNKNOWN")]
        assert "does not show it" in desk.bus.of()[0]["reason"]
    assert desk.inserted == ["a"]


def test_a_known_order_whose_parts_have_ended_reserves_nothing_when_it_comes_again() -> None:
    desk = Desk()
    desk.run(closing())
    desk.clock.sleep(1)
    reserved: list[set[str]] = []

    class Looking(Sender):
        async def bring(self, *given: Any, **named: Any) -> Any:
            reserved.append(set(submitter.planner.unsent))
            return await Sender.bring(self, *given, **named)

    submitter = desk.submitter()

    async def use() -> None:
        own = submitter.sender
        submitter.sender = Looking(own.parts, own.session, own.book, own.right)
        await submitter.activate()
        reserved.clear()
        await submitter.handle(closing())
        await submitter.stand_down()

    asyncio.run(use())
    assert reserved == [set(), set()]


def test_the_days_that_are_not_settled_are_found_by_two_short_listings() -> None:
    class Listing(MemoryStore):
        def keys(self, prefix: str) -> list[str]:
            found = super().keys(prefix)
            listed.append((prefix, len(found)))
            return found

    listed: list[tuple[str, int]] = []
    desk = Desk()
    desk.store = Listing()
    desk.run(*(body(f"o{number}") for number in range(9)))
    listed.clear()
    assert OrderBook(desk.store, ACCOUNT).open_days() == [DAY]
    root = f"accounts/{ACCOUNT}/futures"
    assert listed == [(f"{root}/opened/", 1), (f"{root}/settled/", 0)]


@pytest.mark.parametrize("what", ["futures/orders/a", "/a.001"])
def test_a_damaged_order_keeps_no_other_from_being_recovered(what: str) -> None:
    desk = Desk()
    for name in "ab":
        plan = OrderBook(desk.store, ACCOUNT).record(plan_of(wanted(name)))
        step(desk.store, plan, plan.children[0], OrderState.SENT)
    damage(desk.store, what)
    desk.clock.sleep(1)
    desk.run()
    desk.clock.sleep(1)
    desk.run(body("c"))
    assert desk.inserted == ["b", "c"]
    assert OrderBook(desk.store, ACCOUNT).sent_on(DAY)["b"].value == "ACKNOWLEDGED"


class Uneven(MemoryStore):
    """A ledger that has recorded the first order after all others."""

    def __init__(self, first: str, last: str) -> None:
        super().__init__()
        self._first, self._last, self._reached = first, last, threading.Event()

    def create(self, key: str, data: bytes) -> int:
        if key.endswith(self._last):
            self._reached.set()
        if key.endswith(self._first):
            assert self._reached.wait(5)
        return super().create(key, data)


def test_orders_leave_in_the_order_in_which_they_came() -> None:
    desk = Desk()
    desk.store = Uneven("orders/o00", "orders/o07")
    names = [f"o{number:02}" for number in range(12)]
    desk.run(*(body(name) for name in names))
    assert desk.inserted == names


def test_what_keeps_an_order_from_being_sent_is_told_as_an_event() -> None:
    desk = Desk()
    OrderBook(desk.store, ACCOUNT).intend_cancel("a", CancelIntent("r", NOW))
    desk.run(body())
    [told] = desk.bus.of()
    assert (told["event_type"], told["status"], told["filled_quantity"]) == ("CANCELLED", "FINISHED", 0)
    assert told["reason"] == "cancelled before it was sent"
    assert told["volume_left"] == 2


def test_an_event_that_could_not_be_published_is_published_when_the_order_comes_again() -> None:
    desk = Desk()
    desk.bus.down = 1
    with pytest.raises(BusDown):
        desk.run(body(limit_price=1))
    desk.clock.sleep(1)
    desk.run(body(limit_price=1))
    assert desk.bus.events() == ["a:REJECTED:0"]


def test_an_unknown_order_is_told_and_not_sent_again() -> None:
    desk = Desk()
    with pytest.raises(Crash):
        desk.run(body(), point=Point.INSERTED)
    desk.log_in_again()
    known = desk.view.shown.pop("a")
    desk.view.shown["SERVER.1.2.3"] = replace(known, order_id="SERVER.1.2.3")
    desk.clock.sleep(1)
    desk.run(body())
    assert {told["status"] for told in desk.bus.of()} == {"UNKNOWN"}
    assert "SERVER.1.2.3" in desk.bus.of()[0]["reason"]
    assert desk.inserted == ["a"]


def lose_the_ledger(desk: Desk) -> None:
    """Have a new login, and a ledger from a backup that knows nothing of this day."""
    desk.log_in_again()
    desk.store, desk.bus = MemoryStore(), ListBus()
    desk.clock.sleep(1)


def filling(desk: Desk) -> None:
    """Have the exchange fill whatever comes, at once."""

    def filled(order: VenueOrder) -> VenueOrder:
        desk.view.filled.append(VenueTrade(order.order_id, order.order_id, order.volume, Decimal(3499)))
        return replace(order, exchange_order_id="E1", volume_left=0, alive=False)

    desk.view.api.answer = filled


def no_gate(_: Desk) -> None:
    """Let it be sent."""


def halted(desk: Desk) -> None:
    set_halt(Operator(desk.store, SystemClock(), "tester"), "all", "restored", on=True)


def cancelled(desk: Desk) -> None:
    OrderBook(desk.store, ACCOUNT).intend_cancel("a", CancelIntent("r", NOW))


def too_old(desk: Desk) -> None:
    desk.clock.sleep(61)


def enough_today(desk: Desk) -> None:
    desk.run(body("b"))
    desk.log_in_again()


def not_listed(desk: Desk) -> None:
    desk.view.contracts.clear()


@pytest.mark.parametrize("gate", [no_gate, halted, cancelled, too_old, enough_today, not_listed])
def test_an_order_that_the_ledger_has_lost_is_recognised_and_its_end_told_whatever_forbids_to_send_it(
    gate: Callable[[Desk], None],
) -> None:
    desk = Desk()
    filling(desk)
    desk.run(body())
    lose_the_ledger(desk)
    gate(desk)
    desk.bus.told.clear()
    desk.run(body(), orders={"max_actions_per_day": 1})
    [told] = desk.bus.of()
    assert (told["event_id"], told["status"], told["trade_price"]) == ("a:COMPLETE_FILL:2", "FINISHED", 3499.0)
    assert desk.inserted.count("a") == 1
    assert OrderBook(desk.store, ACCOUNT).sent_on(DAY)["a"] is OrderState.ACKNOWLEDGED


def test_an_order_that_the_ledger_has_lost_is_not_split_anew() -> None:
    desk = Desk()
    filling(desk)
    desk.run(closing(volume=2))
    assert desk.inserted == ["a_closetoday"]
    lose_the_ledger(desk)
    desk.view.holdings[REBAR, "long"] = Holding(today=0, history=2)
    desk.run(closing(volume=2))
    assert desk.inserted == ["a_closetoday"]
    assert desk.bus.events() == ["a:COMPLETE_FILL:2"]


def test_of_an_order_that_the_ledger_has_lost_no_part_is_sent_that_the_exchange_does_not_have() -> None:
    desk = Desk()
    filling(desk)
    with pytest.raises(Crash):
        desk.run(closing(), point=Point.ANSWER_RECORDED)
    lose_the_ledger(desk)
    desk.run(closing())
    assert desk.inserted == ["a_closetoday"]
    told = {each["order_id"]: each for each in desk.bus.of()}
    assert (told["a"]["event_id"], told["a"]["volume_left"]) == ("a:CANCELLED:3", 2)
    assert told["a"]["reason"] == "the exchange has 3 of 5 lots; the rest is not sent"
    assert (told["a_closetoday"]["status"], told["a_closetoday"]["filled_quantity"]) == ("FINISHED", 3)


def test_an_id_that_the_ledger_has_lost_and_that_comes_with_another_content_is_rejected() -> None:
    desk = Desk()
    desk.run(body())
    lose_the_ledger(desk)
    desk.run(body(volume=3))
    assert desk.inserted == ["a"]
    assert desk.bus.events() == ["a:REJECTED:0"]
    assert "the exchange has another order, a" in desk.bus.of()[0]["reason"]


def test_what_an_earlier_ledger_called_not_sent_and_the_exchange_has_is_told_as_the_exchange_has_it() -> None:
    desk = Desk()
    plan = OrderBook(desk.store, ACCOUNT).record(plan_of(wanted()))
    step(desk.store, plan, plan.children[0], OrderState.CANCELLED, "refused: halted")
    desk.view.shown["a"] = venue_order("a")
    desk.view.fill("a", 2)
    desk.run(body())
    assert desk.bus.events() == ["a:COMPLETE_FILL:2"]


def test_what_was_sent_today_is_counted_again_after_a_restart() -> None:
    desk = Desk()
    desk.run(body("a"), body("b"))
    desk.log_in_again()
    desk.run(body("c"), orders={"max_actions_per_day": 2})
    assert "2 orders were sent today" in desk.bus.of()[-1]["reason"]
    assert desk.inserted == ["a", "b"]


def test_an_account_of_another_service_is_not_traded() -> None:
    desk = Desk()
    require_ownership(desk.store, ACCOUNT, "somebody-else")
    with pytest.raises(Refused, match="somebody-else"):
        desk.run(body())
    assert desk.inserted == []


def test_a_second_submitter_waits_until_the_right_is_given_back() -> None:
    desk = Desk()

    async def use() -> None:
        first, second = desk.submitter(), desk.submitter()
        await first.activate()
        waiting = asyncio.create_task(second.activate())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert not second.right.holds()
        await first.stand_down()
        await asyncio.wait_for(waiting, 5)
        assert second.right.holds()
        assert second.right.epoch == 2
        await second.stand_down()

    asyncio.run(use())


def test_the_right_is_kept_through_a_moment_without_the_store() -> None:
    desk = Desk()

    async def use() -> None:
        right = desk.submitter(submitter={"lease_seconds": 0.8}).right
        await right.take()
        keeping = asyncio.create_task(right.keep())
        desk.clock.sleep(0.5)
        desk.store.down = 1
        written = desk.store.objects[lease_key(ACCOUNT)].generation
        async with asyncio.timeout(5):
            while desk.store.objects[lease_key(ACCOUNT)].generation == written and not keeping.done():
                await asyncio.sleep(0.01)
        assert (keeping.done(), desk.store.down, right.holds()) == (False, 0, True)
        desk.clock.sleep(1)
        with pytest.raises(LeaseLost):
            await asyncio.wait_for(keeping, 5)

    asyncio.run(use())


def test_a_plan_is_recorded_once_and_another_content_is_refused() -> None:
    book = OrderBook(MemoryStore(), ACCOUNT)
    plan = plan_of(wanted())
    assert book.record(plan) == plan
    later = replace(plan, received_at=NOW + timedelta(seconds=1), children=())
    assert book.record(later) == plan
    with pytest.raises(AnotherOrder, match="volume"):
        book.record(plan_of(wanted(volume=3)))
    with pytest.raises(AnotherOrder, match="portfolio p1 has used it"):
        OrderBook(book._store, "other").record(plan_of(wanted(portfolio_id="p2")))
    assert book.plan("a") is not None


def test_a_cancel_counts_for_an_order_and_each_of_its_parts() -> None:
    book = OrderBook(MemoryStore(), ACCOUNT)
    parts = (Child("a_closetoday", "CLOSETODAY", 1), Child("a_close", "CLOSE", 1))
    plan = plan_of(wanted(offset="CLOSE"), *parts)
    book.intend_cancel("a_close", CancelIntent("r1", NOW))
    assert [book.cancel_intended(plan, part) for part in parts] == [False, True]
    book.intend_cancel("a", CancelIntent("r2", NOW))
    book.intend_cancel("a", CancelIntent("r3", NOW))
    assert [book.cancel_intended(plan, part) for part in parts] == [True, True]
    assert book.cancels() == {"a", "a_close"}


def test_ids_that_can_be_no_keys_have_no_plan() -> None:
    assert OrderBook(MemoryStore(), ACCOUNT).plan("a|b 中") is None
