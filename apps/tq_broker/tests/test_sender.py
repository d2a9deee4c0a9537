"""Sending: at most once, found again after any crash, and never beyond what an operator has switched off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import LeaseLost
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.allow_list import set_allowed
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from tq_broker_app.errors import SessionOver
from tq_broker_app.record.order_book import CancelIntent, OrderBook
from tq_broker_app.roles.parts import Point
from tq_broker_app.roles.right import Right
from tq_broker_app.roles.sending import Sender, unsent_ends
from tq_broker_app.roles.turns import Turn, Turns
from tq_broker_app.trading.plans import Child, ParentPlan
from tq_broker_app.trading.progress import ChildEnd

from .frame import (
    ACCOUNT,
    NEXT_DAY,
    NOW,
    Crash,
    MemoryStore,
    Session,
    View,
    make_parts,
    plan_of,
    sqlite_store,
    stopping_at,
    venue_order,
    wanted,
)

Use = Callable[[Sender], Awaitable[None]]
SENT, ACKNOWLEDGED = OrderState.SENT, OrderState.ACKNOWLEDGED
UNKNOWN, CANCELLED, REJECTED = OrderState.UNKNOWN, OrderState.CANCELLED, OrderState.REJECTED


@pytest.fixture
def store() -> VersionedStore:
    return MemoryStore()


@pytest.fixture(params=[FileStore, sqlite_store], ids=["files", "sqlite"])
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> VersionedStore:
    """Return a ledger that outlives its process."""
    return request.param(tmp_path)


class Desk:
    """A submitter's sender that is started again and again on one ledger."""

    def __init__(self, store: VersionedStore, view: View | None = None, **sections: Any) -> None:
        self.store, self.session, self.sections = store, Session(view), sections
        self.clock = make_parts(store).clock

    @property
    def view(self) -> View:
        return self.session.view

    def sender(self, point: Point | None = None) -> Sender:
        parts = replace(make_parts(self.store, **self.sections), clock=self.clock)
        parts = stopping_at(parts, point) if point else parts
        return Sender(parts, self.session, OrderBook(self.store, ACCOUNT), Right(parts, ACCOUNT, "test"))  # type: ignore[arg-type]

    def bring(self, plan: ParentPlan, point: Point | None = None, use: Use | None = None) -> OrderRecord:
        """Bring the only child of a plan as far as it goes, as a service does that has just started."""

        async def run() -> OrderRecord:
            sender = self.sender(point)
            await sender.right.take()
            try:
                if use is not None:
                    await use(sender)
                return await brought(sender, plan, Turn())
            finally:
                await sender.right.give_back()

        return asyncio.run(run())

    def crash(self, plan: ParentPlan, point: Point) -> None:
        with pytest.raises(Crash):
            self.bring(plan, point)

    def log_in_again(self, day: str | None = None) -> None:
        """Log in anew: the exchange shows what has arrived there."""
        view = View(day or self.view.trading_day)
        view.shown = {name: order for name, order in self.view.shown.items() if order.answered}
        self.session = Session(view)

    @property
    def inserted(self) -> list[tuple[Any, ...]]:
        return self.view.api.inserted


async def brought(sender: Sender, plan: ParentPlan, turn: Turn) -> OrderRecord:
    """Bring the only child of a plan as far as it goes."""
    child = plan.children[0]
    record = sender.book.children(plan)[child.order_id]
    return (await sender.bring(plan, child, record, turn)).record


def states(record: OrderRecord) -> list[str]:
    return [step.state.value for step in record.transitions]


def test_an_order_is_sent_and_its_exchange_id_recorded(durable: VersionedStore) -> None:
    desk = Desk(durable)
    record = desk.bring(plan_of(wanted()))
    assert states(record) == ["SENT", "ACKNOWLEDGED"]
    assert "E1" in str(record.transitions[-1].execution)
    assert desk.inserted == [("a", "OPEN", 2)]


def test_the_intent_is_durable_before_the_order_leaves(store: VersionedStore) -> None:
    desk = Desk(store)
    desk.crash(plan_of(wanted()), Point.SENT)
    assert desk.inserted == []
    assert states(OrderBook(store, ACCOUNT).children(plan_of(wanted()))["a"]) == ["SENT"]


