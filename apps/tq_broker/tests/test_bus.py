"""What becomes of messages on any bus: acknowledged last, dead letters with their reason, turns in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_platform_kit.domain.errors import Damaged, LeaseLost, StoreError
from quant_platform_kit.domain.redaction import hide
from tq_broker_app.bus.dead_letters import DeadLetter
from tq_broker_app.bus.names import Place, places
from tq_broker_app.bus.ports import BusDown, Queue, Unprocessable
from tq_broker_app.bus.processing import MOST_ATTEMPTS, Processor
from tq_broker_app.errors import SessionOver
from tq_broker_app.names import Role
from tq_broker_app.roles.together import until_first
from tq_broker_app.roles.turns import AT_HAND, Turn, Turns

from .frame import NOW, ListBus, make_parts, settings

Handle = Callable[[bytes], Awaitable[None]]


class Taken:
    """Messages given to a processor, and what became of them, in its sequence."""

    def __init__(self, handle: Handle) -> None:
        self.bus, self.log = ListBus(), []
        self.processor = Processor(self.bus, Queue.SUBMIT, handle, make_parts().clock)

    log: list[str]

    def give(self, body: bytes = b"x") -> None:
        async def ack() -> None:
            self.log.append("ack")

        before = len(self.bus.told)
        try:
            asyncio.run(self.processor.process(body, ack))
        finally:
            if len(self.bus.told) > before:
                self.log.insert(max(0, len(self.log) - 1), "letter")

    def letters(self) -> list[dict[str, Any]]:
        return self.bus.of(Queue.DEAD)


def raising(error: BaseException) -> Handle:
    async def handle(_: bytes) -> None:
        raise error

    return handle


def test_a_message_is_acknowledged_after_everything_else() -> None:
    async def handle(_: bytes) -> None:
        taken.log.append("handled")

    taken = Taken(handle)
    taken.give()
    assert taken.log == ["handled", "ack"]


def test_what_cannot_be_processed_becomes_a_dead_letter_and_is_acknowledged_then() -> None:
    taken = Taken(raising(Unprocessable("no order_id can be read")))
    taken.give(b'{"a": 1}')
    assert taken.log == ["letter", "ack"]
    [letter] = taken.letters()
    assert letter["reason"] == "no order_id can be read"
    assert (letter["original"], letter["queue"], letter["attempts"]) == ('{"a": 1}', "submit", 1)


def test_a_letter_that_could_not_be_published_is_no_acknowledgement() -> None:
    taken = Taken(raising(Unprocessable("bad")))
    taken.bus.down = 1
    with pytest.raises(BusDown):
        taken.give()
    assert taken.log == []
    taken.give()
    assert taken.log == ["letter", "ack"]


@pytest.mark.parametrize("error", [StoreError("down"), BusDown("down"), LeaseLost("gone"), SessionOver("gone")])
def test_what_is_down_is_raised_and_the_message_stays_however_often(error: Exception) -> None:
    taken = Taken(raising(error))
    for _ in range(MOST_ATTEMPTS + 2):
        with pytest.raises(type(error)):
            taken.give()
    assert (taken.log, taken.letters()) == ([], [])


def test_a_message_that_fails_three_times_becomes_a_dead_letter() -> None:
    taken = Taken(raising(KeyError("colour")))
    for _ in range(MOST_ATTEMPTS - 1):
        with pytest.raises(BusDown, match="colour"):
            taken.give()
    assert taken.log == []
    taken.give()
    [letter] = taken.letters()
    assert (letter["attempts"], letter["reason"]) == (3, "it failed 3 times: KeyError('colour')")
    assert taken.log == ["letter", "ack"]


def test_a_message_about_a_damaged_order_does_not_stay_for_ever() -> None:
    taken = Taken(raising(Damaged("object x was changed")))
    for _ in range(MOST_ATTEMPTS - 1):
        with pytest.raises(BusDown):
            taken.give()
    taken.give()
    [letter] = taken.letters()
    assert "object x was changed" in letter["reason"]
    assert taken.log == ["letter", "ack"]


def test_a_message_that_succeeds_in_between_begins_to_count_anew() -> None:
    fails = iter([True, False, True, True, False])

    async def handle(_: bytes) -> None:
        if next(fails):
            raise KeyError

    taken = Taken(handle)
    for fail in (True, False, True, True):
        if fail:
            with pytest.raises(BusDown):
                taken.give()
        else:
            taken.give()
    assert taken.letters() == []


def test_no_secret_is_in_the_reason_of_a_letter() -> None:
    hide(["very-secret-value"])
    taken = Taken(raising(Unprocessable("password very-secret-value")))
    taken.give()
    assert "very-secret-value" not in json.dumps(taken.letters())


@given(st.binary(max_size=60))
def test_a_letter_returns_the_message_as_it_was(body: bytes) -> None:
    letter = DeadLetter.of(Queue.CANCEL, body, "why", 2, NOW)
    read = DeadLetter.model_validate_json(letter.model_dump_json())
    assert read == letter
    assert read.body == body


def test_queues_are_named_as_documented() -> None:
    found = places(settings().rabbitmq, "p1")
    assert {queue: place.queue for queue, place in found.items()} == {
        Queue.SUBMIT: "tq_order_submit_requests",
        Queue.CANCEL: "tq_order_cancel_requests",
        Queue.ORDERS: "tq_internal_order_updates",
        Queue.POSITIONS: "tq_internal_position_updates",
        Queue.ACCOUNT: "tq_internal_account_updates",
        Queue.DEAD: "tq_dead_letters",
    }
    assert {place.exchange for place in found.values()} == {"tq_order_request_exchange", "tq_internal_exchange"}


def test_queues_and_exchanges_of_a_portfolio_end_in_its_id() -> None:
    named = places(settings(rabbitmq={"portfolio_queues": True}).rabbitmq, "p1")
    assert named[Queue.SUBMIT] == Place("tq_order_submit_requests_p1", "tq_order_request_exchange_p1")
    assert all(place.queue.endswith("_p1") and place.exchange.endswith("_p1") for place in named.values())


def test_the_eight_services_have_the_documented_images() -> None:
    assert [role.image for role in Role] == [
        "tq_order_submitter",
        "tq_order_canceller",
        "tq_order_monitor",
        "tq_position_monitor",
        "tq_account_monitor",
        "tq_order_handler",
        "tq_position_handler",
        "tq_account_handler",
    ]
    assert [role.offset for role in Role] == list(range(8))
    assert [role.trades for role in Role] == [True] * 5 + [False] * 3
    assert [role.consumes for role in Role] == [True, True, False, False, False, True, True, True]


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_turns_are_taken_in_the_order_of_the_tickets(ready: list[int], leaving: set[int]) -> None:
    taken: list[int] = []

    async def work(turns: Turns, number: int, go: asyncio.Event) -> None:
        async with turns.turn() as turn:
            await go.wait()
            if number in leaving:
                return
            await turn.come()
            taken.append(number)
            turn.give_back()

    async def run() -> None:
        turns, events = Turns(), [asyncio.Event() for _ in range(6)]
        tasks = [asyncio.create_task(work(turns, number, events[number])) for number in range(6)]
        await asyncio.sleep(0)
        for number in ready:
            events[number].set()
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*tasks), 5)

    taken.clear()
    asyncio.run(run())
    assert taken == sorted(set(range(6)) - leaving)


def test_so_many_get_ready_at_a_time_and_whoever_comes_first_has_not_waited() -> None:
    async def run() -> tuple[list[int], list[bool]]:
        turns, near = Turns(), list[int]()

        async def ready(number: int, turn: Turn) -> bool:
            await turn.near()
            near.append(number)
            return await turn.come()

        async with AsyncExitStack() as line:
            held = [await line.enter_async_context(turns.turn()) for _ in range(AT_HAND + 2)]
            tasks = [asyncio.create_task(ready(number, turn)) for number, turn in enumerate(held)]
            await asyncio.sleep(0.01)
            first = list(near)
            for turn in held:
                turn.give_back()
                await asyncio.sleep(0)
            return first, await asyncio.wait_for(asyncio.gather(*tasks), 5)

    near, waited = asyncio.run(run())
    assert near == list(range(AT_HAND))
    assert waited == [False] + [True] * (AT_HAND + 1)


def test_work_side_by_side_ends_together_and_an_error_is_raised() -> None:
    ended: list[str] = []

    async def lasting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("lasting")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise StoreError("down")

    with pytest.raises(StoreError, match="down"):
        asyncio.run(until_first(lasting(), failing()))
    assert ended == ["lasting"]
