"""Durable stages: an offset is committed after its message is done; partitions are taken first and given back last."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, TopicPartition
from quant_platform_kit.domain.errors import Damaged, LeaseLost, StoreError
from quant_platform_kit.events.bus import Place, Received, consumer_config
from quant_platform_kit.events.envelope import encode
from quant_platform_kit.events.errors import Duplicate, Unreadable
from quant_platform_kit.events.stages import Durable, Flow, Hooks

from .bus_frame import CLOCK, Bench, Diary, event, running, until


@contextmanager
def other_member(bench: Bench) -> Generator[None]:
    """Be a member of the stage's group that takes partitions, and does nothing with them."""
    consumer, leaving = Consumer(consumer_config(bench.bus, bench.name)), threading.Event()
    consumer.subscribe([bench.source])

    def poll() -> None:
        while not leaving.is_set():
            consumer.poll(0.05)
        consumer.close()

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        leaving.set()
        thread.join()


def test_what_is_down_is_tried_again_and_what_fails_is_buried(bench: Bench) -> None:
    done: list[int] = []
    failures = {
        0: [StoreError("down")] * 4,
        2: [ValueError("odd")] * 9,
        3: [ValueError("odd"), StoreError("down"), StoreError("down"), ValueError("odd")],
        4: [Duplicate("seen before")],
        5: [Damaged("a record is gone")] * 9,
    }

    async def handle(message: Received) -> None:
        number = message.event().payload["number"]
        if failures.get(number):
            raise failures[number].pop()
        done.append(number)

    bench.put([*(encode(event(number)) for number in range(6)), b"nonsense"], keys=lambda _: "k")
    stage = Durable(bench.member, handle, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 7)
    assert done == [0, 1, 3]
    figures = stage.figures
    assert (figures.retried, figures.dead_letters, figures.suppressed, figures.restarts) == (12, 3, 1, 0)
    assert [letter.content.reason[:38] for letter in bench.letters()] == [
        "it failed 3 times: ValueError('odd')",
        "it failed 3 times: Damaged('a record i",
        "no event: no JSON: expected ident at l",
    ]
    assert sum(bench.committed().values()) == 7


def test_a_partition_is_taken_before_its_first_message_and_given_back_after_its_last(bench: Bench) -> None:
    diary = Diary()
    bench.put_events(100)
    stage = Durable(bench.member, diary.handle, CLOCK, hooks=Hooks(diary.take, diary.give_back))
    with running(stage):
        until(lambda: stage.figures.handled == 100)
    assert [diary.of(number) for number in (0, 1)] == [["take", "message", "give back"]] * 2
    assert sum(bench.committed().values()) == 100


def test_a_partition_waits_until_it_could_be_taken_and_the_others_go_on(bench: Bench) -> None:
    diary = Diary()
    failures = [StoreError("down"), LeaseLost("another one has it")]
    free = asyncio.Event()

    async def take(place: Place) -> None:
        if place.partition == 0:
            if failures:
                raise failures.pop()
            await free.wait()
        await diary.take(place)

    bench.put_events(100)
    stage = Durable(bench.member, diary.handle, CLOCK, hooks=Hooks(take, diary.give_back))
    with running(stage):
        until(lambda: stage.figures.lag.get(Place(bench.source, 1)) == 0)
        assert diary.of(1) == ["take", "message"]
        assert (diary.of(0), failures) == ([], [])
        free._loop.call_soon_threadsafe(free.set)
        until(lambda: stage.figures.handled == 100)
    assert diary.of(0) == ["take", "message", "give back"]


def test_a_partition_that_could_never_be_taken_is_given_up_when_the_stage_stops(bench: Bench) -> None:
    diary = Diary()
    asked: set[Place] = set()

    async def take(place: Place) -> None:
        asked.add(place)
        await asyncio.Event().wait()

    bench.put_events(10)
    stage = Durable(bench.member, diary.handle, CLOCK, hooks=Hooks(take, diary.give_back))
    with running(stage):
        until(lambda: len(asked) == 2)
    assert sorted(diary.lines) == [(0, "give back"), (1, "give back")]
    assert bench.committed() == {0: 0, 1: 0}


