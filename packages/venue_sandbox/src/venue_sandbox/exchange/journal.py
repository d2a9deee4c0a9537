"""The events of a venue, on disk before anybody hears of them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from venue_sandbox.exchange.events import Event, decode, encode

__all__ = ["Journal", "JournalError"]

FILE = "exchange.jsonl"


class JournalError(RuntimeError):
    """The journal cannot be used."""


class Journal:
    """An append-only file of events, one a line. A last line that was cut off never happened, and is removed.

    Parameters
    ----------
    folder
        Where it is kept; one venue at a time may use it.

    Attributes
    ----------
    past
        What the file held when it was opened.

    Raises
    ------
    JournalError
        Another venue uses the folder, or a line is damaged.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE
        created = not self.path.exists()
        self._file = self.path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise JournalError(f"{self.path} is in use by another venue; stop it, or take another folder") from None
        if created:
            _sync_folder(folder)
        try:
            self.past: tuple[Event, ...] = self._read()
        except JournalError:
            self._file.close()
            raise

    def append(self, event: Event) -> None:
        """Write an event; when this returns it is on disk."""
        self._file.write(encode(event))
        os.fsync(self._file.fileno())

    def lines(self) -> list[str]:
        """Return all lines as they stand on disk."""
        return self.path.read_text().splitlines()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> tuple[Event, ...]:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
            os.fsync(self._file.fileno())
        return tuple(self._event(n, line) for n, line in enumerate(content[:whole].splitlines(), 1))

    def _event(self, number: int, line: bytes) -> Event:
        try:
            return decode(line)
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise JournalError(f"{self.path}:{number} is damaged ({reason}); move the folder away") from None


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file durable too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