@pytest.mark.parametrize("point", [Point.INSERTED, Point.ANSWERED])
def test_an_order_that_has_left_is_found_and_never_sent_again(store: VersionedStore, point: Point) -> None:
    desk = Desk(store)
    desk.crash(plan_of(wanted()), point)
    assert desk.inserted == [("a", "OPEN", 2)]
    desk.log_in_again()
    record = desk.bring(plan_of(wanted()))
    assert (states(record), desk.inserted) == (["SENT", "ACKNOWLEDGED"], [])


def test_an_order_that_is_certainly_absent_is_sent_again_with_its_id(durable: VersionedStore) -> None:
    desk = Desk(durable)
    desk.crash(plan_of(wanted()), Point.SENT)
    desk.log_in_again()
    record = desk.bring(plan_of(wanted()))
    assert states(record) == ["SENT", "SENT", "ACKNOWLEDGED"]
    assert desk.inserted == [("a", "OPEN", 2)]


def test_what_is_sent_is_waited_for_until_it_would_be_seen(store: VersionedStore) -> None:
    desk = Desk(store, submitter={"visibility_seconds": 0.15})
    desk.crash(plan_of(wanted()), Point.SENT)
    begun = asyncio.new_event_loop()
    started = begun.time()
    desk.log_in_again()
    desk.bring(plan_of(wanted()))
    assert begun.time() - started >= 0.15
    begun.close()


def test_a_nameless_order_that_looks_the_same_makes_it_unknown(durable: VersionedStore) -> None:
    desk = Desk(durable)
    desk.crash(plan_of(wanted()), Point.SENT)
    desk.log_in_again()
    desk.view.shown = {"SERVER.7.1.2": venue_order("SERVER.7.1.2", 2, 2)}
    record = desk.bring(plan_of(wanted()))
    assert record.state is UNKNOWN
    assert "SERVER.7.1.2" in record.transitions[-1].note
    assert desk.inserted == []


@pytest.mark.parametrize(
    "change",
    [
        {"volume": 3},
        {"limit_price": Decimal(3502)},
        {"direction": "SELL"},
        {"symbol": "SHFE.rb2505"},
        {"offset": "CLOSE"},
        {"inserted_at": int((NOW.timestamp() - 6) * 1e9)},
    ],
)
def test_a_nameless_order_that_cannot_be_it_does_not_count(store: VersionedStore, change: dict[str, Any]) -> None:
    desk = Desk(store)
    desk.crash(plan_of(wanted()), Point.SENT)
    desk.log_in_again()
    desk.view.shown = {"SERVER.7.1.2": replace(venue_order("SERVER.7.1.2", 2, 2), **change)}
    assert desk.bring(plan_of(wanted())).state is ACKNOWLEDGED
    assert desk.inserted == [("a", "OPEN", 2)]


def test_an_unknown_order_is_never_sent_and_is_found_when_it_appears(store: VersionedStore) -> None:
    desk = Desk(store)
    desk.crash(plan_of(wanted()), Point.SENT)
    desk.log_in_again()
    desk.view.shown = {"SERVER.7.1.2": venue_order("SERVER.7.1.2", 2, 2)}
    for _ in range(2):
        assert desk.bring(plan_of(wanted())).state is UNKNOWN
    desk.view.shown = {}
    assert desk.bring(plan_of(wanted())).state is UNKNOWN
    assert desk.inserted == []
    desk.view.shown = {"a": venue_order("a")}
    assert desk.bring(plan_of(wanted())).state is ACKNOWLEDGED


def test_what_was_sent_on_another_trading_day_is_unknown(store: VersionedStore) -> None:
    desk = Desk(store)
    desk.crash(plan_of(wanted()), Point.INSERTED)
    desk.log_in_again(NEXT_DAY)
    desk.view.shown = {}
    record = desk.bring(plan_of(wanted()))
    assert (record.state, desk.inserted) == (UNKNOWN, [])
    assert "that day is over" in record.transitions[-1].note


