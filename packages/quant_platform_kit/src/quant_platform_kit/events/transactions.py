"""A member of a group whose offsets are committed by the transactions of its producer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from loguru import logger

from quant_platform_kit.adapters.blocking_client import CallThread
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.events.bus import (
    Membership,
    Outgoing,
    Place,
    Received,
    bus_error,
    consumer_config,
    producer_config,
)
from quant_platform_kit.events.errors import BusDown
from quant_platform_kit.events.lag import Lag
from quant_platform_kit.events.reading import received

__all__ = ["Aborted", "Transactions"]

POLL_SECONDS = 0.1
AT_ONCE_SECONDS, GATHER_SECONDS = 0.001, 0.01
"""A message that is there at once came while a transaction was under way. Then more of them are waited for: a
transaction costs the bus as much as dozens of messages."""
FULL_SECONDS = 0.1
STEP_SECONDS = 3.0
HANGS_SECONDS = 5.0
INSIST_SECONDS = 10.0
LAG_SECONDS = 1.0
RETRY_SECONDS = 0.02
REFUSALS = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD})
"""What says that the bus will never take a message."""

Told = Callable[[Collection[Place]], None]


class Aborted(QuantError):
    """A transaction has no effect, and is to be done again.

    Attributes
    ----------
    is_refusal
        Whether the bus will never take one of its messages.
    """

    def __init__(self, message: str, *, is_refusal: bool) -> None:
        super().__init__(message)
        self.is_refusal = is_refusal


class Transactions:
    """A consumer and a producer, from joining the group until leaving it."""

    def __init__(self, member: Membership, transactional_id: str) -> None:
        self._topics = list(member.topics)
        self._refusal = ""
        self._calls = CallThread("bus-offsets")
        self._producer = Producer(
            {
                **producer_config(member.settings, transactional_id),
                "delivery.report.only.error": True,
                "on_delivery": self._hear,
            }
        )
        self._consumer = Consumer(consumer_config(member.settings, member.stage, member.patience))
        self._lag, self._lag_due = Lag(self._consumer), 0.0
        self._lags: dict[Place, int] = {}
        self._seen: dict[Place, int | None] = {}

    def join(self, on_assign: Told, on_revoke: Told) -> None:
        """Join the group; end what an earlier process of this name has left open."""

        def assign(_: Consumer, partitions: list[TopicPartition]) -> None:
            places = [Place(each.topic, each.partition) for each in partitions]
            self._seen.update(dict.fromkeys(places))
            on_assign(places)

        def revoke(_: Consumer, partitions: list[TopicPartition]) -> None:
            places = [Place(each.topic, each.partition) for each in partitions]
            for place in places:
                self._seen.pop(place, None)
                self._lag.forget(place)
            on_revoke(places)

        self._insist(lambda: self._producer.init_transactions(STEP_SECONDS))
        self._consumer.subscribe(self._topics, on_assign=assign, on_revoke=revoke, on_lost=revoke)

    def fetch(self, at_most: int) -> list[Received]:
        """Return messages that are there, waiting a little for the first, and for more where they come fast.

        Raises
        ------
        BusDown
            The client cannot go on.
        """
        begun = time.monotonic()
        try:
            first = self._consumer.poll(POLL_SECONDS)
            gathering = GATHER_SECONDS if time.monotonic() - begun < AT_ONCE_SECONDS else 0
            messages = [] if first is None else [first, *self._consumer.consume(at_most - 1, gathering)]
        except KafkaException as error:
            raise bus_error(error) from error
        for message in messages:
            if error := message.error():
                raise bus_error(error)
        return [each for message in messages if (each := received(message)).place in self._seen]

    def begin(self) -> None:
        """Begin a transaction."""
        self._refusal = ""
        self._insist(self._producer.begin_transaction)

    def send(self, message: Outgoing) -> None:
        """Send a message as a part of the transaction."""
        while True:
            try:
                if message.trace:
                    self._producer.produce(message.topic, message.value, message.key, headers=message.headers)
                else:
                    self._producer.produce(message.topic, message.value, message.key)
            except BufferError:
                self._producer.poll(FULL_SECONDS)
            except KafkaException as error:
                self._abort(error)
            else:
                return

    def commit(self, next_offsets: Mapping[Place, int]) -> None:
        """Commit what was sent together with the offsets after what was consumed.

        Raises
        ------
        Aborted
            Nothing of it counts.
        BusDown
            The clients cannot go on; nobody knows whether it counts, and the group's offsets say so later.
        """
        offsets = [TopicPartition(*place, offset) for place, offset in next_offsets.items()]
        member: Any = self._consumer.consumer_group_metadata()
        self._insist(
            lambda: self._in_time(lambda: self._producer.send_offsets_to_transaction(offsets, member, STEP_SECONDS))
        )
        self._insist(lambda: self._producer.commit_transaction(STEP_SECONDS))
        self._seen.update(next_offsets)

    def rewind(self, offsets: Mapping[Place, int]) -> None:
        """Fetch the messages from these offsets on again, of partitions that are still here."""
        for place, offset in offsets.items():
            if place in self._seen:
                try:
                    self._consumer.seek(TopicPartition(*place, offset))
                except KafkaException as error:
                    raise bus_error(error) from error

    def lag(self) -> dict[Place, int]:
        """Return the lag by partition, measured once a second."""
        if (now := time.monotonic()) >= self._lag_due:
            self._lags, self._lag_due = self._lag.measure(self._seen), now + LAG_SECONDS
        return self._lags

    def leave(self) -> None:
        """Leave the group."""
        self._calls.end()
        try:
            self._consumer.close()
        except KafkaException as error:
            logger.warning("leaving a group failed: {}", bus_error(error))

    def _insist(self, step: Callable[[], object]) -> None:
        """Do a step of a transaction, again while it may succeed; abort where it may not."""
        until = time.monotonic() + INSIST_SECONDS
        while True:
            try:
                step()
            except KafkaException as error:
                kafka: Any = error.args[0]
                if kafka.fatal():
                    raise bus_error(error) from error
                if kafka.txn_requires_abort():
                    self._abort(error)
                if not kafka.retriable() or time.monotonic() > until:
                    raise bus_error(error) from error
                time.sleep(RETRY_SECONDS)
            else:
                return

    def _in_time(self, step: Callable[[], object]) -> None:
        """Do a step that librdkafka may never end, whatever limit it is given.

        After a broker was down, it may wait for a coordinator that it does not know any more (its issues 5456, 5511).
        The thread is left to itself then; a new producer of the same name ends what this one has open.
        """
        try:
            self._calls.call(lambda _: step(), None, HANGS_SECONDS, lambda: None)
        except TimeoutError:
            raise BusDown(f"offsets were not sent within {HANGS_SECONDS:g} s: the client hangs") from None

    def _abort(self, reason: KafkaException) -> None:
        self._insist(lambda: self._producer.abort_transaction(STEP_SECONDS))  # hears what became of its messages
        kafka: Any = reason.args[0]
        is_refusal = bool(self._refusal) or kafka.code() in REFUSALS
        raise Aborted(self._refusal or str(bus_error(reason)), is_refusal=is_refusal) from reason

    def _hear(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and error.code() in REFUSALS:
            self._refusal = f"the bus does not take a message for {message.topic()}: {error.str()}"
