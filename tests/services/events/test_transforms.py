"""Transforms: what is made of a message, its dead letter and its offset are one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest
from confluent_kafka import Producer
from quant_platform_kit.events.bus import Outgoing, Received, producer_config
from quant_platform_kit.events.envelope import encode
from quant_platform_kit.events.errors import Duplicate
from quant_platform_kit.events.stages import Limits, Transform
from quant_platform_kit.events.topics import Topic, declare

from .bus_frame import CLOCK, Bench, event, running, until


def test_what_is_made_is_there_once_what_cannot_be_read_is_a_dead_letter_and_the_next_goes_on(bench: Bench) -> None:
    bench.put([encode(event(0)), b"nonsense", encode(event(1))], keys=lambda _: "k")
    stage = Transform(bench.member, bench.doubled, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 3)
    assert bench.numbers() == bench.doubles(2)
    (letter,) = bench.letters()
    assert letter.content.reason.startswith("no event: no JSON: expected ident")
    original = letter.content.original
    assert (original, letter.content.offset) == (Outgoing(bench.source, b"k", b"nonsense"), 1)
    assert (stage.figures.sent, stage.figures.dead_letters, stage.figures.state) == (5, 1, "stopped")


def test_a_stage_that_stopped_goes_on_where_it_was(bench: Bench) -> None:
    bench.put_events(50)
    first, second = (Transform(bench.member, bench.doubled, CLOCK) for _ in range(2))
    with running(first):
        until(lambda: first.figures.handled == 50)
    bench.put_events(50, first=50)
    with running(second):
        until(lambda: second.figures.handled == 50 and set(second.figures.lag.values()) == {0})
    assert bench.numbers() == bench.doubles(100)


def test_whatever_a_function_raises_ends_no_stage(bench: Bench) -> None:
    def fail(message: Received) -> Iterable[Outgoing]:
        match message.event().payload["number"]:
            case 0:
                raise ZeroDivisionError("by nothing")
            case 1:
                raise Duplicate("seen before")
            case 2:
                return (Outgoing(bench.target, None, b"x" * 5_000_000),)
        return (Outgoing(bench.target, None, message.value),)

    bench.put_events(4)
    stage = Transform(bench.member, fail, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 4)
    assert bench.numbers() == [3]
    assert sorted(letter.content.reason for letter in bench.letters()) == [
        f"5000000 bytes for {bench.target}; a message has at most 4194304",
        "the stage failed: ZeroDivisionError('by nothing')",
    ]
    assert (stage.figures.suppressed, stage.figures.dead_letters) == (1, 2)


def test_a_message_of_two_megabytes_becomes_a_dead_letter_with_its_bytes(bench: Bench) -> None:
    large = encode(event(0)).replace(b'"payload"', b'"' + b"x" * 2_000_000 + b'":1,"payload"')
    bench.put([large, encode(event(1))], keys=lambda _: "k")
    stage = Transform(bench.member, bench.doubled, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 2)
    (letter,) = bench.letters()
    assert letter.content.reason == f"no event: {len(large)} bytes; an event has at most 1000000"
    assert letter.content.original.value == large
    assert bench.numbers() == [11, 12]


def test_a_result_that_the_bus_refuses_makes_its_message_a_dead_letter_and_the_others_go_on(bench: Bench) -> None:
    small = f"{bench.name}.small"
    declare(bench.bus, [Topic(small, largest=2_000)])

    def forward(message: Received) -> Iterable[Outgoing]:
        one = message.event()
        topic = small if one.payload["number"] == 7 else bench.target
        value = message.value if topic == bench.target else os.urandom(5_000)
        return (Outgoing(bench.target, b"k", b"also"), Outgoing(topic, b"k", value))

    bench.put_events(20)
    stage = Transform(bench.member, forward, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 20)
    told = [message.value for message in bench.there(bench.target)]
    assert told.count(b"also") == 19
    assert sorted(told) == sorted([b"also"] * 19 + [encode(event(n)) for n in range(20) if n != 7])
    (letter,) = bench.letters()
    assert letter.content.reason.startswith(f"the bus does not take a message for {small}: ")
    assert letter.content.original.value == encode(event(7))
    assert stage.figures.aborted >= 1


def test_a_transaction_takes_no_more_messages_than_it_may(bench: Bench) -> None:
    bench.put_events(100)
    stage = Transform(bench.member, bench.doubled, CLOCK, limits=Limits(messages=10, seconds=5))
    with running(stage):
        until(lambda: stage.figures.handled == 100)
    assert stage.figures.transactions >= 10
    assert bench.numbers() == bench.doubles(100)


def test_what_was_aborted_and_what_is_still_open_is_not_read(bench: Bench) -> None:
    producer = Producer(producer_config(bench.bus, bench.name))
    producer.init_transactions(30)
    for number, end in enumerate((producer.abort_transaction, producer.commit_transaction, producer.flush)):
        producer.begin_transaction()
        producer.produce(bench.source, encode(event(number)), b"k")
        end(30)
    stage = Transform(bench.member, bench.doubled, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 1)
        with pytest.raises(AssertionError, match="not within"):
            until(lambda: stage.figures.handled > 1, seconds=0.5)
    producer.abort_transaction(30)
    assert bench.numbers() == [11, 12]


def test_two_members_share_the_partitions_and_make_everything_once(bench: Bench) -> None:
    bench.put_events(200)
    stages = [Transform(bench.member, bench.doubled, CLOCK, limits=Limits(messages=5)) for _ in range(2)]
    with running(stages[0]):
        until(lambda: stages[0].figures.handled)
        with running(stages[1]):
            until(lambda: len(stages[1].figures.lag) == 1)
            bench.put_events(200, first=200)
            until(lambda: sum(stage.figures.handled for stage in stages) >= 400)
        bench.put_events(100, first=400)
        until(lambda: sum(stage.figures.handled for stage in stages) >= 500)
    assert bench.numbers() == bench.doubles(500)
    assert stages[1].figures.handled > 0


def test_partitions_are_told_when_they_come_and_when_they_go(bench: Bench) -> None:
    told: list[tuple[str, int]] = []
    stage = Transform(
        bench.member,
        bench.doubled,
        CLOCK,
        on_assign=lambda places: told.extend(("came", place.partition) for place in places),
        on_revoke=lambda places: told.extend(("went", place.partition) for place in places),
    )
    bench.put_events(10)
    with running(stage):
        until(lambda: stage.figures.handled == 10)
    assert sorted(told) == [("came", 0), ("came", 1), ("went", 0), ("went", 1)]


def test_the_instance_of_a_killed_process_ends_what_that_has_left_open(bench: Bench) -> None:
    member = bench.member.__class__(bench.name, bench.bus, (bench.source,), instance="one")
    left = Producer(producer_config(bench.bus, f"{bench.name}.one"))
    left.init_transactions(30)
    left.begin_transaction()
    left.produce(bench.target, b"half")
    left.flush(30)
    bench.put_events(3)
    stage = Transform(member, bench.doubled, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 3, seconds=8)
        assert bench.numbers() == bench.doubles(3)
