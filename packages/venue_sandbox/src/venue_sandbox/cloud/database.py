"""What a server keeps over restarts: a SQLite file, or memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path

__all__ = ["opened"]


def opened(folder: Path | None, file: str, schema: str) -> sqlite3.Connection:
    """Return a database with its tables, made if they are not there; every statement takes effect at once.

    Parameters
    ----------
    folder
        Where the file is kept, made if it is not there; None keeps the database in memory.
    schema
        Statements that make what is missing.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(":memory:" if folder is None else folder / file, isolation_level=None)
    # A killed server loses nothing with this; only a machine that loses power would.
    database.execute("PRAGMA synchronous = OFF")
    database.executescript(schema)
    return database
