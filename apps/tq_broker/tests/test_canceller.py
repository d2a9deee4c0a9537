"""Cancels: durable, repeated until the order has come to its end, and always answered."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from quant_platform_kit.domain.orders import OrderState
from tq_broker_app.bus.ports import Unprocessable
from tq_broker_app.record.order_book import CancelIntent, OrderBook
from tq_broker_app.roles.order_canceller import LONGEST_SECONDS, REPEAT_SECONDS, OrderCanceller
from tq_broker_app.trading.plans import Child

from .frame import (
    ACCOUNT,
    NEXT_DAY,
    NOW,
    PORTFOLIO,
    ListBus,
    MemoryStore,
    Session,
    View,
    make_parts,
    make_unknown,
    plan_of,
    step,
    venue_order,
    wanted,
)

PARTS = (Child("a_closetoday", "CLOSETODAY", 1), Child("a_close", "CLOSE", 1))


class Desk:
    """A ledger, an exchange and a canceller."""

    def __init__(self, day: str | None = None, **sections: Any) -> None:
        self.store, self.bus = MemoryStore(), ListBus()
        self.session = Session(View(day) if day else None)
        self.parts = make_parts(self.store, self.bus, **sections)
        self.book = OrderBook(self.store, ACCOUNT)
        self.canceller = OrderCanceller(self.parts, self.session)  # type: ignore[arg-type]

    def cancel(self, order_id: str = "a", portfolio: str = PORTFOLIO, **more: Any) -> None:
        document = {
            "type": "CANCEL",
            "request_id": "r",
            "timestamp": NOW.isoformat(),
            "payload": {"order_id": order_id, "portfolio_id": portfolio},
        }
        asyncio.run(self.canceller.handle(json.dumps(document | more).encode()))

    @property
    def cancelled(self) -> list[str]:
        return self.session.view.api.cancelled

    def answers(self) -> list[tuple[str, str]]:
        return [(told["order_id"], told["status"]) for told in self.bus.of()]


def test_an_order_that_is_alive_is_cancelled_and_its_own_events_tell_the_rest() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted()))
    desk.session.view.shown["a"] = venue_order("a", 2, 2)
    desk.cancel()
    assert (desk.cancelled, desk.answers()) == (["a"], [])


def test_all_parts_of_an_order_are_cancelled_by_its_id() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted(offset="CLOSE"), *PARTS))
    desk.session.view.shown |= {child.order_id: venue_order(child.order_id, 1, 1) for child in PARTS}
    desk.cancel()
    assert sorted(desk.cancelled) == ["a_close", "a_closetoday"]
    assert desk.answers() == []


def test_one_part_is_cancelled_by_its_own_id() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted(offset="CLOSE"), *PARTS))
    desk.session.view.shown |= {child.order_id: venue_order(child.order_id, 1, 1) for child in PARTS}
    desk.cancel("a_close")
    assert (desk.cancelled, desk.answers()) == (["a_close"], [])


def test_the_intent_is_durable_before_anything_is_asked_of_the_exchange() -> None:
    desk = Desk()
    desk.session.view.api.cancelled = None  # type: ignore[assignment]
    desk.book.record(plan_of(wanted()))
    desk.session.view.shown["a"] = venue_order("a", 2, 2)
    with pytest.raises(AttributeError):
        desk.cancel()
    assert desk.book.cancels() == {"a"}


def test_an_order_that_nobody_submitted_is_noted() -> None:
    desk = Desk()
    desk.cancel()
    assert desk.answers() == [("a", "CANCEL_NOTED")]
    assert desk.book.cancel_intended(plan_of(wanted()), Child("a", "OPEN", 2))


def test_an_order_that_only_the_exchange_knows_is_cancelled_and_the_answer_says_so() -> None:
    desk = Desk()
    desk.session.view.shown["a_close"] = venue_order("a_close", 2, 2)
    desk.cancel()
    assert (desk.cancelled, desk.answers()) == (["a_close"], [("a", "CANCEL_NOTED")])
    assert "the exchange has a_close, which the ledger does not know" in desk.bus.of()[0]["reason"]


def test_an_order_that_the_ledger_calls_not_sent_and_the_exchange_shows_alive_is_cancelled_without_an_answer() -> None:
    desk = Desk()
    plan = desk.book.record(plan_of(wanted()))
    step(desk.store, plan, plan.children[0], OrderState.CANCELLED, "refused: halted")
    desk.session.view.shown["a"] = venue_order("a", 2, 2)
    desk.cancel()
    assert (desk.cancelled, desk.answers()) == (["a"], [])


def test_an_order_on_its_way_is_cancelled_once_it_is_shown_alive() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted()))
    desk.cancel()
    assert (desk.cancelled, desk.answers()) == ([], [])
    desk.session.view.shown["a"] = venue_order("a", 2, 2)
    asyncio.run(desk.canceller._cancel_shown())
    assert desk.cancelled == ["a"]


def test_a_cancel_is_repeated_until_the_order_has_ended() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted()))
    desk.session.view.shown["a"] = venue_order("a", 2, 2)
    desk.cancel()
    for pause, sent in ((1, 2), (1, 2), (1, 3), (3, 3), (1, 4)):  # twice as long each time
        desk.parts.clock.sleep(pause * REPEAT_SECONDS)
        asyncio.run(desk.canceller._cancel_shown())
        assert desk.cancelled == ["a"] * sent
    desk.session.view.shown["a"] = venue_order("a", 2, 0)
    desk.parts.clock.sleep(LONGEST_SECONDS)
    asyncio.run(desk.canceller._cancel_shown())
    assert desk.cancelled == ["a"] * 4


def test_a_finished_order_is_answered_so() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted()))
    desk.session.view.shown["a"] = venue_order("a", 2, 0)
    desk.cancel()
    assert desk.answers() == [("a", "CANCEL_TOO_LATE")]
    assert desk.cancelled == []


def test_a_refused_order_is_answered_with_its_reason() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted(), refused="off tick"))
    desk.cancel()
    assert desk.answers() == [("a", "CANCEL_TOO_LATE")]
    assert desk.bus.of()[0]["reason"] == "off tick"


def test_a_part_that_an_order_does_not_have_is_answered_so() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted()))
    desk.cancel("a_close")
    assert desk.answers() == [("a_close", "CANCEL_TOO_LATE")]
    assert "no such part" in desk.bus.of()[0]["reason"]


def test_an_order_of_an_earlier_day_is_answered_so() -> None:
    desk = Desk(NEXT_DAY)
    desk.book.record(plan_of(wanted()))
    desk.cancel()
    assert desk.answers() == [("a", "CANCEL_TOO_LATE")]


def test_an_order_of_another_portfolio_is_rejected_and_not_noted() -> None:
    desk = Desk()
    other = replace(plan_of(wanted(portfolio_id="p2")), account_id="another")
    OrderBook(desk.store, "another").record(other)
    desk.session.view.shown["a"] = venue_order("a", 2, 2)
    desk.cancel()
    assert desk.answers() == [("a", "CANCEL_REJECTED")]
    assert (desk.cancelled, desk.book.cancels()) == ([], frozenset())


@pytest.mark.parametrize(
    ("order_id", "portfolio", "reason"),
    [("a", "p2", "this deployment trades p1"), ("a|b", PORTFOLIO, "use 1 to 64"), ("_close", PORTFOLIO, "use 1 to 64")],
)
def test_a_cancel_that_cannot_be_meant_is_rejected(order_id: str, portfolio: str, reason: str) -> None:
    desk = Desk()
    desk.cancel(order_id, portfolio)
    assert desk.answers() == [(order_id, "CANCEL_REJECTED")]
    assert reason in desk.bus.of()[0]["reason"]
    assert desk.book.cancels() == frozenset()


def test_a_cancel_that_is_no_such_request_is_no_rejected_order() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted()))
    desk.cancel(timestamp="yesterday")
    assert desk.answers() == [("a", "CANCEL_REJECTED")]
    assert desk.bus.events()[0].startswith("a:CANCEL_REJECTED:")


def test_an_order_whose_end_nobody_knows_is_answered_so_with_the_note() -> None:
    desk = Desk()
    plan = desk.book.record(plan_of(wanted(offset="CLOSE"), *PARTS))
    desk.session.view.shown["a_closetoday"] = venue_order("a_closetoday", 1, 1)
    make_unknown(desk.store, plan, PARTS[1], "it may be SERVER.7.1.2")
    desk.cancel()
    assert (desk.answers(), desk.cancelled) == ([("a", "CANCEL_UNKNOWN")], ["a_closetoday"])
    assert desk.bus.of()[0]["reason"] == "it may be SERVER.7.1.2"


def test_a_cancel_is_repeated_ever_later_up_to_a_minute() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted()))
    desk.session.view.shown["a"] = venue_order("a", 2, 2)
    desk.cancel()
    sent_at: list[int] = []
    for second in range(1, 250):
        desk.parts.clock.sleep(1)
        before = len(desk.cancelled)
        asyncio.run(desk.canceller._cancel_shown())
        sent_at += [second] * (len(desk.cancelled) - before)
    assert sent_at == [1, 3, 7, 15, 31, 63, 123, 183, 243]


def test_whoever_asks_again_does_not_wait_for_the_next_repetition() -> None:
    desk = Desk()
    desk.book.record(plan_of(wanted()))
    desk.session.view.shown["a"] = venue_order("a", 2, 2)
    desk.cancel()
    desk.cancel(request_id="r2")
    assert desk.cancelled == ["a", "a"]


def test_no_more_cancels_leave_in_a_second_than_may_be() -> None:
    desk = Desk(orders={"max_actions_per_second": 2})
    names = [f"o{number}" for number in range(5)]
    for name in names:
        desk.book.intend_cancel(name, CancelIntent("r", NOW))
        desk.session.view.shown[name] = venue_order(name, 2, 2)
    desk.canceller._wanted |= set(names)
    for sent in (["o0", "o1"], [], ["o2", "o3"], [], ["o4", "o0"]):  # those that were never sent go first
        before = len(desk.cancelled)
        asyncio.run(desk.canceller._cancel_shown())
        assert desk.cancelled[before:] == sent
        desk.parts.clock.sleep(0.6)


def test_a_cancel_without_an_id_is_unprocessable() -> None:
    desk = Desk()
    with pytest.raises(Unprocessable):
        desk.cancel(payload={"portfolio_id": PORTFOLIO})


def test_the_same_cancel_has_the_same_answer() -> None:
    desk = Desk()
    desk.cancel()
    desk.cancel()
    assert len({told["event_id"] for told in desk.bus.of()}) == 1


def test_cancels_from_before_a_restart_are_carried_out() -> None:
    desk = Desk()
    desk.book.intend_cancel("a", CancelIntent("r", NOW))
    desk.session.view.shown["a"] = venue_order("a", 2, 2)

    async def run() -> None:
        running = asyncio.create_task(desk.canceller.run())
        async with asyncio.timeout(5):
            while not desk.cancelled:
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert desk.cancelled == ["a"]