def test_what_was_not_sent_on_its_trading_day_never_is(store: VersionedStore) -> None:
    desk = Desk(store, View(NEXT_DAY))
    record = desk.bring(plan_of(wanted()))
    assert (record.state, desk.inserted) == (CANCELLED, [])
    assert unsent_ends({"a": record})["a"].state is REJECTED
    assert "20250311 is over" in unsent_ends({"a": record})["a"].reason


@pytest.mark.parametrize("sent", [False, True], ids=["recorded", "sent and absent"])
def test_an_order_that_is_too_old_is_not_sent(store: VersionedStore, sent: bool) -> None:
    desk = Desk(store)
    if sent:
        desk.crash(plan_of(wanted()), Point.SENT)
    desk.clock.instant = NOW + timedelta(seconds=61)  # type: ignore[attr-defined]
    record = desk.bring(plan_of(wanted()))
    assert (record.state, desk.inserted) == (CANCELLED, [])
    assert "received 61 s ago" in record.transitions[-1].note


def halt(store: VersionedStore, scope: str, *, on: bool = True) -> None:
    set_halt(Operator(store, SystemClock(), "tester"), scope, "a test", on=on)


@pytest.mark.parametrize("scope", ["all", "service-tq-broker", f"account-{ACCOUNT}"])
def test_a_halt_keeps_an_order_from_being_sent(store: VersionedStore, scope: str) -> None:
    halt(store, scope)
    desk = Desk(store)
    record = desk.bring(plan_of(wanted()))
    assert (states(record), desk.inserted) == (["SENT", "CANCELLED"], [])
    assert "halted" in unsent_ends({"a": record})["a"].reason
    assert unsent_ends({"a": record})["a"].state is REJECTED


def test_a_halt_of_something_else_stops_nothing(store: VersionedStore) -> None:
    halt(store, "account-other")
    halt(store, "all")
    halt(store, "all", on=False)
    assert Desk(store).bring(plan_of(wanted())).state is ACKNOWLEDGED


def test_a_real_account_trades_only_once_it_is_allowed(store: VersionedStore) -> None:
    real = {"run_mode": "real", "broker_id": "b", "account_id": ACCOUNT, "account_password": "secret-of-account"}
    record = Desk(store, tq=real).bring(plan_of(wanted()))
    assert "not on the allow-list" in unsent_ends({"a": record})["a"].reason
    set_allowed(Operator(store, SystemClock(), "tester"), ACCOUNT, "a test", on=True)
    assert Desk(store, tq=real).bring(plan_of(wanted("b"))).state is ACKNOWLEDGED


@pytest.mark.parametrize("cancelled", ["a", "a_close"])
def test_a_cancelled_order_is_not_sent(store: VersionedStore, cancelled: str) -> None:
    plan = plan_of(wanted("a", "CLOSE"), Child("a_close", "CLOSE", 2))
    OrderBook(store, ACCOUNT).intend_cancel(cancelled, CancelIntent("r", NOW))
    desk = Desk(store)
    record = desk.bring(plan)
    assert desk.inserted == []
    assert unsent_ends({"a_close": record}) == {"a_close": ChildEnd(CANCELLED, "cancelled before it was sent")}


def test_nothing_is_sent_without_the_right_to(store: VersionedStore) -> None:
    async def another(sender: Sender) -> None:
        sender.parts.clock.instant += timedelta(seconds=200)  # type: ignore[attr-defined]

    desk = Desk(store)
    with pytest.raises(LeaseLost):
        desk.bring(replace(plan_of(wanted()), received_at=NOW + timedelta(seconds=200)), use=another)
    assert desk.inserted == []


def test_the_right_is_looked_at_last_of_all(store: VersionedStore) -> None:
    desk = Desk(store)
    held = iter([False])

    async def lost_meanwhile(sender: Sender) -> None:
        sender.right.holds = lambda: next(held)  # type: ignore[method-assign]

    with pytest.raises(LeaseLost, match="right to send"):
        desk.bring(plan_of(wanted()), use=lost_meanwhile)
    assert desk.inserted == []


