"""Jobs over restarts: a SQLite file, or memory."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from venue_sandbox.cloud.database import opened
from venue_sandbox.cloud.scheduler.executions import Attempt, Entry, State
from venue_sandbox.cloud.scheduler.jobs import Job

__all__ = ["Shelf"]

FILE = "cloud_scheduler.sqlite"
SCHEMA = "CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID"


class Shelf:
    """What the scheduler remembers of its jobs; executions are forgotten, but for the last attempt of each job.

    Parameters
    ----------
    folder
        Where to keep it over restarts; None keeps it in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._database = opened(folder, FILE, SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def load(self) -> dict[str, Entry]:
        """Return every job by its full name, as it was kept last."""
        rows = self._database.execute("SELECT name, entry FROM jobs ORDER BY name")
        return {name: _read(json.loads(text)) for name, text in rows}

    def keep(self, entry: Entry) -> None:
        """Remember how a job stands."""
        attempt = None if entry.attempt is None else {**asdict(entry.attempt), "at": entry.attempt.at.isoformat()}
        row = {
            "settings": entry.job.settings,
            "state": entry.state.value,
            "changed": entry.changed.isoformat(),
            "due": None if entry.due is None else entry.due.isoformat(),
            "attempt": attempt,
        }
        self._database.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?)", (entry.job.name, json.dumps(row)))

    def drop(self, name: str) -> None:
        """Forget a job."""
        self._database.execute("DELETE FROM jobs WHERE name = ?", (name,))


def _read(row: dict[str, Any]) -> Entry:
    due, attempt = row["due"], row["attempt"]
    return Entry(
        Job.read(row["settings"]),
        datetime.fromisoformat(row["changed"]),
        None if due is None else datetime.fromisoformat(due),
        State(row["state"]),
        None if attempt is None else Attempt(at=datetime.fromisoformat(attempt.pop("at")), **attempt),
    )
