"""Following topics as a member of no group: all partitions, for what a process has to know and does not keep."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition
from loguru import logger

from quant_platform_kit.events.bus import Place, Received, Settings, bus_error, consumer_config
from quant_platform_kit.events.errors import BusDown
from quant_platform_kit.events.reading import received

__all__ = ["Follower"]

ASK_SECONDS = 10.0
POLL_SECONDS = 0.05
AT_ONCE = 500
PAUSE_SECONDS = 0.5


class Follower:
    """Tells every committed message of some topics, the old ones first, in a thread of its own.

    After a failure it begins anew, so that a message may be told again. A topic that is not there yet is waited for.

    Parameters
    ----------
    note
        Told every message; what it raises is logged, and the next one goes on.
    since
        How far back to begin; None for the beginning of the topics.
    patience
        For how many seconds messages may wait for others, see `consumer_config`.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Collection[str],
        note: Callable[[Received], None],
        since: timedelta | None = None,
        patience: float = 0.0,
    ) -> None:
        self._settings, self._topics, self._note, self._since = settings, tuple(topics), note, since
        self._patience = patience
        self._stopping = threading.Event()
        self._caught_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bus-follower", daemon=True)
        self.state = "starting"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def wait(self, seconds: float) -> None:
        """Wait until all that was there at the start was told; raises `BusDown` if that takes longer."""
        if not self._caught_up.wait(seconds):
            raise BusDown(f"{', '.join(self._topics)} are not read after {seconds:g} s: {self.state}")

    def _run(self) -> None:
        while not self._stopping.is_set():
            consumer = Consumer(
                {**consumer_config(self._settings, _name(), self._patience), "enable.partition.eof": True}
            )
            try:
                self._follow(consumer)
            except (BusDown, KafkaException) as error:
                self.state = f"waiting: {bus_error(error) if isinstance(error, KafkaException) else error}"
                logger.warning("following {}: {}", ", ".join(self._topics), self.state)
                self._stopping.wait(PAUSE_SECONDS)
            finally:
                consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        places = _places(consumer, self._topics)
        consumer.assign(self._begins(consumer, places))
        self.state, waiting = "consuming", set(places)
        while not self._stopping.is_set():
            if not waiting:
                self._caught_up.set()
            first = consumer.poll(POLL_SECONDS)
            for message in [] if first is None else [first, *consumer.consume(AT_ONCE, 0)]:
                self._take(message, waiting)

    def _take(self, message: Message, waiting: set[Place]) -> None:
        error = message.error()
        if error is None:
            told = received(message)
            try:
                self._note(told)
            except Exception:  # noqa: BLE001 - one message never keeps the others from being told
                logger.exception("{} at {} was passed over", told.place, told.offset)
        elif error.code() == KafkaError._PARTITION_EOF:
            waiting.discard(received(message).place)
        else:
            raise bus_error(error)

    def _begins(self, consumer: Consumer, places: Collection[Place]) -> list[TopicPartition]:
        if self._since is None:
            return [TopicPartition(*place, OFFSET_BEGINNING) for place in places]
        since = round((time.time() - self._since.total_seconds()) * 1000)
        found: list[TopicPartition] = consumer.offsets_for_times(
            [TopicPartition(*place, since) for place in places], timeout=ASK_SECONDS
        )
        return [TopicPartition(p.topic, p.partition, p.offset if p.offset >= 0 else OFFSET_END) for p in found]


def _places(consumer: Consumer, topics: Collection[str]) -> list[Place]:
    known: Mapping[str, Any] = consumer.list_topics(timeout=ASK_SECONDS).topics
    if missing := [name for name in topics if name not in known or not known[name].partitions]:
        raise BusDown(f"{', '.join(missing)} are not there yet")
    return [Place(name, number) for name in topics for number in known[name].partitions]


def _name() -> str:
    return f"follower-{uuid.uuid4().hex}"
