"""What becomes of messages on any bus: acknowledged last, dead letters with their reason, turns in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
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
from tq_broker_app.roles.turns import AT_HAND, Leaving, Turn, Turns

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
def test_what_gets_ready_in_any_order_leaves_in_the_order_in_which_it_began(ready: list[int], none: set[int]) -> None:
    left: list[int] = []

    async def carry(group: Sequence[Leaving]) -> list[int]:
        left.extend(each.what for each in group)
        await asyncio.sleep(0)
        return [-each.what for each in group]

    async def work(turns: Turns, number: int, go: asyncio.Event) -> int:
        async with turns.turn() as turn:
            await go.wait()
            return 0 if number in none else await turn.leave(number, carry)

    async def run() -> list[int]:
        turns, events = Turns(), [asyncio.Event() for _ in range(6)]
        tasks = [asyncio.create_task(work(turns, number, events[number])) for number in range(6)]
        await asyncio.sleep(0)
        for number in ready:
            events[number].set()
            await asyncio.sleep(0)
        return await asyncio.wait_for(asyncio.gather(*tasks), 5)

    left.clear()
    results = asyncio.run(run())
    assert left == sorted(set(range(6)) - none)
    assert results == [0 if number in none else -number for number in range(6)]


class Line:
    """Turns in a line, and what leaves: in which groups, and whether it had waited."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.groups: list[list[tuple[Any, bool]]] = []
        self.go = asyncio.Event()

    async def carry(self, group: Sequence[Leaving]) -> list[Any]:
        self.groups.append([(each.what, each.waited) for each in group])
        await self.go.wait()
        return [each.what for each in group]


def test_whatever_is_ready_leaves_together_and_only_the_first_has_not_waited() -> None:
    async def run() -> list[list[tuple[Any, bool]]]:
        line = Line()
        async with AsyncExitStack() as held:
            taken = [await held.enter_async_context(line.turns.turn()) for _ in range(4)]
            tasks = [asyncio.create_task(turn.leave(number, line.carry)) for number, turn in enumerate(taken)]
            await asyncio.sleep(0.01)
            line.go.set()
            assert await asyncio.wait_for(asyncio.gather(*tasks), 5) == [0, 1, 2, 3]
        return line.groups

    [first, *others] = asyncio.run(run())
    assert first[0] == (0, False)
    assert [each for group in (first, *others) for each in group][1:] == [(1, True), (2, True), (3, True)]
    assert len(others) <= 1


def test_nothing_younger_leaves_between_two_of_one_turn() -> None:
    async def run() -> list[list[Any]]:
        line = Line()
        line.go.set()
        async with line.turns.turn() as older, line.turns.turn() as younger:
            waiting = asyncio.create_task(younger.leave("younger", line.carry))
            await older.leave("first of two", line.carry, last=False)
            await asyncio.sleep(0.01)
            assert not waiting.done()
            await older.leave("second of two", line.carry)
            await asyncio.wait_for(waiting, 5)
        return [[what for what, _ in group] for group in line.groups]

    assert [what for group in asyncio.run(run()) for what in group] == ["first of two", "second of two", "younger"]


def test_an_error_of_a_group_is_raised_for_each_of_it_and_the_next_goes_on() -> None:
    async def run() -> list[Any]:
        turns = Turns()

        async def carry(group: Sequence[Leaving]) -> list[Any]:
            if any(each.what == "bad" for each in group):
                raise BusDown("it does not answer")
            return [each.what for each in group]

        async with turns.turn() as first, turns.turn() as second:
            failing = asyncio.create_task(first.leave("bad", carry))
            found = await asyncio.gather(failing, return_exceptions=True)
            return [*found, await asyncio.wait_for(second.leave("good", carry), 5)]

    failed, good = asyncio.run(run())
    assert isinstance(failed, BusDown)
    assert good == "good"


def test_so_many_get_ready_at_a_time() -> None:
    async def run() -> list[int]:
        turns, near = Turns(), list[int]()

        async def ready(number: int, turn: Turn) -> None:
            await turn.near()
            near.append(number)

        async with AsyncExitStack() as line:
            held = [await line.enter_async_context(turns.turn()) for _ in range(AT_HAND + 2)]
            tasks = [asyncio.create_task(ready(number, turn)) for number, turn in enumerate(held)]
            await asyncio.sleep(0.01)
            first = list(near)
            held[0].give_back()
            held[1].give_back()
            await asyncio.wait_for(asyncio.gather(*tasks), 5)
            return first

    assert asyncio.run(run()) == list(range(AT_HAND))


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
