"""What could not be processed: kept with the reason, listed, and put back where it came from.

A stage's dead letters are the messages of one topic, ``dead.<stage>``, of one partition. Nothing is taken out of it:
another message there says that a letter was replayed, or dropped.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from confluent_kafka import KafkaException, Producer
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.events.bus import LARGEST_REQUEST, Outgoing, Received, Settings, bus_error, producer_config
from quant_platform_kit.events.reading import history
from quant_platform_kit.events.topics import Topic

__all__ = ["DeadLetter", "Letter", "dead_topic", "drop", "letters", "replay"]

LARGEST_KEPT = 5 * 1024 * 1024
"""Bytes of the largest message that a dead letter holds; of a larger one it says where it is."""
LONGEST_REASON = 2_000
COMMIT_SECONDS = 20.0


class DeadLetter(BaseModel):
    """A message that a stage could not process.

    Attributes
    ----------
    topic, partition, offset
        Where it was.
    key, value
        The message in base64; no value where it is too large to be kept twice.
    sha256
        Of the message.
    at
        When it was given up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["dead_letter"] = "dead_letter"
    stage: str
    reason: str
    topic: str
    partition: int
    offset: int
    key: str | None
    value: str | None
    sha256: str
    at: AwareDatetime

    @classmethod
    def of(cls, stage: str, message: Received, reason: str, at: datetime) -> Self:
        """Return the dead letter of a message."""
        return cls(
            stage=stage,
            reason=redact(reason)[:LONGEST_REASON],
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            key=None if message.key is None else b64encode(message.key).decode(),
            value=b64encode(message.value).decode() if len(message.value) <= LARGEST_KEPT else None,
            sha256=sha256(message.value),
            at=at,
        )

    @property
    def outgoing(self) -> Outgoing:
        """What is sent to the topic of dead letters."""
        return Outgoing(dead_topic(self.stage).name, b"dead_letter", self.model_dump_json().encode())

    @property
    def original(self) -> Outgoing:
        """The message as it was, to the topic it came from; raises `Refused` where its bytes are not here."""
        if self.value is None:
            where = f"{self.topic}/{self.partition} at offset {self.offset}"
            raise Refused(f"the message is too large to be in its dead letter; it is in {where}: replay it from there")
        return Outgoing(self.topic, None if self.key is None else b64decode(self.key), b64decode(self.value))


class _Settled(BaseModel):
    """Says that a letter needs nobody any more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["settled"] = "settled"
    letter: int
    how: Literal["replayed", "dropped"]
    at: AwareDatetime


_read = TypeAdapter[DeadLetter | _Settled](DeadLetter | _Settled).validate_json


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter in its topic; its number is its offset there, and never changes."""

    number: int
    content: DeadLetter


def dead_topic(stage: str) -> Topic:
    """Return the topic of a stage's dead letters: they stay until a person has seen to them."""
    return Topic(f"dead.{stage}", largest=LARGEST_REQUEST)


def letters(settings: Settings, stage: str) -> tuple[Letter, ...]:
    """Return the dead letters of a stage that nobody has seen to, the oldest first.

    Raises
    ------
    BusDown
        The bus does not answer.
    """
    found: dict[int, Letter] = {}
    for message in history(settings, (dead_topic(stage).name,)):
        match _content(message):
            case DeadLetter() as letter:
                found[message.offset] = Letter(message.offset, letter)
            case _Settled() as settled:
                found.pop(settled.letter, None)
            case None:
                pass
    return tuple(found.values())


def replay(settings: Settings, stage: str, numbers: Collection[int], at: datetime) -> tuple[Letter, ...]:
    """Put letters back in the topics they came from, and note that; all of it happens, or nothing.

    Of two that replay at the same time, the later one ends the attempt of the other.

    Raises
    ------
    Refused
        There is no such letter, or it was seen to already, or does not hold its message.
    BusDown
        The bus does not answer, or somebody else replays too; nothing was put back.
    """
    return _settle(settings, stage, numbers, "replayed", at)


def drop(settings: Settings, stage: str, numbers: Collection[int], at: datetime) -> tuple[Letter, ...]:
    """Note that letters need nobody any more; raises as `replay` does."""
    return _settle(settings, stage, numbers, "dropped", at)


def _settle(
    settings: Settings, stage: str, numbers: Collection[int], how: Literal["replayed", "dropped"], at: datetime
) -> tuple[Letter, ...]:
    name = dead_topic(stage).name
    try:
        producer = Producer(producer_config(settings, f"{name}.settling"))
        producer.init_transactions(COMMIT_SECONDS)
        chosen = _chosen(letters(settings, stage), numbers, stage)
        originals = [letter.content.original for letter in chosen] if how == "replayed" else []
        notes = (_Settled(letter=letter.number, how=how, at=at).model_dump_json() for letter in chosen)
        producer.begin_transaction()
        for message in (*originals, *(Outgoing(name, b"settled", note.encode()) for note in notes)):
            producer.produce(message.topic, message.value, message.key)
        producer.commit_transaction(COMMIT_SECONDS)
    except KafkaException as error:
        raise bus_error(error) from error
    return chosen


def _chosen(there: tuple[Letter, ...], numbers: Collection[int], stage: str) -> tuple[Letter, ...]:
    known = {letter.number: letter for letter in there}
    if missing := sorted(set(numbers) - known.keys()):
        told = f"there are {', '.join(map(str, known))}" if known else "there are none"
        raise Refused(f"no dead letter {', '.join(map(str, missing))} of {stage}: {told}")
    return tuple(known[number] for number in sorted(set(numbers)))


def _content(message: Received) -> DeadLetter | _Settled | None:
    try:
        return _read(message.value)
    except ValidationError:
        return None