def test_a_new_member_gets_a_partition_after_it_was_given_back_and_the_other_stays(bench: Bench) -> None:
    diaries = [Diary(), Diary()]
    stages = [Durable(bench.member, diary.handle, CLOCK, hooks=Hooks(diary.take, diary.give_back)) for diary in diaries]
    bench.put_events(100)
    with running(stages[0]):
        until(lambda: stages[0].figures.handled == 100)
        with running(stages[1]):
            until(lambda: stages[1].figures.lag)
            bench.put_events(100, first=100)
            until(lambda: sum(stage.figures.handled for stage in stages) == 200)
            moved = diaries[1].lines[0][0]
            assert diaries[0].of(moved) == ["take", "message", "give back"]
            assert diaries[0].of(1 - moved) == ["take", "message"]
            assert diaries[1].of(moved) == ["take", "message"]
        bench.put_events(100, first=200)
        until(lambda: sum(stage.figures.handled for stage in stages) == 300)
    assert diaries[1].lines[-1] == (moved, "give back")
    assert diaries[0].of(moved) == ["take", "message", "give back", "take", "message", "give back"]


def test_messages_under_way_end_before_a_partition_goes_and_those_that_wait_go_along(bench: Bench) -> None:
    begun, ended, gone = list[Place](), list[Place](), list[Place]()
    go = threading.Event()

    async def handle(message: Received) -> None:
        begun.append(message.place)
        await asyncio.to_thread(go.wait)
        ended.append(message.place)

    async def give_back(place: Place) -> None:
        assert begun.count(place) == ended.count(place) > 0
        gone.append(place)

    bench.put_events(40)
    stage = Durable(bench.member, handle, CLOCK, flow=Flow(at_once=3, grace=30), hooks=Hooks(on_revoke=give_back))
    with running(stage):
        until(lambda: len(begun) == 6)
        with other_member(bench):
            threading.Timer(1, go.set).start()
            until(lambda: len(gone) == 1)
            assert bench.committed()[gone[0].partition] == ended.count(gone[0]) == 3
    assert sorted(begun) == sorted(ended)


def test_messages_that_do_not_end_are_cut_off_and_come_again(bench: Bench) -> None:
    bench.put_events(2)

    async def hang(message: Received) -> None:
        begun.append(message.offset)
        await asyncio.Event().wait()

    begun: list[int] = []
    stage = Durable(bench.member, hang, CLOCK, flow=Flow(grace=0.2))
    with running(stage):
        until(lambda: begun)
    assert (stage.figures.handled, bench.committed()) == (0, {0: 0, 1: 0})
    diary = Diary()
    stage = Durable(bench.member, diary.handle, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 2)


def test_an_offset_waits_for_the_messages_before_it(bench: Bench) -> None:
    free = threading.Event()
    done: list[int] = []

    async def handle(message: Received) -> None:
        if message.offset == 3:
            await asyncio.to_thread(free.wait)
        done.append(message.offset)

    bench.put([encode(event(number)) for number in range(20)], keys=lambda _: "k")
    (partition,) = {message.partition for message in bench.there(bench.source)}
    stage = Durable(bench.member, handle, CLOCK, flow=Flow(at_once=4))
    with running(stage):
        until(lambda: len(done) == 19)
        until(lambda: bench.committed()[partition] == 3)
        free.set()
        until(lambda: bench.committed()[partition] == 20)
    assert sorted(done) == list(range(20))


