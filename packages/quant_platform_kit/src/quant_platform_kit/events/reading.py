"""Reading topics from their beginning to their present end, as a member of no group."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from quant_platform_kit.events.bus import TRACE_HEADER, Place, Received, Settings, bus_error, consumer_config
from quant_platform_kit.events.errors import BusDown

__all__ = ["history", "received"]

ASK_SECONDS = 10.0
SILENCE_SECONDS = 20.0
AT_ONCE = 500


def history(
    settings: Settings, topics: Collection[str], begins: Mapping[Place, int] | None = None
) -> Iterator[Received]:
    """Yield all committed messages of some topics that are there now; of a partition in their order.

    A topic that is not there has none.

    Parameters
    ----------
    begins
        The first offset of partitions that are not read from their beginning.

    Raises
    ------
    BusDown
        The bus does not answer.
    """
    config = {**consumer_config(settings, f"reader-{uuid.uuid4().hex}"), "enable.partition.eof": True}
    consumer = Consumer(config)
    try:
        known: Mapping[str, Any] = consumer.list_topics(timeout=ASK_SECONDS).topics
        places = [Place(name, number) for name in topics if name in known for number in known[name].partitions]
        starts = begins or {}
        consumer.assign([TopicPartition(*place, starts.get(place, OFFSET_BEGINNING)) for place in places])
        yield from _until_the_end(consumer, set(places))
    except KafkaException as error:
        raise bus_error(error) from error
    finally:
        consumer.close()


def received(message: Message) -> Received:
    """Return a message of the client as one of this room."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None, message
    assert partition is not None, message
    assert offset is not None, message
    key: Any = message.key()
    value: Any = message.value()
    headers: Any = message.headers()
    return Received(topic, partition, offset, key, value or b"", _trace(headers) if headers else "")


def _trace(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """Return the trace that headers name; others may put headers on the bus too."""
    found = next((value for name, value in headers if name == TRACE_HEADER and value), b"")
    return found.decode("ascii", "replace")


def _until_the_end(consumer: Consumer, open_places: set[Place]) -> Iterator[Received]:
    while open_places:
        messages = _next(consumer)
        if not messages:
            raise BusDown(f"the bus said nothing for {SILENCE_SECONDS:g} s, and {len(open_places)} partitions go on")
        for message in messages:
            if (error := message.error()) is None:
                yield received(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                open_places.discard(received(message).place)
            else:
                raise bus_error(error)


def _next(consumer: Consumer) -> list[Message]:
    first = consumer.poll(SILENCE_SECONDS)
    return [] if first is None else [first, *consumer.consume(AT_ONCE, 0)]
