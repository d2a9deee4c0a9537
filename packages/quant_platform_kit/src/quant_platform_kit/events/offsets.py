"""What groups have done with: their offsets, read and set, and a group set back to the beginning."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.events.bus import Place, Settings, bus_error, client_config, consumer_config

__all__ = ["bounds", "commit", "committed", "rewind"]

ASK_SECONDS = 10.0
PATIENCE: Mapping[str, Any] = {"request_timeout": ASK_SECONDS}
LOADING_SECONDS, PAUSE_SECONDS = 30.0, 0.5
_HAS_MEMBERS = frozenset({KafkaError.NON_EMPTY_GROUP, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS})
_LOADING = frozenset(
    {KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR}
)
"""What a broker says of groups while it begins, or hands them to another one."""


def committed(settings: Settings, group: str) -> dict[Place, int]:
    """Return by partition the first offset that a group has not done with; empty for a group that nobody knows.

    Raises
    ------
    BusDown
        The bus does not answer.
    """
    admin: Any = AdminClient(client_config(settings))
    try:
        found = _answer(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], **PATIENCE))
    except KafkaException as error:
        raise bus_error(error) from error
    return {Place(place.topic, place.partition): place.offset for place in found if place.offset >= 0}


def commit(settings: Settings, group: str, offsets: Mapping[Place, int]) -> None:
    """Set what a group without members has done with.

    Raises
    ------
    BusDown
        The bus does not answer.
    Refused
        The group has members; nothing was changed.
    """
    until = time.monotonic() + LOADING_SECONDS
    while True:
        asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(*place, at) for place, at in offsets.items()])]
        admin: Any = AdminClient(client_config(settings))
        try:
            _answer(admin.alter_consumer_group_offsets(asked, **PATIENCE))
        except KafkaException as error:
            kafka: Any = error.args[0]
            if kafka.code() in _HAS_MEMBERS:
                raise Refused(f"group {group} has members: stop the service, and try again after 6 s") from None
            if kafka.code() not in _LOADING or time.monotonic() > until:
                raise bus_error(error) from error
            time.sleep(PAUSE_SECONDS)
        else:
            return


def bounds(settings: Settings, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
    """Return of each partition the first offset that is there, and the one that comes next.

    Raises
    ------
    BusDown
        The bus does not answer.
    """
    consumer: Any = Consumer(consumer_config(settings, "quant-bounds"))
    try:
        return {p: consumer.get_watermark_offsets(TopicPartition(*p), timeout=ASK_SECONDS) for p in places}
    except KafkaException as error:
        raise bus_error(error) from error
    finally:
        consumer.close()


def rewind(settings: Settings, group: str) -> dict[Place, int]:
    """Set every partition that a group has offsets of back to its first message; return how many come again.

    Raises
    ------
    BusDown
        The bus does not answer.
    Refused
        The group has members, or has read nothing; nothing was changed.
    """
    there = committed(settings, group)
    if not there:
        raise Refused(f"group {group} has read nothing: it begins at the beginning anyway")
    lows = {place: low for place, (low, _) in bounds(settings, there).items()}
    commit(settings, group, lows)
    return {place: max(0, offset - lows[place]) for place, offset in there.items()}


def _answer(futures: Mapping[str, Any]) -> list[Any]:
    places = [place for each in futures.values() for place in each.result().topic_partitions]
    for place in places:
        if place.error is not None:
            raise KafkaException(place.error)
    return places
