"""What a message of the solver bus is: a quote, a status, an answer to a request of ours, or something else.

Events come in two shapes: ``params.data`` as deployed solvers read it, and flat ``params`` as the documents show it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

__all__ = ["Frame", "Kind", "read_frame"]

SHAPES = ("event", "subscribe")
"""The method of an event, in either shape."""

Document = Mapping[str, Any]


class Kind(Enum):
    """What a message is."""

    QUOTE = "quote"
    STATUS = "quote_status"
    REPLY = "reply"
    OTHER = "other"
    """Nobody knows; it is kept as a quote that cannot be read."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message.

    Attributes
    ----------
    data
        What an event says, without the words of the protocol around it; of a reply the whole of it.
    subscription
        Of an event, if it names one.
    """

    kind: Kind
    data: Document
    subscription: str | None = None


def read_frame(text: str, kinds: Mapping[str, Kind]) -> Frame:
    """Return what a message is; this never fails.

    Parameters
    ----------
    kinds
        Of our subscriptions, by their ids. They decide where an event's own fields do not: a status may come without
        a subscription's id.
    """
    try:
        message: Any = json.loads(text)
    except (ValueError, RecursionError):
        return Frame(Kind.OTHER, {})
    if not isinstance(message, dict):
        return Frame(Kind.OTHER, {})
    document = cast(Document, message)
    if "method" not in document and "id" in document:
        return Frame(Kind.REPLY, document)
    params = document.get("params")
    if document.get("method") not in SHAPES or not isinstance(params, dict):
        return Frame(Kind.OTHER, {})
    return _event(cast(Document, params), kinds)


def _event(params: Document, kinds: Mapping[str, Kind]) -> Frame:
    named = params.get("subscription")
    subscription = named if isinstance(named, str) else None
    inner = params.get("data")
    data = cast(Document, inner) if isinstance(inner, dict) else _flat(params)
    return Frame(_kind(data, kinds.get(subscription or "", Kind.OTHER)), data, subscription)


def _flat(params: Document) -> Document:
    return {name: value for name, value in params.items() if name != "subscription"}


def _kind(data: Document, subscribed: Kind) -> Kind:
    if "quote_hash" in data:
        return Kind.STATUS
    return Kind.QUOTE if "quote_id" in data else subscribed
