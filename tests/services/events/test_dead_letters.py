"""Dead letters: listed until a person has seen to them, and put back where they came from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Producer
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.events.bus import producer_config
from quant_platform_kit.events.dead_letters import dead_topic, drop, letters, replay
from quant_platform_kit.events.envelope import decode, encode
from quant_platform_kit.events.errors import BusDown
from quant_platform_kit.events.stages import Transform

from .bus_frame import AT, CLOCK, Bench, event, running, until


@pytest.fixture
def buried(bench: Bench) -> Bench:
    """Return a bench with five dead letters, the numbers 0 to 4."""
    stage = Transform(bench.member, lambda message: 1 / 0, CLOCK)
    bench.put([encode(event(number)) for number in range(5)], keys=lambda _: "k")
    with running(stage):
        until(lambda: stage.figures.handled == 5)
    return bench


def left(bench: Bench) -> list[int]:
    """Return the numbers of the events in the letters that are left."""
    return [decode(letter.content.original.value).payload["number"] for letter in bench.letters()]


def test_letters_are_put_back_once_and_others_stay(buried: Bench) -> None:
    there = buried.letters()
    chosen = [there[3].number, there[1].number]
    assert [letter.number for letter in replay(buried.bus, buried.name, chosen, AT)] == sorted(chosen)
    assert left(buried) == [0, 2, 4]
    with pytest.raises(Refused, match=f"no dead letter {there[1].number} of .*: there are {there[0].number}, "):
        replay(buried.bus, buried.name, [there[1].number], AT)
    stage = Transform(buried.member, buried.doubled, CLOCK)
    with running(stage):
        until(lambda: stage.figures.handled == 2)
    assert buried.numbers() == [11, 12, 31, 32]


def test_a_letter_that_was_dropped_is_not_listed_and_comes_back_nowhere(buried: Bench) -> None:
    drop(buried.bus, buried.name, [letter.number for letter in buried.letters()], AT)
    assert buried.letters() == ()
    assert len(buried.there(buried.source)) == 5
    with pytest.raises(Refused, match=r"no dead letter 0 of .*: there are none"):
        drop(buried.bus, buried.name, [0], AT)


def test_of_two_who_replay_at_the_same_time_one_puts_a_letter_back(buried: Bench) -> None:
    numbers = [letter.number for letter in buried.letters()]

    def attempt(_: int) -> str:
        try:
            replay(buried.bus, buried.name, numbers, AT)
        except (BusDown, Refused) as error:
            return type(error).__name__
        return "replayed"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, range(4)))
    assert outcomes.count("replayed") <= 1
    if "replayed" not in outcomes:
        replay(buried.bus, buried.name, numbers, AT)
    assert len(buried.there(buried.source)) == 10
    assert buried.letters() == ()


def test_what_is_no_letter_is_passed_over_and_a_stage_without_letters_has_none(buried: Bench) -> None:
    producer = Producer(producer_config(buried.bus))
    producer.produce(dead_topic(buried.name).name, b"by hand")
    producer.flush(10)
    assert len(buried.letters()) == 5
    assert letters(buried.bus, f"{buried.name}.unknown") == ()
