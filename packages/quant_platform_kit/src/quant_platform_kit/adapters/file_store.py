"""A `VersionedStore` in a folder of the local file system."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from quant_platform_kit.adapters.store_keys import TIMEOUT_SECONDS, check_key, check_prefix
from quant_platform_kit.domain.errors import Conflict, Damaged, StoreError
from quant_platform_kit.ports.versioned_store import Stored

__all__ = ["FileStore", "make_folders"]

_TEMPORARY = ".tmp-"
LOCK_PAUSE = 0.002
"""Seconds between two tries for the lock, which is held for one write."""


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
        with _store_errors(key):
            temporary = self._write_temporary(path, 1, data)
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise Conflict(f"{key} exists already") from None
            finally:
                temporary.unlink()
            _sync_folder(path.parent)
        return 1

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object of a known generation; see `VersionedStore.replace`."""
        path = self._path(key)
        with _store_errors(key), self._locked():
            present = self.get(key)
            if present is None or present.generation != generation:
                found = "no object" if present is None else f"generation {present.generation}"
                raise Conflict(f"{key} has {found}; expected was generation {generation}")
            self._write_temporary(path, generation + 1, data).replace(path)
            _sync_folder(path.parent)
        return generation + 1

    def get(self, key: str) -> Stored | None:
        """Return an object; see `VersionedStore.get`."""
        path = self._path(key)
        with _store_errors(key):
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
        check_prefix(prefix)
        top = self.root / prefix.rpartition("/")[0]
        with _store_errors(prefix):
            found = (path for path in top.rglob("*") if path.is_file() and not path.name.startswith("."))
            names = (path.relative_to(self.root).as_posix() for path in found)
            return sorted(name for name in names if name.startswith(prefix))

    def _path(self, key: str) -> Path:
        check_key(key)
        return self.root / key

    def _write_temporary(self, path: Path, generation: int, data: bytes) -> Path:
        if not path.parent.is_dir():
            make_folders(path.parent)
        temporary = path.parent / f"{_TEMPORARY}{uuid4().hex}"
        with temporary.open("xb") as file:
            file.write(b"%d\n" % generation + data)
            file.flush()
            os.fsync(file.fileno())
        return temporary

    @contextmanager
    def _locked(self) -> Generator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("ab") as lock:
            end = time.monotonic() + self._timeout_seconds
            while not _locks(lock.fileno()):
                if time.monotonic() > end:
                    raise StoreError(
                        f"{self.root / '.lock'} is held by another process for {self._timeout_seconds:g} s; "
                        "see what it does, `lslocks` names it"
                    )
                time.sleep(LOCK_PAUSE)
            yield


def _locks(descriptor: int) -> bool:
    """Lock a file, unless another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _store_errors(key: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"store object {key}: {error.strerror} ({error.filename})") from error


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, durably."""
    missing = [folder, *folder.parents]
    missing = [path for path in missing if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
