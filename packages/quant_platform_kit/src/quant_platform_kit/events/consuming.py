"""A member of a group that commits its offsets itself. The client is used in one thread of its own, turn by turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from loguru import logger

from quant_platform_kit.events.bus import Membership, Place, Received, bus_error, consumer_config
from quant_platform_kit.events.lag import Lag
from quant_platform_kit.events.reading import received

__all__ = ["Consuming", "Partitions", "Turn"]

POLL_SECONDS, URGENT_SECONDS = 0.05, 0.005
AT_ONCE = 500
COMMIT_SECONDS = 0.1
"""So often offsets are committed at most: each time costs the broker as much as a message."""
LAG_SECONDS = 1.0

T = TypeVar("T")


class Partitions(Protocol):
    """Whoever works on the partitions; all of it is awaited in the event loop."""

    async def assigned(self, places: Collection[Place]) -> None:
        """Hear that partitions came; they are paused until they are resumed, where they need to be prepared."""
        ...

    async def closed(self, places: Collection[Place], *, are_lost: bool) -> dict[Place, int]:
        """End work on partitions, and return the offsets to commit."""
        ...

    async def revoked(self, places: Collection[Place]) -> None:
        """Hear that the offsets are committed, and the partitions may go."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """What the client is asked to do before it is asked for messages.

    Attributes
    ----------
    commit
        Offsets by partition.
    seen
        By partition the offset after the last message that was seen.
    is_urgent
        Whether there will soon be more to ask, so that it does not wait long for messages.
    """

    commit: Mapping[Place, int]
    pause: Sequence[Place]
    resume: Sequence[Place]
    seen: Mapping[Place, int | None]
    is_urgent: bool


class Consuming:
    """A consumer, from joining the group until leaving it."""

    def __init__(self, member: Membership, partitions: Partitions, *, begin_paused: bool = True) -> None:
        self._member, self._partitions, self._begin_paused = member, partitions, begin_paused
        self._consumer = Consumer(
            {**consumer_config(member.settings, member.stage, member.patience), "on_commit": self._hear_commit}
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bus-consumer")
        self._loop = asyncio.get_running_loop()
        self._lag, self._lag_due = Lag(self._consumer), 0.0
        self._lags: dict[Place, int] = {}
        self._sent: dict[Place, int] = {}
        self._uncommitted: set[Place] = set()
        self._commit_due = 0.0

    async def join(self) -> None:
        """Join the group."""
        await self._in_thread(
            lambda: self._consumer.subscribe(
                list(self._member.topics), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose
            )
        )

    async def turn(self, asked: Turn) -> tuple[list[Received], dict[Place, int]]:
        """Do what is asked, then return the messages that are there and the lag; raises `BusDown`."""
        return await self._in_thread(lambda: self._turn(asked))

    async def leave(self) -> None:
        """Give all partitions back, and leave the group."""
        await self._in_thread(self._close)
        self._thread.shutdown()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._thread, call)

    # --- in the thread -----------------------------------------------------------------------------

    def _turn(self, asked: Turn) -> tuple[list[Received], dict[Place, int]]:
        try:
            self._commit(asked)
            if asked.pause:
                self._consumer.pause(_partitions(asked.pause))
            if asked.resume:
                self._consumer.resume(_partitions(asked.resume))
            first = self._consumer.poll(URGENT_SECONDS if asked.is_urgent else POLL_SECONDS)
            messages = [] if first is None else [first, *self._consumer.consume(AT_ONCE - 1, 0)]
        except KafkaException as error:
            raise bus_error(error) from error
        for message in messages:
            if error := message.error():
                raise bus_error(error)
        return [received(message) for message in messages], self._measured(asked.seen)

    def _commit(self, asked: Turn) -> None:
        """Commit offsets, also those that the bus has refused; never of a partition that is not here any more."""
        self._sent.update(asked.commit)
        self._uncommitted.update(asked.commit)
        if (now := time.monotonic()) < self._commit_due:
            return
        here = self._uncommitted & asked.seen.keys()
        self._uncommitted.clear()
        if here:
            self._commit_due = now + COMMIT_SECONDS
            self._consumer.commit(offsets=_offsets({place: self._sent[place] for place in here}), asynchronous=True)

    def _measured(self, seen: Mapping[Place, int | None]) -> dict[Place, int]:
        if (now := time.monotonic()) >= self._lag_due:
            self._lags, self._lag_due = self._lag.measure(seen), now + LAG_SECONDS
        return self._lags

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        self._ask(self._partitions.assigned(_places(partitions)))
        # The client remembers that a partition was paused when it was here before.
        (consumer.pause if self._begin_paused else consumer.resume)(partitions)

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = _places(partitions)
        if offsets := self._ask(self._partitions.closed(places, are_lost=False)):
            try:
                consumer.commit(offsets=_offsets(offsets), asynchronous=False)
            except KafkaException as error:
                logger.warning("offsets were not committed, messages come again: {}", bus_error(error))
        self._go(consumer, partitions)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._ask(self._partitions.closed(_places(partitions), are_lost=True))
        self._go(consumer, partitions)

    def _go(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = _places(partitions)
        self._ask(self._partitions.revoked(places))
        for place in places:
            self._lag.forget(place)
            self._sent.pop(place, None)
            self._uncommitted.discard(place)
        consumer.incremental_unassign(partitions)

    def _hear_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Have offsets committed again that were not; while members come and go, the bus may refuse them."""
        if error is None or error.code() == KafkaError._NO_OFFSET:
            return
        logger.debug("offsets were not committed yet: {}", bus_error(error))
        self._uncommitted.update(place for place in _places(partitions) if place in self._sent)

    def _close(self) -> None:
        try:
            self._consumer.close()
        except KafkaException as error:
            logger.warning("leaving a group failed: {}", bus_error(error))

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Return what the event loop answers; it is free while this thread waits."""
        return asyncio.run_coroutine_threadsafe(question, self._loop).result()


def _places(partitions: Sequence[TopicPartition]) -> list[Place]:
    return [Place(each.topic, each.partition) for each in partitions]


def _partitions(places: Sequence[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]


def _offsets(offsets: Mapping[Place, int]) -> list[TopicPartition]:
    return [TopicPartition(*place, offset) for place, offset in offsets.items()]
