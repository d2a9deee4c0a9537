"""docs/reference/events/*.json: the payloads of all events, as JSON Schemas, one file for each version."""

from __future__ import annotations

import json
from collections.abc import Iterator

from event_trading_app.schemas import SCHEMAS

__all__ = ["schemas"]


def schemas() -> Iterator[tuple[str, str]]:
    """Yield the name of each file below ``docs/reference``, and what is in it."""
    for event_type in SCHEMAS.event_types:
        for schema in SCHEMAS.versions(event_type):
            document = SCHEMAS.json_schema(event_type, schema.version)
            text = json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True)
            yield f"events/{event_type}.v{schema.version}.json", text + "\n"
