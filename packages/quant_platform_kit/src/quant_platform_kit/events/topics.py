"""Topics as code declares them: what is missing is made, what differs is told and left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)
from confluent_kafka.cimpl import NewTopic

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.bus import Settings, bus_error, client_config

__all__ = ["LARGEST_MESSAGE", "Drift", "Topic", "declare"]

LARGEST_MESSAGE = 4 * 1024 * 1024
"""Bytes of a message that a topic takes if it does not say otherwise: more than an event may have, so that one that
is too large reaches the stage that makes it a dead letter."""
ASK_SECONDS = 10.0

Admin = Any
"""An `AdminClient`; what its futures hold is not typed."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it has to be.

    Attributes
    ----------
    partitions
        How many; messages of one key keep their order only as long as it stays.
    retention
        How long messages stay; None for ever.
    compacted
        Whether only the newest message of each key has to stay.
    largest
        Bytes of the largest message.
    """

    name: str
    partitions: int = 1
    retention: timedelta | None = None
    compacted: bool = False
    largest: int = LARGEST_MESSAGE

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise InvalidInput(f"topic {self.name}: partitions has to be 1 or more; it is {self.partitions}")
        if self.retention is not None and self.retention <= timedelta():
            raise InvalidInput(f"topic {self.name}: retention has to be longer than 0; it is {self.retention}")

    @property
    def config(self) -> dict[str, str]:
        """Its settings as the broker spells them."""
        kept = -1 if self.retention is None else round(self.retention.total_seconds() * 1000)
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "max.message.bytes": str(self.largest),
            "retention.ms": str(kept),
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """Something about a topic that is not as code declares it."""

    topic: str
    what: str
    declared: str
    found: str

    def __str__(self) -> str:
        return (
            f"topic {self.topic}: {self.what} is declared as {self.declared}, and is {self.found}: "
            "change the declaration, or alter the topic by hand"
        )


def declare(settings: Settings, topics: Iterable[Topic]) -> tuple[Drift, ...]:
    """Make the topics that are missing, and return what differs of those that were there; these are not altered.

    A mock broker makes topics by itself once a producer asks for them, and has no settings of them.

    Raises
    ------
    BusDown
        The bus does not answer.
    """
    wanted = {topic.name: topic for topic in topics}
    if settings.mock:
        _ask_for(settings, wanted)
        return ()
    admin: Admin = AdminClient(client_config(settings))
    try:
        known = _partitions(admin)
        _make(admin, [topic for name, topic in wanted.items() if name not in known])
        there = [topic for name, topic in wanted.items() if name in known]
        return tuple(_differences(there, known, _settings(admin, there)))
    except KafkaException as error:
        raise bus_error(error) from error


def _ask_for(settings: Settings, names: Iterable[str]) -> None:
    producer: Admin = Producer(client_config(settings))
    try:
        for name in names:
            producer.list_topics(name, timeout=ASK_SECONDS)
    except KafkaException as error:
        raise bus_error(error) from error


def _partitions(admin: Admin) -> dict[str, int]:
    listed: Mapping[str, Any] = admin.list_topics(timeout=ASK_SECONDS).topics
    return {name: len(topic.partitions) for name, topic in listed.items()}


def _make(admin: Admin, topics: Sequence[Topic]) -> None:
    new = [NewTopic(topic.name, num_partitions=topic.partitions, config=topic.config) for topic in topics]
    if not new:
        return
    made: Mapping[str, Future[Any]] = admin.create_topics(new, operation_timeout=ASK_SECONDS)
    for answer in made.values():
        try:
            answer.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was faster
                raise


def _settings(admin: Admin, topics: Sequence[Topic]) -> dict[str, Mapping[str, Any]]:
    if not topics:
        return {}
    asked = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    answers: Mapping[Any, Future[Any]] = admin.describe_configs(asked, request_timeout=ASK_SECONDS)
    return {resource.name: answer.result() for resource, answer in answers.items()}


def _differences(
    topics: Sequence[Topic], partitions: Mapping[str, int], settings: Mapping[str, Mapping[str, Any]]
) -> Iterator[Drift]:
    for topic in topics:
        if topic.partitions != partitions[topic.name]:
            yield Drift(topic.name, "partitions", str(topic.partitions), str(partitions[topic.name]))
        for name, value in sorted(topic.config.items()):
            found = settings[topic.name][name].value
            if found != value:
                yield Drift(topic.name, name, value, found)
