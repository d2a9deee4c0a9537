"""A `SnapshotStore` in a folder of the local file system whose objects are files as any tool reads and writes them."""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from contextlib import suppress
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
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.versioned_store import Stored

__all__ = ["PlainFolder"]

_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class PlainFolder:
    """Objects as plain files below ``root``, which may have been put there by hand.

    Writes are as durable and as whole as those of `FileStore`. No file says its generation: it is drawn from which file
    it is, when it was written and what is in it. A replace writes another file, with a later time than the one it takes
    the place of, so that no generation comes back. For processes of one machine; ``root`` must not be on a network file
    system.
    """

    def __init__(self, root: Path, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.root = root
        self._timeout_seconds = timeout_seconds

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist; see `VersionedStore.create`."""
        path = self._path(key)
        with store_errors(key):
            temporary = _written(path, data)
            generation = _generation(temporary.stat(), data)
            add_file(key, path, temporary)
        return generation

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object of a known generation; see `VersionedStore.replace`."""
        path = self._path(key)
        with store_errors(key), locked(self.root, self._timeout_seconds):
            present = self.get(key)
            if present is None or present.generation != generation:
                found = "no object" if present is None else f"generation {present.generation}"
                raise Conflict(f"{key} has {found}; expected was generation {generation}")
            temporary = _written(path, data)
            _date_after(temporary, path.stat().st_mtime_ns)
            made = _generation(temporary.stat(), data)
            temporary.replace(path)
            sync_folder(path.parent)
        return made

    def get(self, key: str) -> Stored | None:
        """Return an object; see `VersionedStore.get`."""
        path = self._path(key)
        with store_errors(key):
            try:
                with path.open("rb") as file:
                    data = file.read()
                    return Stored(data, _generation(os.fstat(file.fileno()), data))
            except _ABSENT:
                return None

    def delete(self, key: str) -> None:
        """Remove an object, and folders that it leaves empty; see `SnapshotStore.delete`."""
        path = self._path(key)
        with store_errors(key), locked(self.root, self._timeout_seconds):
            with suppress(*_ABSENT):
                path.unlink()
                sync_folder(path.parent)
            with suppress(OSError):
                for folder in path.relative_to(self.root).parents[:-1]:
                    (self.root / folder).rmdir()

    def now(self) -> datetime:
        """Return the machine's time, which all users of a local folder share."""
        return datetime.fromtimestamp(time.time(), UTC)

    def keys(self, prefix: str) -> list[str]:
        """Return every key with a prefix; see `VersionedStore.keys`."""
        return keys_below(self.root, prefix)

    def _path(self, key: str) -> Path:
        check_key(key)
        return self.root / key


def _written(path: Path, data: bytes) -> Path:
    """Write a file beside a path, dated to the nanosecond; its folder may be removed meanwhile because it is empty."""
    for _ in range(3):
        with suppress(FileNotFoundError):
            return _dated(written_beside(path, data))
    return _dated(written_beside(path, data))


def _dated(file: Path) -> Path:
    """Date a file more finely than the system does, which a file of the same name and content may follow at once."""
    now = time.time_ns()
    os.utime(file, ns=(now, now))
    return file


def _date_after(file: Path, before: int) -> None:
    """Give a file a later time than ``before`` (nanoseconds), by as much as the file system can tell apart."""
    step = 1
    while file.stat().st_mtime_ns <= before:
        os.utime(file, ns=(before + step, before + step))
        step *= 1000


def _generation(stat: os.stat_result, data: bytes) -> int:
    known = f"{stat.st_dev}:{stat.st_ino}:{stat.st_mtime_ns}:{len(data)}:{zlib.crc32(data)}"
    return int.from_bytes(hashlib.sha256(known.encode()).digest()[:8]) >> 2 or 1
