"""The objects of the simulated store."""

from __future__ import annotations

from bisect import bisect_left, insort

from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.versioned_store import Stored

__all__ = ["Objects"]


class Objects:
    """Objects by key, with generations; what it says is true at once and for everybody."""

    def __init__(self) -> None:
        self._objects: dict[str, Stored] = {}
        self._keys: list[str] = []

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist."""
        if key in self._objects:
            raise Conflict(f"{key} exists already")
        self._objects[key] = Stored(data, 1)
        insort(self._keys, key)
        return 1

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object of a known generation."""
        present = self._objects.get(key)
        if present is None or present.generation != generation:
            raise Conflict(f"{key} has another generation than {generation}")
        self._objects[key] = Stored(data, generation + 1)
        return generation + 1

    def lose(self, key: str) -> None:
        """Lose an object, as no store should."""
        del self._objects[key]
        self._keys.remove(key)

    def get(self, key: str) -> Stored | None:
        """Return an object."""
        return self._objects.get(key)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys with a prefix, ascending."""
        first = bisect_left(self._keys, prefix)
        last = bisect_left(self._keys, prefix + "\uffff", first)
        return self._keys[first:last]
