"""A store that reads through to another and keeps what is written to itself: what a probe writes is never recorded."""

from __future__ import annotations

from datetime import datetime

from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.versioned_store import Stored, VersionedStore

__all__ = ["Scratch"]


class Scratch:
    """A `VersionedStore` over another one, of which nothing is ever changed."""

    def __init__(self, below: VersionedStore) -> None:
        self._below = below
        self._written: dict[str, Stored] = {}

    def create(self, key: str, data: bytes) -> int:
        """Keep an object that must not exist; see `VersionedStore.create`."""
        if self.get(key) is not None:
            raise Conflict(f"{key} exists already")
        self._written[key] = Stored(data, 1)
        return 1

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Keep an object in place of one of a known generation; see `VersionedStore.replace`."""
        present = self.get(key)
        if present is None or present.generation != generation:
            raise Conflict(f"{key} does not have generation {generation}")
        self._written[key] = Stored(data, generation + 1)
        return generation + 1

    def get(self, key: str) -> Stored | None:
        """Return an object; see `VersionedStore.get`."""
        return self._written.get(key) or self._below.get(key)

    def now(self) -> datetime:
        """Return the time of the store below."""
        return self._below.now()

    def keys(self, prefix: str) -> list[str]:
        """Return every key with a prefix; see `VersionedStore.keys`."""
        written = (key for key in self._written if key.startswith(prefix))
        return sorted({*self._below.keys(prefix), *written})
