"""Bad messages by name: what is done to a good event of a topic, and what has to become of the message then."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ANY", "Bad", "Document", "field", "payload"]

Document = dict[str, Any]
"""An event as JSON has it."""
LARGE = "x" * 2_000_000


@dataclass(frozen=True, slots=True)
class Bad:
    """A message that is not as it has to be.

    Attributes
    ----------
    made
        Makes it of a good event.
    becomes
        ``dead``, or how the stage says that it has dealt with it.
    told
        What the reason of the dead letter has to say.
    """

    made: Callable[[Document], bytes]
    becomes: str = "dead"
    told: str = ""


def field(name: str, value: object, told: str, becomes: str = "dead") -> Bad:
    """Return an event with another value in a field of the envelope."""
    return Bad(lambda event: written({**event, name: value}), becomes, told)


def payload(changes: Mapping[str, object], told: str = "", becomes: str = "dead") -> Bad:
    """Return an event with other values in its payload; `None` takes a field away."""

    def made(event: Document) -> bytes:
        fields = {**event["payload"], **changes}
        return written({**event, "payload": {name: value for name, value in fields.items() if value is not None}})

    return Bad(made, becomes, told)


def written(event: object) -> bytes:
    """Return a document as bytes."""
    return json.dumps(event).encode()


def _without(name: str) -> Callable[[Document], bytes]:
    return lambda event: written({key: value for key, value in event.items() if key != name})


ANY: Mapping[str, Bad] = {
    "nothing at all": Bad(lambda event: b"", told="no JSON"),
    "no text": Bad(lambda event: b"\xff\xfe\x00", told="no JSON"),
    "cut off half way": Bad(lambda event: written(event)[: len(written(event)) // 2], told="no JSON"),
    "two events in one": Bad(lambda event: written(event) * 2, told="no JSON"),
    "a list of events": Bad(lambda event: written([event]), told="a JSON list"),
    "2 MB": Bad(lambda event: written({**event, "raw": LARGE}), told="an event has at most 1000000"),
    "10,000 lists in each other": Bad(lambda event: b"[" * 10_000 + b"]" * 10_000, told="no JSON"),
    "a number that JSON has not": Bad(lambda event: written({**event, "schema_version": float("nan")}), told="no JSON"),
    "no event_id": Bad(_without("event_id"), told="lacks event_id"),
    "no payload": Bad(_without("payload"), told="lacks payload"),
    "a field that no event has": field("signature", "0", "unknown signature"),
    "an empty event_id": field("event_id", "", "event_id has to be a text"),
    "a future version": field("schema_version", 999, "newer than"),
    "version 0": field("schema_version", 0, "schema_version has to be"),
    "a version in words": field("schema_version", "1", "schema_version has to be"),
    "a type that is reserved": field("event_type", "signal.news", ""),
    "a time without its offset": field("observed_at", "2026-03-02T12:00:00", "observed_at has to be"),
    "a time that is none": field("ingested_at", "yesterday", "ingested_at has to be"),
    "a payload that is a list": field("payload", [], "payload has to be an object"),
}
"""What is bad at any stage."""
