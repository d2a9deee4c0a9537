"""One canonical form for everything that is compared by digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

__all__ = ["canonical_json", "plain", "sha256"]


def plain(value: object) -> Any:
    """Return ``value`` out of JSON's own types.

    Decimals become plain digits without trailing zeros (-0 becomes 0), dates ISO strings, enums their values, frozen
    dataclasses objects of their fields, sets sorted lists.

    Raises
    ------
    TypeError
        A type without a canonical form.
    ValueError
        A Decimal that is not finite.
    """
    kind = type(value)
    if kind in _AS_IS:
        return value
    return _rule(kind)(value)


@cache
def _rule(kind: type) -> Callable[[Any], Any]:
    """Return how values of a type become plain."""
    for family, rule in _RULES:
        if issubclass(kind, family):
            return rule
    if is_dataclass(kind):
        names = tuple(field.name for field in fields(kind))
        return lambda value: _object({name: getattr(value, name) for name in names})
    raise TypeError(f"{kind} has no canonical form")


def _digits(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} has no canonical form; numbers are finite")
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _object(value: Mapping[object, object]) -> dict[str, Any]:
    return {
        key if type(key) is str else str(plain(key)): item if type(item) in _AS_IS else plain(item)
        for key, item in value.items()
    }


def _list(value: Iterable[object]) -> list[Any]:
    return [plain(item) for item in value]


_AS_IS = frozenset({str, int, bool, type(None)})
_RULES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),
    (str, str),
    (int, int),
    (float, lambda value: float(value) + 0.0),
    (Decimal, _digits),
    (datetime, datetime.isoformat),
    (date, date.isoformat),
    (Mapping, _object),
    (tuple, _list),
    (list, _list),
    (set, lambda value: sorted(_list(value))),
    (frozenset, lambda value: sorted(_list(value))),
)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical_json(value: object) -> bytes:
    """Return the canonical JSON of ``value``: sorted keys, no spaces, UTF-8; NaN and infinity are a ValueError."""
    return _encode(plain(value)).encode()


def sha256(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()
