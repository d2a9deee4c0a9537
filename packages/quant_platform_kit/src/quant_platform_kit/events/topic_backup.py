"""Topics and the offsets of their readers as lines of text, and back into an empty bus.

Offsets are read before messages are: a reader of the restored bus may see a message again, and never passes one over.
Offsets are other ones there, as a bus numbers what it has: every reader begins at the same message.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.events.bus import Place, Settings, bus_error, client_config, producer_config
from quant_platform_kit.events.errors import BusDown
from quant_platform_kit.events.offsets import bounds, commit, committed
from quant_platform_kit.events.reading import history
from quant_platform_kit.events.topics import Topic, declare

__all__ = ["KeptTopics", "check_topics", "restore_topics", "topic_lines"]

ASK_SECONDS = 10.0
FLUSH_SECONDS = 60.0
AT_ONCE = 10_000
"""Messages that wait for their receipt at most."""

Offsets = dict[str, dict[str, dict[int, int]]]
"""Of each group, by topic and partition: the first offset that it has not done with."""
_T = TypeVar("_T")


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class _Header:
    format: Literal["quant-topics"]
    version: Literal[1]
    created_at: datetime
    topics: dict[str, int]
    groups: Offsets


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class _Message:
    topic: str
    partition: int
    offset: int
    key: str | None
    value: str


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class _End:
    messages: int


_HEADER, _MESSAGE, _END = TypeAdapter(_Header), TypeAdapter(_Message), TypeAdapter(_End)


@dataclass(frozen=True, slots=True)
class KeptTopics:
    """What a backup of topics holds.

    Attributes
    ----------
    partitions
        Of each topic.
    messages
        How many each topic has.
    groups
        Offsets as they were.
    begins
        Where each group begins in the restored topics: how many messages of a partition it has done with.
    """

    created_at: datetime
    partitions: Mapping[str, int]
    messages: Mapping[str, int]
    groups: Offsets
    begins: Offsets

    @property
    def pending(self) -> dict[str, int]:
        """How many messages each group had not done with; for those of which it has offsets."""
        done = {name: sum(sum(each.values()) for each in topics.values()) for name, topics in self.begins.items()}
        return {name: sum(self.messages[topic] for topic in self.begins[name]) - done[name] for name in done}


# --- out --------------------------------------------------------------------------------------------


def topic_lines(
    settings: Settings, topics: Collection[str], groups: Collection[str], now: datetime, *, empty: bool = False
) -> Generator[bytes]:
    """Yield the lines of a backup; a fault before the last line is raised, and what came before is worthless.

    Parameters
    ----------
    empty
        Whether the bus may have none of the topics.

    Raises
    ------
    BusDown
        The bus does not answer.
    Refused
        It has none of the topics.
    """
    known = _partitions(settings)
    partitions = {name: known[name] for name in sorted(topics) if name in known}
    if not (partitions or empty):
        raise Refused(f"the bus {settings.url} has none of the topics; check its address, or add --empty")
    offsets = {name: found for name in sorted(groups) if (found := _offsets(settings, name, partitions))}
    yield _line(
        {
            "format": "quant-topics",
            "version": 1,
            "created_at": now,
            "topics": partitions,
            "groups": offsets,
        }
    )
    counted = 0
    for message in history(settings, tuple(partitions)):
        counted += 1
        yield _line(
            {
                "topic": message.topic,
                "partition": message.partition,
                "offset": message.offset,
                "key": None if message.key is None else b64encode(message.key).decode(),
                "value": b64encode(message.value).decode(),
            }
        )
    yield _line({"messages": counted})


def _partitions(settings: Settings) -> dict[str, int]:
    admin: Any = AdminClient(client_config(settings))
    try:
        known: Mapping[str, Any] = admin.list_topics(timeout=ASK_SECONDS).topics
    except KafkaException as error:
        raise bus_error(error) from error
    return {name: len(topic.partitions) for name, topic in known.items()}


def _offsets(settings: Settings, group: str, topics: Collection[str]) -> dict[str, dict[int, int]]:
    """Return what a group has done with of some topics."""
    found: dict[str, dict[int, int]] = {}
    for place, offset in committed(settings, group).items():
        if place.topic in topics:
            found.setdefault(place.topic, {})[place.partition] = offset
    return found


def _line(document: dict[str, Any]) -> bytes:
    return canonical_json(document) + b"\n"


# --- in ---------------------------------------------------------------------------------------------


def check_topics(lines: Iterable[bytes]) -> KeptTopics:
    """Read a backup from its first line to its last; return what it holds.

    Raises
    ------
    InvalidInput
        It is damaged; the message begins with the number of the line.
    """
    header, messages, done, number, end = None, Counter[str](), Counter[tuple[str, str, int]](), 0, None
    for number, line in enumerate(lines, start=1):
        if header is None:
            header = _read(_HEADER, line, number)
        elif end is not None:
            raise InvalidInput(f"line {number}: there is more after the last line")
        elif line.startswith(b'{"messages"'):
            end = _read(_END, line, number)
        else:
            message = _checked(_read(_MESSAGE, line, number), header.topics, number)
            messages[message.topic] += 1
            for name, topics in header.groups.items():
                if message.offset < topics.get(message.topic, {}).get(message.partition, 0):
                    done[name, message.topic, message.partition] += 1
    if header is None or end is None or end.messages != messages.total():
        raise InvalidInput(f"line {number + 1}: the file ends too early")
    begins = {
        name: {topic: {part: done[name, topic, part] for part in parts} for topic, parts in topics.items()}
        for name, topics in header.groups.items()
    }
    counted = {name: messages[name] for name in header.topics}
    return KeptTopics(header.created_at, header.topics, counted, header.groups, begins)


def restore_topics(settings: Settings, topics: Sequence[Topic], lines: Iterable[bytes], kept: KeptTopics) -> None:
    """Write a checked backup into a bus whose topics are missing or empty.

    Parameters
    ----------
    topics
        As code declares them; what the backup has and they have not is refused.

    Raises
    ------
    Refused
        A topic has messages, a group has offsets or members, or the topics are others; nothing was changed.
    """
    wanted = [topic for topic in topics if topic.name in kept.partitions]
    _require_same(wanted, kept)
    _require_empty(settings, kept)
    declare(settings, wanted)
    _write(settings, lines)
    for name, topics_of in kept.begins.items():
        at = {Place(topic, part): done for topic, parts in topics_of.items() for part, done in parts.items()}
        commit(settings, name, at)


def _require_same(wanted: Sequence[Topic], kept: KeptTopics) -> None:
    declared = {topic.name: topic.partitions for topic in wanted}
    for name, partitions in kept.partitions.items():
        if declared.get(name) != partitions:
            found = f"{declared[name]} partitions" if name in declared else "no such topic"
            raise Refused(
                f"topic {name} of the backup has {partitions} partitions, and the settings declare {found}: "
                "use the settings that it was made with"
            )


def _require_empty(settings: Settings, kept: KeptTopics) -> None:
    known = _partitions(settings)
    present = [Place(name, part) for name in kept.partitions for part in range(known.get(name, 0))]
    for place, (low, high) in bounds(settings, present).items():
        if high:
            raise Refused(f"{place} has had {high} messages, from {low} on: use an empty bus")
    for name in kept.groups if present else ():  # a bus that has no topic has no offsets in it either
        if found := _offsets(settings, name, kept.partitions):
            raise Refused(f"group {name} has offsets in {', '.join(found)}: use an empty bus, and stop its services")


def _write(settings: Settings, lines: Iterable[bytes]) -> None:
    """Send every message to the partition that it was in; within one they keep their order."""
    failed: list[Any] = []
    producer: Any = Producer(producer_config(settings))

    def told(error: Any, _: object) -> None:
        if error is not None:
            failed.append(error)

    for number, line in enumerate(lines, start=1):
        if number == 1 or line.startswith(b'{"messages"'):
            continue
        message = _read(_MESSAGE, line, number)
        key = None if message.key is None else b64decode(message.key)
        value = b64decode(message.value)
        while len(producer) >= AT_ONCE and not failed:
            producer.poll(0.1)
        if failed:
            break
        producer.produce(message.topic, value, key, message.partition, on_delivery=told)
        producer.poll(0)
    left = producer.flush(FLUSH_SECONDS)
    if failed:
        raise bus_error(failed[0])
    if left:
        raise BusDown(f"{left} messages are not on the bus after {FLUSH_SECONDS:g} s; restore into an empty bus again")


def _read(adapter: TypeAdapter[_T], line: bytes, number: int) -> _T:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        raise InvalidInput(f"line {number}: {error.errors()[0]['msg']}") from None


def _checked(message: _Message, topics: Mapping[str, int], number: int) -> _Message:
    if not 0 <= message.partition < topics.get(message.topic, 0):
        raise InvalidInput(f"line {number}: {message.topic}/{message.partition} is no partition of the backup")
    return message