def test_the_trading_day_is_looked_at_last_of_all(store: VersionedStore) -> None:
    desk = Desk(store)
    desk.view.day_now = NEXT_DAY
    with pytest.raises(LeaseLost, match="trading day"):
        desk.bring(plan_of(wanted()))
    assert desk.inserted == []


def halted(desk: Desk) -> None:
    halt(desk.store, "all")


def cancelled(desk: Desk) -> None:
    OrderBook(desk.store, ACCOUNT).intend_cancel("a", CancelIntent("r", NOW))


def too_old(desk: Desk) -> None:
    desk.clock.instant = NOW + timedelta(seconds=61)  # type: ignore[attr-defined]


GATES = (lambda _: None, halted, cancelled, too_old)


@pytest.mark.parametrize("gate", GATES, ids=["open", "halted", "cancelled", "too old"])
def test_what_the_exchange_has_and_the_ledger_has_lost_is_taken_for_sent_whatever_forbids_it_now(
    store: VersionedStore, gate: Callable[[Desk], None]
) -> None:
    desk = Desk(store)
    desk.view.shown["a"] = venue_order("a", 2, 2)
    gate(desk)
    record = desk.bring(plan_of(wanted()))
    assert (states(record), desk.inserted) == (["SENT", "ACKNOWLEDGED"], [])
    assert "E-a" in str(record.transitions[-1].execution)


@pytest.mark.parametrize("gate", GATES, ids=["open", "halted", "cancelled", "too old"])
@pytest.mark.parametrize(
    "change", [{"volume": 3}, {"direction": "SELL"}, {"offset": "CLOSE"}, {"limit_price": Decimal(1)}]
)
def test_another_order_of_the_exchange_under_the_id_is_unknown(
    store: VersionedStore, change: dict[str, Any], gate: Callable[[Desk], None]
) -> None:
    desk = Desk(store)
    desk.view.shown["a"] = replace(venue_order("a", 2, 2), **change)
    gate(desk)
    record = desk.bring(plan_of(wanted()))
    assert (record.state, desk.inserted) == (UNKNOWN, [])
    assert record.transitions[-1].note == "the exchange has another order under its id"


def test_a_refusal_of_the_exchange_is_recorded_with_its_words(store: VersionedStore) -> None:
    desk = Desk(store)
    desk.view.api.answer = lambda order: replace(order, alive=False, is_error=True, last_message="no money")
    record = desk.bring(plan_of(wanted()))
    assert states(record) == ["SENT", "REJECTED"]
    assert "no money" in str(record.transitions[-1].execution)
    assert unsent_ends({"a": record}) == {}


def test_an_answer_that_does_not_come_ends_the_login(store: VersionedStore) -> None:
    desk = Desk(store)
    desk.view.api.answer = lambda _: None
    with pytest.raises(SessionOver, match=r"no answer to order a within 0\.05 s"):
        desk.bring(plan_of(wanted()))
    assert states(OrderBook(store, ACCOUNT).children(plan_of(wanted()))["a"]) == ["SENT"]


@pytest.mark.parametrize("ended_in", ["the answer", "the sending"])
def test_what_only_the_client_library_shows_after_a_reconnect_is_waited_for(
    store: VersionedStore, ended_in: str
) -> None:
    desk, plan = Desk(store, submitter={"answer_seconds": 5}), plan_of(wanted())
    desk.view.api.answer = lambda _: None
    ask = desk.session.ask

    async def lost(command: Any) -> Any:
        await ask(command)
        await asyncio.Event().wait()

    async def run() -> OrderRecord:
        sender = desk.sender()
        await sender.right.take()

        desk.session.ask = lost if ended_in == "the sending" else ask  # type: ignore[method-assign]
        first = asyncio.create_task(brought(sender, plan, Turn()))
        while not desk.inserted:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        desk.session.ask = ask  # type: ignore[method-assign]
        again = asyncio.create_task(brought(sender, plan, Turn()))
        await asyncio.sleep(0.03)
        assert not again.done()
        desk.view.shown["a"] = replace(desk.view.shown["a"], alive=False, is_error=True, last_message="no money")
        return await asyncio.wait_for(again, 5)

    record = asyncio.run(run())
    assert states(record) == ["SENT", "REJECTED"]
    assert len(desk.inserted) == 1


