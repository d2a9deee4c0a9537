"""How this code speaks to a Kafka-compatible bus: settings of its clients, and messages that come and go.

Only what Kafka and Redpanda both have: the classic group protocol with cooperative assignment and no static members,
idempotent producers, transactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.client_log import client_logger
from quant_platform_kit.events.envelope import Event, decode, encode
from quant_platform_kit.events.errors import BusDown, Fenced

__all__ = [
    "SESSION_SECONDS",
    "TRACE_HEADER",
    "Membership",
    "Outgoing",
    "Place",
    "Received",
    "Settings",
    "bus_error",
    "client_config",
    "consumer_config",
    "producer_config",
]

SESSION_SECONDS = 6.0
"""After which the bus takes a member that is not heard of for dead, and gives its partitions to others."""
TRANSACTION_SECONDS = 10.0
DELIVERY_SECONDS = 20.0
UNKNOWN_TOPIC_SECONDS = 5.0
RETRY_MS = 5
PATIENT_BYTES = 500_000
"""So much is worth a request of its own to somebody who has time."""
"""A transaction that begins while the one before it is being marked is refused for milliseconds; pauses double."""
TRANSACTION_LINGER_MS = 1
"""Messages of a transaction leave together; with no pause at all, each wakes a thread."""
LARGEST_REQUEST = 8 * 1024 * 1024
TRACE_HEADER = "traceparent"
OURS = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.idempotence",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "isolation.level",
        "partition.assignment.strategy",
        "session.timeout.ms",
        "transactional.id",
    }
)
"""Settings on which being exact rests: nobody may overwrite them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the bus is.

    Attributes
    ----------
    url
        ``host:port`` of brokers, with commas between them.
    extra
        Further settings of librdkafka, such as ``security.protocol``; may hold secrets.
    mock
        Whether the broker is librdkafka's own mock: it makes topics by itself, and shows aborted messages.

    Raises
    ------
    InvalidInput
        There is no address, or ``extra`` names a setting that is not to be changed.
    """

    url: str
    extra: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    mock: bool = False

    def __post_init__(self) -> None:
        if not self.url or any(":" not in part for part in self.url.split(",")):
            raise InvalidInput(f"the bus has to be host:port, or several with commas between them; it is {self.url!r}")
        if fixed := sorted(self.extra.keys() & OURS):
            raise InvalidInput(f"{', '.join(fixed)} cannot be set: exactly-once processing rests on it; leave it out")


@dataclass(frozen=True, slots=True)
class Membership:
    """What a stage is a member of.

    Attributes
    ----------
    stage
        Its name: that of its group, whose members share the partitions; ``dead.<stage>`` takes its dead letters.
    topics
        What it consumes.
    instance
        Names this process among those of the stage, the same after a restart. A stage with transactions then ends at
        once what a killed process has left open, and not after ten seconds; two processes of one name end each other.
    patience
        For how many seconds messages may wait at the broker for others, see `consumer_config`.
    """

    stage: str
    settings: Settings
    topics: tuple[str, ...]
    instance: str = ""
    patience: float = 0.0


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


class Received(NamedTuple):
    """A message as it came.

    Attributes
    ----------
    trace
        W3C ``traceparent`` of the span that sent it; empty where nothing was traced.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    trace: str = ""

    @property
    def place(self) -> Place:
        """Where it came from."""
        return Place(self.topic, self.partition)

    def event(self) -> Event:
        """Return the event that it is; raises `Unreadable`."""
        return decode(self.value)


class Outgoing(NamedTuple):
    """A message to be sent; those with the same key keep their order.

    Attributes
    ----------
    trace
        W3C ``traceparent`` of the span that sends it, which goes along as a header; empty where nothing is traced.
    """

    topic: str
    key: bytes | None
    value: bytes
    trace: str = ""

    @property
    def headers(self) -> list[tuple[str, str | bytes | None]] | None:
        """What stands beside key and value on the bus."""
        return [(TRACE_HEADER, self.trace.encode())] if self.trace else None

    @classmethod
    def of(cls, event: Event, key: str, topic: str = "") -> Outgoing:
        """Return the message of an event; its topic is called like its type if none is named."""
        return cls(topic or event.event_type, key.encode(), encode(event))


def client_config(settings: Settings) -> dict[str, Any]:
    """Return what every client is told."""
    return {
        "bootstrap.servers": settings.url,
        "client.id": "quant",
        "logger": client_logger,
        "reconnect.backoff.max.ms": 1000,
        "socket.nagle.disable": True,
        **settings.extra,
    }


def consumer_config(settings: Settings, group: str, patience: float = 0.0) -> dict[str, Any]:
    """Return the settings of a member of a group: it sees committed messages only, and commits by itself.

    Parameters
    ----------
    patience
        For how many seconds messages may wait at the broker for others. Whoever needs each at once costs the broker a
        request a message.
    """
    waiting = {"fetch.min.bytes": PATIENT_BYTES, "fetch.wait.max.ms": round(patience * 1000)} if patience else {}
    return {
        **waiting,
        **client_config(settings),
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "heartbeat.interval.ms": 1000,
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": round(SESSION_SECONDS * 1000),
    }


def producer_config(settings: Settings, transactional_id: str = "") -> dict[str, Any]:
    """Return the settings of a producer: it is idempotent, and what it reports as sent is on all replicas."""
    own = {
        "acks": "all",
        "compression.type": "lz4",
        "delivery.timeout.ms": round(DELIVERY_SECONDS * 1000),
        "enable.idempotence": True,
        "linger.ms": 0,  # whoever publishes waits for it
        "message.max.bytes": LARGEST_REQUEST,
        "retry.backoff.ms": RETRY_MS,
        "topic.metadata.propagation.max.ms": round(UNKNOWN_TOPIC_SECONDS * 1000),
    }
    if transactional_id:
        own["transactional.id"] = transactional_id
        own["linger.ms"] = TRANSACTION_LINGER_MS
        own["transaction.timeout.ms"] = round(TRANSACTION_SECONDS * 1000)
        own["delivery.timeout.ms"] = own["transaction.timeout.ms"]
    return {**client_config(settings), **own}


def bus_error(error: KafkaException | KafkaError) -> BusDown:
    """Return an error of the client as one of this room."""
    kafka: Any = error.args[0] if isinstance(error, KafkaException) else error
    if kafka.fatal() or kafka.code() in _FENCED:
        return Fenced(f"the client of the bus cannot go on: {kafka.str()}")
    return BusDown(f"the bus does not answer: {kafka.str()} ({kafka.name()})")


_FENCED = frozenset({KafkaError._FATAL, KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH})
