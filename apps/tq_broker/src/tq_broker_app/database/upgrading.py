"""Looking how far the tables are, and having them brought up to date where they are behind."""

from __future__ import annotations

import subprocess
import sys

from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.redaction import redact
from sqlalchemy import inspect, text

from tq_broker_app.database.engine import open_engine
from tq_broker_app.database.errors import sorted_errors

__all__ = ["NEWEST", "VERSION_TABLE", "bring_up_to_date"]

VERSION_TABLE = "tq_broker_alembic"
"""The name of the table that says how far the tables are: others may use Alembic in the same database."""
NEWEST = "0002"
"""The newest migration."""
SECONDS = 120.0


def bring_up_to_date(url: str) -> None:
    """Have a process of its own migrate a database, unless it is up to date: what that needs costs memory.

    Raises
    ------
    StoreError
        The database does not answer, or could not be migrated.
    """
    if _version(url) == NEWEST:
        return
    words = (sys.executable, "-m", "tq_broker_app.database.migrating")
    try:
        done = subprocess.run(words, input=url, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise StoreError(f"database, migration: it did not end within {SECONDS:g} s") from error
    if done.returncode != 0:
        said = done.stderr.strip().rpartition("\n")[2] or f"it ended with status {done.returncode}"
        raise StoreError(redact(said))


def _version(url: str) -> str | None:
    """Return how far the tables are; None where they were never made by us."""
    engine = open_engine(url)
    try:
        with sorted_errors("migration"), engine.connect() as connection:
            if not inspect(connection).has_table(VERSION_TABLE):
                return None
            return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()
    finally:
        engine.dispose()
