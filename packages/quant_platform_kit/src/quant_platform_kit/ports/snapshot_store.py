"""The store that feature snapshots are published to."""

from typing import Protocol

from quant_platform_kit.ports.versioned_store import VersionedStore

__all__ = ["SnapshotStore"]


class SnapshotStore(VersionedStore, Protocol):
    """A `VersionedStore` whose objects are plain files for everybody, and whose old ones may be removed."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...
