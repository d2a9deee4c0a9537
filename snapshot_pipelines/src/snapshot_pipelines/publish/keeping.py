"""Versions in a store: put there once, never changed."""

from __future__ import annotations

from quant_platform_kit.domain.errors import Conflict, Refused
from quant_platform_kit.ports.snapshot_store import SnapshotStore

from snapshot_pipelines.publish.roots import summary_key, version_key
from snapshot_pipelines.publish.snapshots import Snapshot

__all__ = ["keep"]


def keep(store: SnapshotStore, snapshot: Snapshot) -> str:
    """Put a version where it stays, its manifest last; return the manifest's key, empty if that was there already.

    Raises
    ------
    Refused
        Something else is there under the name of its content.
    """
    manifest = snapshot.manifest
    _put(store, manifest.snapshot_path, snapshot.data)
    summary = summary_key(manifest, snapshot.digest)
    if snapshot.summary is not None and store.get(summary) is None:
        _put(store, summary, snapshot.summary)
    key = version_key(manifest, snapshot.digest)
    return key if _put(store, key, snapshot.found.data) else ""


def _put(store: SnapshotStore, key: str, data: bytes) -> bool:
    """Create an object; return whether it was not there. What never changes may be there already."""
    present = store.get(key)
    if present is None:
        try:
            store.create(key, data)
        except Conflict:
            present = store.get(key)
        else:
            return True
    if present is not None and present.data != data:
        raise Refused(f"{key} has another content than its name says: remove it and publish again")
    return False
