"""Secrets and their versions, in a SQLite file or in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from venue_sandbox.cloud.database import opened
from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.rest import ApiError

__all__ = ["LATEST", "State", "Vault", "Version"]

FILE = "secret_manager.sqlite"
LATEST = "latest"
SCHEMA = """
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS versions (
    secret TEXT NOT NULL, number INTEGER NOT NULL, created REAL NOT NULL, state TEXT NOT NULL, destroyed REAL,
    data BLOB NOT NULL, PRIMARY KEY (secret, number)
);
"""


class State(StrEnum):
    """Whether a version can be read; what is destroyed stays so."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DESTROYED = "DESTROYED"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a secret; instants are seconds since 1970."""

    secret: str
    number: int
    created: float
    state: State
    destroyed: float | None
    data: bytes

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"{self.secret}/versions/{self.number}"


class Vault:
    """What the service remembers.

    Parameters
    ----------
    folder
        Where to keep it over restarts; None keeps it in memory.

    Attributes
    ----------
    policies
        Who may do what with a secret.
    """

    def __init__(self, folder: Path | None) -> None:
        self._database = opened(folder, FILE, SCHEMA)
        self.policies = Policies(self._database)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def create(self, name: str) -> float:
        """Create a secret without versions; return when that was."""
        now = time.time()
        made = self._database.execute("INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING", (name, now))
        if not made.rowcount:
            raise ApiError(409, "ALREADY_EXISTS", f"Secret [{name}] already exists.")
        return now

    def created(self, name: str) -> float:
        """Return when a secret was created."""
        row = self._database.execute("SELECT created FROM secrets WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise ApiError(404, "NOT_FOUND", f"Secret [{name}] not found.")
        return row[0]

    def names(self, project: str) -> list[str]:
        """Return the secrets of a project, ascending."""
        begin = f"{project}/secrets/"
        rows = self._database.execute("SELECT name FROM secrets ORDER BY name")
        return [name for (name,) in rows if name.startswith(begin)]

    def delete(self, name: str) -> None:
        """Delete a secret with all its versions."""
        self.created(name)
        self._database.execute("DELETE FROM versions WHERE secret = ?", (name,))
        self._database.execute("DELETE FROM secrets WHERE name = ?", (name,))

    def add(self, secret: str, data: bytes) -> Version:
        """Add a version, which is the latest."""
        self.created(secret)
        (last,) = self._database.execute("SELECT max(number) FROM versions WHERE secret = ?", (secret,)).fetchone()
        made = Version(secret, (last or 0) + 1, time.time(), State.ENABLED, None, data)
        self._write(made)
        return made

    def versions(self, secret: str) -> list[Version]:
        """Return the versions of a secret, the latest first."""
        self.created(secret)
        rows = self._database.execute("SELECT * FROM versions WHERE secret = ? ORDER BY number DESC", (secret,))
        return [Version(row[0], row[1], row[2], State(row[3]), row[4], row[5]) for row in rows]

    def find(self, secret: str, version: str) -> Version:
        """Return a version, given its number or ``latest``: the one created last, whatever its state."""
        found = self.versions(secret)
        wanted = (each for each in found if version in (LATEST, str(each.number)))
        if (one := next(wanted, None)) is None:
            raise ApiError(404, "NOT_FOUND", f"Secret Version [{secret}/versions/{version}] not found.")
        return one

    def readable(self, secret: str, version: str) -> Version:
        """Return a version that can be read."""
        found = self.find(secret, version)
        if found.state is not State.ENABLED:
            raise _wrong_state(found)
        return found

    def change(self, secret: str, version: str, state: State) -> Version:
        """Bring a version into a state; what is destroyed is forgotten for good."""
        found = self.find(secret, version)
        if found.state is State.DESTROYED:
            raise _wrong_state(found)
        gone = state is State.DESTROYED
        data, destroyed = (b"", time.time()) if gone else (found.data, None)
        made = Version(secret, found.number, found.created, state, destroyed, data)
        self._write(made)
        return made

    def _write(self, version: Version) -> None:
        row = (version.secret, version.number, version.created, version.state.value, version.destroyed, version.data)
        self._database.execute("INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?)", row)


def _wrong_state(version: Version) -> ApiError:
    return ApiError(400, "FAILED_PRECONDITION", f"Secret Version [{version.name}] is in {version.state.value} state.")
