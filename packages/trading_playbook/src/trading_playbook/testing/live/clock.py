"""Virtual time, and a store that lives in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.versioned_store import Stored

__all__ = ["VirtualClock", "VirtualStore"]


class VirtualClock:
    """Time that passes when somebody waits; ``passed`` are told of every instant that is reached."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant
        self.passed: list[Callable[[datetime], None]] = []

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return self._instant

    def monotonic(self) -> float:
        """Return it as seconds."""
        return self._instant.timestamp()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.reach(self._instant + timedelta(seconds=seconds))

    def reach(self, instant: datetime) -> None:
        """Let time pass until an instant."""
        self._instant = max(self._instant, instant)
        for tell in self.passed:
            tell(self._instant)


class VirtualStore:
    """A `VersionedStore` in memory."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._objects: dict[str, Stored] = {}

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist."""
        if key in self._objects:
            raise Conflict(f"{key} exists already")
        self._objects[key] = Stored(data, 1)
        return 1

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object of a known generation."""
        present = self._objects.get(key)
        if present is None or present.generation != generation:
            raise Conflict(f"{key} has another generation than {generation}")
        self._objects[key] = Stored(data, generation + 1)
        return generation + 1

    def get(self, key: str) -> Stored | None:
        """Return an object."""
        return self._objects.get(key)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys with a prefix, ascending."""
        return sorted(key for key in self._objects if key.startswith(prefix))

    def now(self) -> datetime:
        """Return the store's time."""
        return self._clock.now()
