"""What the client library answers, as plain values with all its fields: for captures only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

__all__ = ["plain"]

DEEPEST = 6


def plain(value: Any, depth: int = 0) -> Any:
    """Return mappings, lists and values; a member of an enumeration is its name, an instant is in UTC."""
    if value is None or isinstance(value, bool | int | float | Decimal | str):
        return value
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return value
    if isinstance(value, list | tuple):
        return [plain(each, depth + 1) for each in cast("Sequence[Any]", value)]
    kind, _, name = str(value).partition(".")
    if kind == type(value).__name__ and name.isidentifier():
        return name
    if depth == DEEPEST:
        return str(value)
    names = (name for name in dir(value) if not name.startswith("_"))
    return {name: plain(told, depth + 1) for name in names if not callable(told := getattr(value, name))}
