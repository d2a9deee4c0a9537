"""The simulated store: one set of objects, reached by every actor through calls that the adversary sees."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zlib import crc32

from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.testing.simulation.loop import instant

if TYPE_CHECKING:
    from quant_platform_kit.testing.simulation.actor import Actor

__all__ = ["ActorStore"]


class ActorStore:
    """The store as one actor reaches it: a `VersionedStore` whose every call the adversary may break."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._objects = actor.world.objects

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist."""

        def write() -> int:
            written = self._objects.create(key, data)
            self._actor.world.wrote(self._actor, key, data)
            return written

        return self._actor.call("write", f"create {key} {crc32(data):08x}", write, StoreError)

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object."""

        def write() -> int:
            written = self._objects.replace(key, data, generation)
            self._actor.world.wrote(self._actor, key, data)
            return written

        return self._actor.call("write", f"replace {key} {crc32(data):08x}", write, StoreError)

    def get(self, key: str) -> Stored | None:
        """Return an object."""
        return self._actor.call("read", f"get {key}", lambda: self._objects.get(key), StoreError)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys with a prefix."""
        return self._actor.call("read", f"keys {prefix}", lambda: self._objects.keys(prefix), StoreError)

    def now(self) -> datetime:
        """Return the store's own time, which never jumps."""
        return self._actor.call("read", "time", lambda: instant(self._actor.world.loop.now), StoreError)
