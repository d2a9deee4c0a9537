"""Raw events of messages: what the venue sent stays with them, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.envelope import LARGEST, Event, derived_id, encode

from event_trading_app.names import NEAR_INTENTS, Topic
from event_trading_app.venues.near_intents.ingest.frames import Frame, Kind
from event_trading_app.venues.near_intents.raw import VERSION

__all__ = ["LARGEST_TEXT", "raw_event"]

LARGEST_TEXT = 100_000
"""Characters of a message that are kept: six bytes each at worst, which fits an event."""
STATUS_ID = ("quote_hash", "intent_hash", "tx_hash")


def raw_event(frame: Frame, text: str, observed_at: datetime, ingested_at: datetime) -> Event:
    """Return the raw event of a message that is no reply.

    A message that cannot be read is an event too, of the type of quotes and without what it says: whoever reads it says
    what is wrong with it. So is one that is too long, of which the beginning, the length and the digest are kept. The
    same quote told twice has the same id.
    """
    topic = Topic.RAW_QUOTE_STATUS if frame.kind is Kind.STATUS else Topic.RAW_QUOTE
    event_id = derived_id(NEAR_INTENTS, _native_id(frame, topic) or _digest(text), topic.value, VERSION)

    def event(payload: Mapping[str, Any], raw: str) -> Event:
        return Event(event_id, topic.value, NEAR_INTENTS, observed_at, ingested_at, VERSION, payload, raw)

    whole = event(dict(frame.data), text)
    if len(text) <= LARGEST_TEXT and _fits(whole):
        return whole
    cut = {"characters": len(text), "digest": _digest(text)}
    return event({"unread": cut}, text[:LARGEST_TEXT])


def _fits(event: Event) -> bool:
    """Whether an event can be written: JSON may say numbers and characters that cannot be said again."""
    try:
        return len(encode(event)) <= LARGEST
    except InvalidInput:
        return False


def _native_id(frame: Frame, topic: Topic) -> str | None:
    """Return by what the venue knows an event; None if it does not say."""
    names = STATUS_ID if topic is Topic.RAW_QUOTE_STATUS else ("quote_id",)
    values = [frame.data.get(name) for name in names]
    if not all(isinstance(value, str) and value for value in values):
        return None
    return str(values[0]) if len(values) == 1 else json.dumps(values, separators=(",", ":"))


def _digest(text: str) -> str:
    return f"sha256:{sha256(text.encode())}"
