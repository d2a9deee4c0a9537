"""Which fields of documents a mapper reads: documents that note each look at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, cast

from quant_platform_kit.domain.beliefs import Table

__all__ = ["noting", "outside"]

_LEAVES = (str, bytes, int, float, Decimal, date, Enum, type(None))


def noting(document: Any, read: set[str], path: str = "") -> Any:
    """Return a document that notes the paths that are read of it, at every depth.

    Parameters
    ----------
    read
        Where paths are noted, as a table writes them.
    """
    if isinstance(document, _LEAVES):
        return document
    if isinstance(document, list | tuple) and not hasattr(cast("object", document), "_fields"):
        return [noting(item, read, f"{path}[]") for item in cast("list[Any]", document)]
    if isinstance(document, Mapping):
        return _NotingMapping(cast("Mapping[str, Any]", document), read, path)
    return _NotingObject(document, read, path)


def outside(table: Table, read: set[str]) -> list[str]:
    """Return the paths that were read and that a table does not have, as a field or above one."""
    known = {prefix for field in table.fields for prefix in _prefixes(field.path)}
    return sorted(path for path in read if path not in known)


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split(".")
    for end in range(1, len(parts) + 1):
        whole = ".".join(parts[:end])
        while True:
            yield whole
            if not whole.endswith("[]"):
                break
            whole = whole.removesuffix("[]")


class _NotingMapping(Mapping[str, Any]):
    def __init__(self, document: Mapping[str, Any], read: set[str], path: str) -> None:
        self._document, self._read, self._path = document, read, path

    def __getitem__(self, name: str) -> Any:
        path = f"{self._path}.{name}".removeprefix(".")
        self._read.add(path)
        return noting(self._document[name], self._read, path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)


class _NotingObject:
    def __init__(self, document: Any, read: set[str], path: str) -> None:
        object.__setattr__(self, "_noted", (document, read, path))

    def __getattr__(self, name: str) -> Any:
        document, read, before = object.__getattribute__(self, "_noted")
        value = getattr(document, name)
        if name.startswith("_") or callable(value):
            return value
        path = f"{before}.{name}".removeprefix(".")
        read.add(path)
        return noting(value, read, path)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_noted")[0], name, value)