def test_what_has_come_is_handled_as_one_and_where_that_fails_each_by_itself(bench: Bench) -> None:
    bad, together, alone = 70, list[int](), list[int]()

    async def handle(message: Received) -> None:
        alone.append(message.offset)
        if message.offset == bad:
            raise Unreadable("a bad one")

    async def handle_all(messages: Sequence[Received]) -> None:
        if any(message.offset == bad for message in messages):
            raise Unreadable("there is a bad one")
        together.extend(message.offset for message in messages)

    bench.put([encode(event(number)) for number in range(100)], keys=lambda _: "k")
    stage = Durable(bench.member, handle, CLOCK, flow=Flow(at_once=40), handle_all=handle_all)
    with running(stage):
        until(lambda: stage.figures.handled == 100)
        until(lambda: sum(bench.committed().values()) == 100)
    assert sorted({*together, *alone}) == list(range(100))
    assert bad in alone
    assert together
    assert [letter.content.offset for letter in bench.letters()] == [bad]


def test_messages_begin_in_their_order_so_many_at_once_and_a_partition_with_too_many_is_paused(bench: Bench) -> None:
    begun: list[int] = []
    under_way = most = 0

    async def handle(message: Received) -> None:
        nonlocal under_way, most
        begun.append(message.offset)
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    bench.put([encode(event(number)) for number in range(3_000)], keys=lambda _: "k")
    stage = Durable(bench.member, handle, CLOCK, flow=Flow(at_once=8, waiting=100))
    with running(stage):
        until(lambda: stage.figures.handled == 3_000)
    assert begun == list(range(3_000))
    assert (most, stage.figures.paused > 0) == (8, True)


def test_a_paused_partition_holds_nothing_up_and_takes_no_more(bench: Bench) -> None:
    free = threading.Event()
    taken: list[Place] = []

    async def handle(message: Received) -> None:
        if message.partition == 0:
            await asyncio.to_thread(free.wait)
        taken.append(message.place)

    bench.put_events(4_000)
    stage = Durable(bench.member, handle, CLOCK, flow=Flow(waiting=200))
    with running(stage):
        until(lambda: stage.figures.lag.get(Place(bench.source, 1)) == 0)
        until(lambda: stage.figures.paused)
        lag, parts = stage.figures.lag[Place(bench.source, 0)], {place.partition for place in taken}
        free.set()
        assert (lag > 1_000, parts) == (True, {1})
        until(lambda: stage.figures.handled == 4_000)
    assert sum(bench.committed().values()) == 4_000


def test_a_lost_lease_ends_the_membership_and_the_stage_joins_anew(bench: Bench) -> None:
    diary = Diary()
    failures = [LeaseLost("another one has it")]

    async def handle(message: Received) -> None:
        if failures and message.event().payload["number"] == 5:
            raise failures.pop()
        await diary.handle(message)

    bench.put_events(40)
    stage = Durable(bench.member, handle, CLOCK, hooks=Hooks(diary.take, diary.give_back))
    with running(stage):
        until(lambda: stage.figures.handled >= 40 and sum(bench.committed().values()) == 40)
    assert stage.figures.restarts == 1
    for number in (0, 1):
        assert [line for line in diary.of(number) if line != "message"] == ["take", "give back"] * 2


def test_hooks_that_fail_end_no_stage(bench: Bench) -> None:
    failures = [RuntimeError("odd"), RuntimeError("odd")]

    async def fail(place: Place) -> None:
        if failures:
            raise failures.pop()

    bench.put_events(10)
    diary = Diary()
    stage = Durable(bench.member, diary.handle, CLOCK, hooks=Hooks(fail, fail))
    with running(stage):
        until(lambda: stage.figures.handled == 10)
    assert stage.figures.restarts >= 1


def test_offsets_that_were_rewound_are_handled_again(bench: Bench) -> None:
    bench.put_events(40)
    for _ in range(2):
        diary = Diary()
        stage = Durable(bench.member, diary.handle, CLOCK)
        with running(stage):
            until(lambda stage=stage: stage.figures.handled == 40)
        client = Consumer(consumer_config(bench.bus, bench.name))
        client.commit(offsets=[TopicPartition(bench.source, number, 0) for number in (0, 1)], asynchronous=False)
        client.close()
