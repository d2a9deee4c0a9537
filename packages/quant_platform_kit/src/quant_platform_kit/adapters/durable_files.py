"""Files that are there whole or not at all, and folders that remember them after a power cut."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from quant_platform_kit.adapters.store_keys import check_prefix, is_key
from quant_platform_kit.domain.errors import Conflict, StoreError

__all__ = ["add_file", "keys_below", "locked", "make_folders", "store_errors", "sync_folder", "written_beside"]

_TEMPORARY = ".tmp-"
LOCK_PAUSE = 0.002
"""Seconds between two tries for the lock, which is held for one write."""


def written_beside(path: Path, data: bytes) -> Path:
    """Write a complete, synced file beside a path, under a name that no key has, and return it."""
    if not path.parent.is_dir():
        make_folders(path.parent)
    temporary = path.parent / f"{_TEMPORARY}{uuid4().hex}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def add_file(key: str, path: Path, temporary: Path) -> None:
    """Give a file that was `written_beside` its name, which must be free, and remove the other.

    Raises
    ------
    Conflict
        The name is taken.
    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise Conflict(f"{key} exists already") from None
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def keys_below(root: Path, prefix: str) -> list[str]:
    """Return the keys with a prefix of the files below a folder, ascending."""
    check_prefix(prefix)
    top = root / prefix.rpartition("/")[0]
    with store_errors(prefix):
        found = (Path(folder) / name for folder, _, names in os.walk(top, onerror=_pass_over) for name in names)
        names = (path.relative_to(root).as_posix() for path in found)
        return sorted(name for name in names if name.startswith(prefix) and is_key(name))


def _pass_over(error: OSError) -> None:
    """Pass over a folder that is not there, or not any more."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


@contextmanager
def locked(root: Path, timeout_seconds: float) -> Generator[None]:
    """Hold the lock of a folder, alone among all processes of the machine.

    Raises
    ------
    StoreError
        Another process has it for longer than ``timeout_seconds``.
    """
    make_folders(root)
    with (root / ".lock").open("ab") as lock:
        end = time.monotonic() + timeout_seconds
        while not _locks(lock.fileno()):
            if time.monotonic() > end:
                raise StoreError(
                    f"{root / '.lock'} is held by another process for {timeout_seconds:g} s; "
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
def store_errors(key: str) -> Generator[None]:
    """Say of which object the operating system could not do what was asked."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"store object {key}: {error.strerror} ({error.filename})") from error


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, durably."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
