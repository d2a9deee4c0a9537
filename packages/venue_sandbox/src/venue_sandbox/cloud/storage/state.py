"""Buckets, objects and unfinished uploads, in a SQLite file or in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from venue_sandbox.cloud.database import opened
from venue_sandbox.cloud.storage.buckets import Buckets
from venue_sandbox.cloud.storage.errors import ended, retained, too_many
from venue_sandbox.cloud.storage.preconditions import Preconditions, Version

__all__ = ["Blob", "Resource", "State", "Upload"]

Resource = dict[str, Any]
"""A resource of the JSON API: the part of an object's metadata that the client chose."""

FILE = "cloud_storage.sqlite"
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, written REAL NOT NULL,
    resource TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    bucket TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, written REAL NOT NULL,
    resource TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (bucket, name, generation)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS generations (last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, name TEXT NOT NULL, resource TEXT NOT NULL, query TEXT NOT NULL,
    data BLOB NOT NULL
);
INSERT INTO generations SELECT 0 WHERE NOT EXISTS (SELECT * FROM generations);
"""
METAGENERATION = 1
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Blob:
    """An object: ``written`` is seconds since 1970."""

    bucket: str
    name: str
    generation: int
    written: float
    resource: Resource
    data: bytes

    @property
    def version(self) -> Version:
        """What preconditions look at."""
        return Version(self.generation, METAGENERATION)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that is not finished; ``query`` is that of the request that began it."""

    bucket: str
    name: str
    resource: Resource
    query: dict[str, str] = field(default_factory=dict[str, str])
    data: bytes = b""


class State:
    """What the service remembers.

    Parameters
    ----------
    folder
        Where to keep it over restarts; None keeps it in memory.
    write_interval
        Seconds that must pass between two changes of one object; 0 for no limit. The service itself has 1.

    Attributes
    ----------
    buckets
        The buckets.
    """

    def __init__(self, folder: Path | None, write_interval: float) -> None:
        self._database = opened(folder, FILE, SCHEMA)
        self.buckets = Buckets(self._database)
        self._write_interval = write_interval
        self._changed: dict[tuple[str, str], float] = {}

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def find(self, bucket: str, name: str) -> Blob | None:
        """Return an object, None if there is none."""
        self.buckets.get(bucket)
        row = self._database.execute(
            "SELECT generation, written, resource, data FROM objects WHERE bucket = ? AND name = ?", (bucket, name)
        ).fetchone()
        return None if row is None else Blob(bucket, name, row[0], row[1], json.loads(row[2]), row[3])

    def versions(self, bucket: str, name: str) -> list[Blob]:
        """Return the versions of an object that are not current, the oldest first."""
        rows = self._database.execute(
            "SELECT generation, written, resource, data FROM versions WHERE bucket = ? AND name = ? "
            "ORDER BY generation",
            (bucket, name),
        )
        return [Blob(bucket, name, row[0], row[1], json.loads(row[2]), row[3]) for row in rows]

    def put(self, upload: Upload, preconditions: Preconditions) -> Blob:
        """Write an object if the preconditions hold."""
        self._may_change(upload.bucket, upload.name, preconditions)
        now = time.time()
        with self._transaction():
            (last,) = self._database.execute("SELECT last FROM generations").fetchone()
            generation = max(last + 1, int(now * MICROSECONDS))
            self._database.execute("UPDATE generations SET last = ?", (generation,))
            self._set_aside(upload.bucket, upload.name)
            self._database.execute(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)",
                (upload.bucket, upload.name, generation, now, json.dumps(upload.resource), upload.data),
            )
        self._changed[upload.bucket, upload.name] = time.monotonic()
        return Blob(upload.bucket, upload.name, generation, now, upload.resource, upload.data)

    def delete(self, blob: Blob, preconditions: Preconditions) -> None:
        """Delete an object if the preconditions hold."""
        self._may_change(blob.bucket, blob.name, preconditions)
        with self._transaction():
            self._set_aside(blob.bucket, blob.name)
            self._database.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (blob.bucket, blob.name))
        self._changed[blob.bucket, blob.name] = time.monotonic()

    def names(self, bucket: str) -> list[str]:
        """Return the names of all objects, ascending by their UTF-8 bytes."""
        self.buckets.get(bucket)
        rows = self._database.execute("SELECT name FROM objects WHERE bucket = ? ORDER BY name", (bucket,))
        return [name for (name,) in rows]

    def begin(self, upload: Upload) -> str:
        """Remember an upload that comes in chunks; return its id."""
        self.buckets.get(upload.bucket)
        identity = uuid4().hex
        self._database.execute(
            "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)",
            (identity, upload.bucket, upload.name, json.dumps(upload.resource), json.dumps(upload.query), upload.data),
        )
        return identity

    def upload(self, identity: str) -> Upload:
        """Return an upload that was begun."""
        row = self._database.execute(
            "SELECT bucket, name, resource, query, data FROM uploads WHERE id = ?", (identity,)
        ).fetchone()
        if row is None:
            raise ended()
        return Upload(row[0], row[1], json.loads(row[2]), json.loads(row[3]), row[4])

    def keep(self, identity: str, data: bytes) -> None:
        """Remember all that has come of an upload so far."""
        self._database.execute("UPDATE uploads SET data = ? WHERE id = ?", (data, identity))

    def end(self, identity: str) -> None:
        """Forget an upload."""
        self._database.execute("DELETE FROM uploads WHERE id = ?", (identity,))

    def _may_change(self, bucket: str, name: str, preconditions: Preconditions) -> None:
        present = self.find(bucket, name)
        preconditions.check_write(Version() if present is None else present.version)
        if present is not None and time.time() < present.written + (held := self.buckets.get(bucket).retention):
            raise retained(bucket, name, present.written + held)
        changed = self._changed.get((bucket, name))
        if changed is not None and time.monotonic() - changed < self._write_interval:
            raise too_many(bucket, name)

    def _set_aside(self, bucket: str, name: str) -> None:
        """Keep an object that is about to go as a version, where the bucket has versions."""
        if self.buckets.get(bucket).versioned:
            self._database.execute(
                "INSERT INTO versions SELECT bucket, name, generation, written, resource, data FROM objects "
                "WHERE bucket = ? AND name = ?",
                (bucket, name),
            )

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
