"""Bringing the tables up to date, at the start of whichever service comes first.

As a program it does so for the address on its standard input: a service lets a process of its own do it, whose library
is gone with it.
"""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config
from quant_platform_kit.domain.errors import QuantError
from sqlalchemy import text

from tq_broker_app.database.engine import open_engine
from tq_broker_app.database.errors import sorted_errors
from tq_broker_app.database.upgrading import VERSION_TABLE

__all__ = ["main", "migrate", "migration_sql"]

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext(:name))")
_LOCK_SECONDS = 60.0


def migrate(url: str) -> None:
    """Make the tables, or bring those that are there up to date; of several that try at once one does it.

    Tables of the documented columns that were there before are taken over with all they hold.

    Raises
    ------
    StoreError
        The database could not do it; nothing was changed.
    """
    engine = open_engine(url, timeout_seconds=_LOCK_SECONDS)
    try:
        with sorted_errors("migration"), engine.begin() as connection:
            connection.execute(_LOCK, {"name": VERSION_TABLE})
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def migration_sql() -> str:
    """Return what `migrate` does to an empty database, as SQL to read."""
    written = StringIO()
    command.upgrade(_config(written), "head", sql=True)
    return written.getvalue()


def _config(output: StringIO | None = None) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["version_table"] = VERSION_TABLE
    return config


def main() -> None:
    """Migrate the database whose address is on standard input; say on standard error why it could not be done."""
    try:
        migrate(sys.stdin.read())
    except QuantError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
