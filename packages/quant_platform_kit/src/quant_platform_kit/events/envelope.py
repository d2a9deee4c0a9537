"""What every event has, and its one form as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import JSONEncoder
from typing import Any, NoReturn

import orjson
from pydantic_core import from_json

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.errors import Unreadable
from quant_platform_kit.events.instants import FIRST_YEAR, LAST_YEAR, is_countable

__all__ = ["LARGEST", "Event", "Unreadable", "canonical", "decode", "derived", "derived_id", "encode"]

LARGEST = 1_000_000
"""Bytes of the largest event; a larger message is unreadable."""
LONGEST_NAME = 256
"""Characters of the longest id, type and venue."""

_NAMES = ("event_id", "event_type", "venue")
_WITHOUT_RAW = {*_NAMES, "observed_at", "ingested_at", "schema_version", "payload"}
_FIELDS = {*_WITHOUT_RAW, "raw"}
_FAST = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_strict = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_listed = JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that happened, as it is told on the bus; it never changes. Events are equal if their bytes are.

    Attributes
    ----------
    event_id
        Of this event alone; see `derived_id`.
    event_type
        What its payload is, such as ``norm.swap_demand``; also the name of its topic.
    venue
        Where it happened.
    observed_at
        When the venue told it, or when it was seen there; aware UTC.
    ingested_at
        When it came on the bus first; aware UTC. A derived event has both times of the event it was made from.
    schema_version
        Of the payload, from 1.
    payload
        Out of JSON's own types; not to be changed.
    raw
        What the venue sent, byte for byte, as text.
    """

    event_id: str
    event_type: str
    venue: str
    observed_at: datetime
    ingested_at: datetime
    schema_version: int
    payload: Mapping[str, Any]
    raw: str | None = None

    def __post_init__(self) -> None:
        if _is_as_it_has_to_be(self):
            return
        for name in _NAMES:
            _text(name, getattr(self, name))
        for name in ("observed_at", "ingested_at"):
            object.__setattr__(self, name, _utc(name, getattr(self, name)))
        if type(self.schema_version) is not int or self.schema_version < 1:
            _refuse("schema_version", self.schema_version, "an integer from 1")
        if not isinstance(self.payload, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            _refuse("payload", self.payload, "an object")
        if self.raw is not None and type(self.raw) is not str:
            _refuse("raw", self.raw, "text, or left out")

    def __eq__(self, other: object) -> bool:
        return encode(self) == encode(other) if isinstance(other, Event) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.event_id)


def encode(event: Event) -> bytes:
    """Return an event as canonical JSON: sorted keys, no spaces, UTC with microseconds; ``raw`` only if there is one.

    Raises
    ------
    InvalidInput
        The payload is not out of JSON's own types, or holds a number or a text that JSON has not.
    """
    document: dict[str, Any] = {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "ingested_at": event.ingested_at.isoformat(timespec="microseconds"),
        "observed_at": event.observed_at.isoformat(timespec="microseconds"),
        "payload": event.payload if isinstance(event.payload, dict) else dict(event.payload),
        "schema_version": event.schema_version,
        "venue": event.venue,
    }
    if event.raw is not None:
        document["raw"] = event.raw
    try:
        return canonical(document)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"event {event.event_id}: the payload cannot be written as JSON: {error}") from error


def decode(data: bytes) -> Event:
    """Return the event that bytes are.

    Raises
    ------
    Unreadable
        They are no event; the message says why.
    """
    document = _document(data)
    if (found := document.keys()) != _FIELDS and found != _WITHOUT_RAW:
        missing, unknown = sorted(_WITHOUT_RAW - found), sorted(found - _FIELDS)
        told = [f"{word} {', '.join(names)}" for word, names in (("lacks", missing), ("has unknown", unknown)) if names]
        raise Unreadable(f"no event: it {' and '.join(told)}; an event has {', '.join(sorted(_FIELDS))}")
    try:
        for name in ("observed_at", "ingested_at"):
            document[name] = _instant(name, document[name])
        return Event(**document)
    except InvalidInput as error:
        raise Unreadable(f"no event: {error}") from error


def derived_id(venue: str, native_id: str, stage: str, version: int) -> str:
    """Return the id of what a stage makes of something of a venue: the same again, whoever makes it, and how often.

    Parameters
    ----------
    native_id
        Of what it is made from, as the venue calls it; with more than one result, a part of the id for each.
    version
        Of the schema of what is made.
    """
    return sha256(_listed([venue, native_id, stage, version]).encode())


def derived(source: Event, event_type: str, schema_version: int, payload: Mapping[str, Any], event_id: str) -> Event:
    """Return an event that is made from another one, with its venue and both of its times."""
    times = source.observed_at, source.ingested_at
    return Event(event_id, event_type, source.venue, *times, schema_version, payload)


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the one form of a document out of JSON's own types, as bytes.

    Raises
    ------
    TypeError, ValueError
        It holds something else, or a number that JSON has not.
    """
    # The fast writer makes null of a number that JSON has not, and takes no integer of more than 64 bits: where it may
    # have met one, the strict writer has its say.
    try:
        data = orjson.dumps(document, option=_FAST)
    except TypeError:
        return _strict(document).encode()
    if b"null" in data:
        _strict(document)
    return data


def _is_as_it_has_to_be(event: Event) -> bool:
    """Whether nothing of an event is to be changed or refused, at one look: most are."""
    for text in (event.event_id, event.event_type, event.venue):
        if type(text) is not str or not 0 < len(text) <= LONGEST_NAME:
            return False
    for instant in (event.observed_at, event.ingested_at):
        if type(instant) is not datetime or instant.tzinfo is not UTC or not is_countable(instant):
            return False
    version, raw = event.schema_version, event.raw
    return type(version) is int and version > 0 and type(event.payload) is dict and (raw is None or type(raw) is str)


def _document(data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST:
        raise Unreadable(f"no event: {len(data)} bytes; an event has at most {LARGEST}")
    try:
        document: dict[str, Any] = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise Unreadable(f"no event: no JSON: {error}") from error
    if not isinstance(document, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise Unreadable(f"no event: a JSON {type(document).__name__}, not an object")
    return document


def _instant(name: str, value: object) -> datetime:
    try:
        return datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        _refuse(name, value, "an instant such as 2026-01-02T03:04:05.678901+00:00")


def _utc(name: str, value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        _refuse(name, value, "an instant with its offset from UTC")
    if not is_countable(value):
        _refuse(name, value, f"an instant of the years {FIRST_YEAR} to {LAST_YEAR}")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _text(name: str, value: object) -> None:
    if type(value) is not str or not 0 < len(value) <= LONGEST_NAME:
        _refuse(name, value, f"a text of 1 to {LONGEST_NAME} characters")


def _refuse(name: str, value: object, bound: str) -> NoReturn:
    raise InvalidInput(f"{name} has to be {bound}; it is {repr(value)[:80]}")
