"""A `VersionedStore` in a folder of the local file system."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from quant_platform_kit.adapters.durable_files import (
    add_file,
    keys_below,
    locked,
    store_errors,
    sync_folder,
    written_beside,
)
from quant_platform_kit.adapters.store_keys import TIMEOUT_SECONDS, check_key
from quant_platform_kit.domain.errors import Conflict, Damaged
from quant_platform_kit.ports.versioned_store import Stored

__all__ = ["FileStore"]


class FileStore:
    """Objects as files below ``root``: a line with the generation, then the data.

    A create links a complete, synced file to its name, so that it either exists whole or not at all; the link fails
    where the name is taken. A replace holds the store's lock while it compares. Both sync the folder before they
    return. For processes of one machine; ``root`` must not be on a network file system.
    """

    def __init__(self, root: Path, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.root = root
        self._timeout_seconds = timeout_seconds

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist; see `VersionedStore.create`."""
        path = self._path(key)
        with store_errors(key):
            add_file(key, path, written_beside(path, _framed(1, data)))
        return 1

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object of a known generation; see `VersionedStore.replace`."""
        path = self._path(key)
        with store_errors(key), locked(self.root, self._timeout_seconds):
            present = self.get(key)
            if present is None or present.generation != generation:
                found = "no object" if present is None else f"generation {present.generation}"
                raise Conflict(f"{key} has {found}; expected was generation {generation}")
            written_beside(path, _framed(generation + 1, data)).replace(path)
            sync_folder(path.parent)
        return generation + 1

    def get(self, key: str) -> Stored | None:
        """Return an object; see `VersionedStore.get`."""
        path = self._path(key)
        with store_errors(key):
            try:
                head, _, data = path.read_bytes().partition(b"\n")
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not head.isdigit():
            raise Damaged(f"{path} is damaged: its first line is not a generation")
        return Stored(data, int(head))

    def now(self) -> datetime:
        """Return the machine's time, which all users of a local folder share."""
        return datetime.fromtimestamp(time.time(), UTC)

    def keys(self, prefix: str) -> list[str]:
        """Return every key with a prefix; see `VersionedStore.keys`."""
        return keys_below(self.root, prefix)

    def _path(self, key: str) -> Path:
        check_key(key)
        return self.root / key


def _framed(generation: int, data: bytes) -> bytes:
    return b"%d\n" % generation + data
