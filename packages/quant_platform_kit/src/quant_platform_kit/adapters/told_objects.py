"""Documents of a capture as the objects that a client library would have made of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from quant_platform_kit.domain.beliefs import Kind, Table
from quant_platform_kit.domain.errors import BrokerError

__all__ = ["NotTold", "as_object", "as_row"]


class NotTold(BrokerError, AttributeError):
    """A field that a mapper reads and that the document does not have."""


class _Told(SimpleNamespace):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotTold(f"{name} is not told")


def as_object(table: Table, document: object) -> Any:
    """Return a document with its fields as attributes; instants that are text become instants.

    A field that is not there raises `NotTold` when it is read.
    """
    instants = frozenset(each.path for each in table.fields if Kind.INSTANT in each.kinds)
    return _made(document, "", instants)


def as_row(kind: type, told: Any) -> Any:
    """Return an object's fields as a named tuple of a type; raises `NotTold`."""
    return kind(*(getattr(told, name) for name in cast("Any", kind)._fields))


def _made(value: object, path: str, instants: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)
        return _Told(**{n: _made(inner, f"{path}.{n}".removeprefix("."), instants) for n, inner in named.items()})
    if isinstance(value, list):
        return [_made(item, f"{path}[]", instants) for item in cast("list[object]", value)]
    if path in instants and isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value
