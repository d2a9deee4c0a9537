"""One canonical form for everything that is compared by digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, cast

__all__ = ["canonical_json", "plain", "sha256"]


def plain(value: object) -> Any:
    """Return ``value`` out of JSON's own types.

    Decimals become plain digits without trailing zeros (-0 becomes 0), dates ISO strings, enums their values, frozen
    dataclasses objects of their fields, sets sorted lists.

    Raises
    ------
    TypeError
        A type without a canonical form.
    """
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | bool) or value is None:
        return value
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, Decimal):
        return _digits(value)
    return _structure(value)


def _structure(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in cast("dict[object, object]", value).items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in cast("list[object]", value)]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in cast("set[object]", value))
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _digits(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} has no canonical form; numbers are finite")
    return format(value.normalize(), "f") if value else "0"


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical_json(value: object) -> bytes:
    """Return the canonical JSON of ``value``: sorted keys, no spaces, UTF-8; NaN and infinity are a ValueError."""
    return _encode(plain(value)).encode()


def sha256(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()
