"""The store every durable fact lives in."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

__all__ = ["BatchStore", "Keys", "Stored", "VersionedStore"]


class Stored(NamedTuple):
    """An object and the generation it was read at."""

    data: bytes
    generation: int


class VersionedStore(Protocol):
    """Small objects under slash-separated keys, with create-only and compare-and-set writes.

    Keys are non-empty segments of letters, digits and ``._=-`` joined by ``/``. A write that returned is durable. Every
    method raises `StoreError` when the store cannot answer.
    """

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist; return its generation.

        Raises
        ------
        Conflict
            It exists.
        """
        ...

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object that must have ``generation``; return the new one.

        Raises
        ------
        Conflict
            It has another generation, or does not exist.
        """
        ...

    def get(self, key: str) -> Stored | None:
        """Return an object, None if there is none."""
        ...

    def now(self) -> datetime:
        """Return the store's own time, aware UTC: the one clock that every user of the store shares."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Return every key that starts with ``prefix``, ascending."""
        ...


@runtime_checkable
class BatchStore(Protocol):
    """A store that writes, reads or lists several things in one step."""

    def create_all(self, objects: Mapping[str, bytes]) -> None:
        """Write objects that must not exist, by key: all of them, or none.

        Raises
        ------
        Conflict
            One of them exists.
        """
        ...

    def keys_of(self, prefixes: Sequence[str]) -> list[str]:
        """Return every key that starts with one of some prefixes, ascending; no prefix begins with another."""
        ...

    def get_all(self, keys: Sequence[str]) -> dict[str, Stored]:
        """Return objects by key; those that are not there are left out."""
        ...


class Keys(Protocol):
    """Whatever says which keys there are: a store, or what was listed of one."""

    def keys(self, prefix: str) -> list[str]:
        """Return every key that starts with ``prefix``, ascending."""
        ...