def test_no_more_orders_are_sent_in_a_day_than_may_be(store: VersionedStore) -> None:
    async def all_sent(sender: Sender) -> None:
        sender.departures.sends_today = 5000

    desk = Desk(store)
    record = desk.bring(plan_of(wanted()), use=all_sent)
    assert (record.state, desk.inserted) == (CANCELLED, [])
    assert "as many as may be" in record.transitions[-1].note


async def two_in_line(desk: Desk, meanwhile: Use) -> OrderRecord:
    """Bring an order whose turn comes only after something else has happened; its intent is recorded before."""
    sender, turns = desk.sender(), Turns()
    await sender.right.take()
    async with turns.turn() as older, turns.turn() as own:
        waiting = asyncio.create_task(brought(sender, plan_of(wanted()), own))
        async with asyncio.timeout(5):
            while not sender.book.steps(plan_of(wanted()).trading_day).of("a"):
                await asyncio.sleep(0.001)
        assert not desk.inserted
        await meanwhile(sender)
        older.give_back()
        return await waiting


def test_a_halt_that_is_set_while_an_order_waits_for_its_turn_stops_it(store: VersionedStore) -> None:
    async def halt(sender: Sender) -> None:
        set_halt(Operator(store, sender.parts.clock, "tester"), "all", "wait", on=True)

    desk = Desk(store)
    record = asyncio.run(two_in_line(desk, halt))
    assert (states(record), desk.inserted) == (["SENT", "CANCELLED"], [])
    assert "halted: all" in record.transitions[-1].note


def test_orders_that_wait_for_their_turn_together_are_no_more_than_may_be_sent_in_a_day(store: VersionedStore) -> None:
    async def last_one(sender: Sender) -> None:
        sender.departures.sends_today = 5000

    desk = Desk(store)
    record = asyncio.run(two_in_line(desk, last_one))
    assert (states(record), desk.inserted) == (["SENT", "CANCELLED"], [])
    assert "as many as may be" in record.transitions[-1].note


def test_more_orders_in_a_second_than_may_be_wait(store: VersionedStore) -> None:
    waits: list[float] = []
    desk = Desk(store, orders={"max_actions_per_second": 2})

    @contextmanager
    def moving_on(sender: Sender) -> Generator[None]:
        real = asyncio.sleep

        async def sleep(seconds: float) -> None:
            if seconds > 0.1:
                waits.append(seconds)
                sender.parts.clock.sleep(seconds)
            await real(0)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("tq_broker_app.roles.departing.asyncio.sleep", sleep)
            yield

    async def run() -> None:
        sender = desk.sender()
        await sender.right.take()
        with moving_on(sender):
            for name in "abcde":
                await brought(sender, plan_of(wanted(name)), Turn())

    asyncio.run(run())
    assert len(desk.inserted) == 5
    assert waits == pytest.approx([1.0, 1.0], abs=0.001)


def test_no_more_orders_leave_in_a_second_than_may_be_however_many_are_ready(store: VersionedStore) -> None:
    desk, left = Desk(store, orders={"max_actions_per_second": 5}), list[float]()
    insert_order = desk.view.api.insert_order

    async def run() -> None:
        sender, turns, real = desk.sender(), Turns(), asyncio.sleep
        await sender.right.take()

        def insert(*given: Any, **named: Any) -> Any:
            left.append(sender.parts.clock.monotonic())
            return insert_order(*given, **named)

        async def sleep(seconds: float) -> None:
            sender.parts.clock.sleep(seconds)
            await real(0)

        async def one(name: str) -> None:
            async with turns.turn() as turn:
                await brought(sender, plan_of(wanted(name)), turn)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(desk.view.api, "insert_order", insert)
            patched.setattr("tq_broker_app.roles.departing.asyncio.sleep", sleep)
            await asyncio.wait_for(asyncio.gather(*(one(name) for name in "abcdefghijkl")), 10)

    asyncio.run(run())
    assert [name for name, *_ in desk.inserted] == list("abcdefghijkl")
    assert max(sum(start <= at < start + 1 for at in left) for start in left) == 5
