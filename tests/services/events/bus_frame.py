"""What tests of the bus share: topics of their own, events on them, and stages that run until a condition holds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from quant_platform_kit.events.bus import Membership, Outgoing, Place, Received, Settings, producer_config
from quant_platform_kit.events.dead_letters import Letter, dead_topic, letters
from quant_platform_kit.events.envelope import Event, derived, derived_id, encode
from quant_platform_kit.events.reading import history
from quant_platform_kit.events.stages import Durable, Transform
from quant_platform_kit.events.topics import Topic, declare

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECONDS = 60.0


class StoppedClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        """Return always the same instant."""
        return AT

    def monotonic(self) -> float:
        """Return always the same."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Return at once."""


CLOCK = StoppedClock()


@dataclass(frozen=True)
class Bench:
    """Topics of one test.

    Attributes
    ----------
    name
        Of the stage; topics are named after it.
    """

    bus: Settings
    name: str
    partitions: int = 2

    @property
    def source(self) -> str:
        """The topic that the stage consumes."""
        return f"{self.name}.in"

    @property
    def target(self) -> str:
        """The topic that the stage produces to."""
        return f"{self.name}.out"

    @property
    def member(self) -> Membership:
        """What the stage is a member of."""
        return Membership(self.name, self.bus, (self.source,))

    def made(self) -> Self:
        """Make the topics."""
        topics = (Topic(self.source, self.partitions), Topic(self.target, self.partitions), dead_topic(self.name))
        assert declare(self.bus, topics) == ()
        return self

    def put(self, values: Collection[bytes], keys: Callable[[int], str] = str) -> None:
        """Put messages on the topic that the stage consumes."""
        producer = Producer(producer_config(self.bus))
        for number, value in enumerate(values):
            producer.produce(self.source, value, keys(number).encode())
        assert producer.flush(SECONDS) == 0

    def put_events(self, count: int, first: int = 0) -> None:
        """Put events on the topic that the stage consumes."""
        self.put([encode(event(number)) for number in range(first, first + count)])

    def there(self, topic: str) -> list[Received]:
        """Return the committed messages of a topic."""
        return list(history(self.bus, (topic,)))

    def numbers(self) -> list[int]:
        """Return the numbers of the events that the stage has produced, sorted."""
        return sorted(message.event().payload["number"] for message in self.there(self.target))

    def letters(self) -> tuple[Letter, ...]:
        """Return the stage's dead letters."""
        return letters(self.bus, self.name)

    def committed(self) -> dict[int, int]:
        """Return the committed offset of each partition; 0 where there is none."""
        client = Consumer({"bootstrap.servers": self.bus.url, "group.id": self.name})
        asked = [TopicPartition(self.source, number) for number in range(self.partitions)]
        try:
            while True:
                try:
                    return {each.partition: max(0, each.offset) for each in client.committed(asked, timeout=SECONDS)}
                except KafkaException as error:  # a broker that has just begun
                    if not error.args[0].retriable() and error.args[0].code() != KafkaError.NOT_COORDINATOR:
                        raise
                    time.sleep(0.1)
        finally:
            client.close()

    def doubled(self, message: Received) -> Sequence[Outgoing]:
        """Make two events of one."""
        one = message.event()
        both = (
            derived(one, "norm.t", 1, {"number": one.payload["number"] * 10 + part}, f"{one.event_id}.{part}")
            for part in (1, 2)
        )
        return [Outgoing.of(made, one.event_id, self.target) for made in both]

    def doubles(self, count: int) -> list[int]:
        """Return the numbers that are made of so many events."""
        return [number * 10 + part for number in range(count) for part in (1, 2)]


def event(number: int, **payload: Any) -> Event:
    """Return an event of a number."""
    return Event(derived_id("v", str(number), "t", 1), "raw.t", "v", AT, AT, 1, {"number": number, **payload})


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.01)


@contextmanager
def running(*stages: Transform | Durable) -> Generator[None]:
    """Run stages, each in a thread of its own, until the context is left; then all of them stop in order."""
    failures: list[BaseException] = []

    def run(stage: Transform | Durable) -> None:
        try:
            asyncio.run(stage.run()) if isinstance(stage, Durable) else stage.run()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=run, args=(stage,)) for stage in stages]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for stage in stages:
            stage.stop()
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
    assert failures == []


class Diary:
    """Hooks and a handler that write down what they are told, by partition."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    async def take(self, place: Place) -> None:
        """Note that a partition came."""
        self.lines.append((place.partition, "take"))

    async def give_back(self, place: Place) -> None:
        """Note that a partition went."""
        self.lines.append((place.partition, "give back"))

    async def handle(self, message: Received) -> None:
        """Note a message."""
        await asyncio.sleep(0)
        self.lines.append((message.partition, "message"))

    def of(self, partition: int) -> list[str]:
        """Return what was written down of a partition, runs of messages as one."""
        found = [line for number, line in self.lines if number == partition]
        return [line for number, line in enumerate(found) if number == 0 or found[number - 1] != line]
