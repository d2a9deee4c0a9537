"""Lanes: messages of a partition begin in their order, and its offset waits for all before it."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from quant_platform_kit.events.bus import Place, Received
from quant_platform_kit.events.lanes import Lane


def messages(*offsets: int) -> list[Received]:
    return [Received("t", 0, offset, None, b"") for offset in offsets]


def lane(at_once: int, *offsets: int) -> Lane:
    made = Lane(Place("t", 0), at_once)
    made.ready = True
    made.take(messages(*offsets))
    return made


def begun(one: Lane) -> list[int]:
    found: list[int] = []
    while more := one.begin():
        found += [message.offset for message in more]
    return found


def test_nothing_begins_before_a_lane_is_ready_or_once_it_closes() -> None:
    one = Lane(Place("t", 0), 2)
    one.take(messages(0, 1, 2))
    assert begun(one) == []
    one.ready = True
    assert begun(one) == [0, 1]
    one.close()
    one.take(messages(3))
    one.finish(0)
    assert (begun(one), one.waiting, one.next) == ([], 0, 1)


def test_offsets_may_have_gaps_and_are_told_once() -> None:
    one = lane(3, 5, 7, 9)
    assert (begun(one), one.committable()) == ([5, 7, 9], None)
    one.finish(7)
    assert one.committable() is None
    one.finish(5)
    assert (one.committable(), one.committable()) == (8, None)
    one.finish(9)
    assert (one.committable(), one.seen) == (10, 10)


def test_several_begin_at_once_as_far_as_there_is_room() -> None:
    one = lane(4, *range(6))
    first = one.begin(3)
    assert [message.offset for message in first] == [0, 1, 2]
    assert [message.offset for message in one.begin(3)] == [3]
    assert one.begin(3) == []
    one.finish(1)
    assert [message.offset for message in one.begin(3)] == [4]
    assert one.next is None


@given(st.permutations(range(12)), st.integers(1, 4))
def test_in_whatever_order_messages_end_the_offset_is_that_of_the_first_that_has_not(
    order: list[int], most: int
) -> None:
    one, under_way, done = lane(most, *range(12)), set[int](), set[int]()
    waiting = list(order)
    while waiting:
        under_way |= set(begun(one))
        assert len(under_way - done) <= most
        offset = next(number for number in waiting if number in under_way)
        waiting.remove(offset)
        one.finish(offset)
        done.add(offset)
        first = next(number for number in range(13) if number not in done)
        assert (one.next or 0) == first


def test_who_waits_for_the_end_of_a_lane_hears_of_it() -> None:
    async def wait() -> None:
        one = lane(1)
        waiting = asyncio.create_task(one.closing.wait())
        await asyncio.sleep(0)
        one.close()
        assert await waiting

    asyncio.run(wait())
