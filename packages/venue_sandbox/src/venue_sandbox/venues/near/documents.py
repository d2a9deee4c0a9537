"""What comes over the wire, before anybody knows that it is what it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

__all__ = ["Document", "document_of"]

Document = Mapping[str, Any]


def document_of(value: object) -> Document:
    """Return an object of JSON; an empty one for anything else."""
    return cast(Document, value) if isinstance(value, dict) else {}
