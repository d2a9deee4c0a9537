"""A `VersionedStore` in one table of a SQL database: PostgreSQL, or a SQLite file on a laptop."""

from __future__ import annotations

import secrets
import sqlite3
import time
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Executable,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    bindparam,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from quant_platform_kit.adapters.durable_files import make_folders
from quant_platform_kit.adapters.limited_answers import limit_answers
from quant_platform_kit.adapters.store_keys import TIMEOUT_SECONDS, check_key, check_prefix
from quant_platform_kit.domain.errors import Conflict, InvalidInput, StoreError
from quant_platform_kit.ports.versioned_store import Stored

__all__ = ["SqlStore"]

T = TypeVar("T")

ANSWERS_IN_ONE_CALL = 5
"""The most answers that one call waits for: two connections, two statements and a read-back."""

READ_AT_ONCE = 500
"""Objects that one statement reads."""
STEP_BITS = 36
MOST_GENERATION = 1 << 62
BUSY_PAUSE_SECONDS = 0.02

_OBJECTS = Table(
    "versioned_objects",
    MetaData(),
    # Bytes, not a language, order the keys: a prefix is then a range of the index.
    Column("key", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
_CREATE = text(
    "INSERT INTO versioned_objects (key, data, generation, updated_at) "
    "VALUES (:key, :data, :own, CURRENT_TIMESTAMP) ON CONFLICT (key) DO NOTHING"
)
_REPLACE = text(
    "UPDATE versioned_objects SET data = :data, generation = :own, updated_at = CURRENT_TIMESTAMP "
    "WHERE key = :key AND generation = :expected"
)
_GENERATIONS = select(_OBJECTS.c.key, _OBJECTS.c.generation).where(
    _OBJECTS.c.key.in_(bindparam("keys", expanding=True))
)
_GET = select(_OBJECTS.c.data, _OBJECTS.c.generation).where(_OBJECTS.c.key == bindparam("key"))
_GET_ALL = select(_OBJECTS.c.key, _OBJECTS.c.data, _OBJECTS.c.generation).where(
    _OBJECTS.c.key.in_(bindparam("keys", expanding=True))
)
_KEYS = select(_OBJECTS.c.key).order_by(_OBJECTS.c.key)
_KEYS_BETWEEN = _KEYS.where(_OBJECTS.c.key >= bindparam("prefix"), _OBJECTS.c.key < bindparam("behind"))
_NOW = {
    "postgresql": text("SELECT clock_timestamp()"),
    "sqlite": text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"),
}


class SqlStore:
    """Objects as rows of the table ``versioned_objects``, which is made where it is missing.

    A write is one statement that commits by itself, so that one round trip makes it durable. Generations ascend by
    steps drawn at random: the generation a writer drew tells its own write from any other. A write whose answer was
    lost is therefore sent again, once, on a new connection, and counts as made if its generation is found.

    Parameters
    ----------
    url
        ``postgresql+psycopg://user:password@host/database``, straight to the server, not through a pooler that
        changes sessions between statements; or ``sqlite:///file``, never on a network file system.
    timeout_seconds
        How long one call may take. A call waits for at most five answers, each for a fifth of it.
    """

    def __init__(self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._engine = _open_engine(url, timeout_seconds)
        self._closing = weakref.finalize(self, self._engine.dispose)
        with _store_errors("table versioned_objects"):
            _make_table(self._engine)

    def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        self._engine.dispose()

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist; see `VersionedStore.create`."""
        return self._write(_CREATE, key, data, 0)

    def create_all(self, objects: Mapping[str, bytes]) -> None:
        """Write objects that must not exist, all of them or none; see `BatchStore.create_all`."""
        for key in objects:
            check_key(key)
        own = 1 + secrets.randbits(STEP_BITS)
        values: dict[str, object] = {"own": own}
        for number, (key, data) in enumerate(objects.items()):
            values |= {f"key{number}": key, f"data{number}": data}

        def write(connection: Connection) -> None:
            try:
                connection.execute(_create_all(len(objects)), values)
            except IntegrityError:
                rows = connection.execute(_GENERATIONS, {"keys": list(objects)})
                found = {row.key: row.generation for row in rows}
                if found != dict.fromkeys(objects, own):  # a write whose answer was lost is there as a whole
                    taken = [f"{key} has generation {one}" for key, one in sorted(found.items()) if one != own]
                    raise Conflict(f"{', '.join(taken)}; expected was no object") from None

        self._ask(f"objects {', '.join(objects)}", write)

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object of a known generation; see `VersionedStore.replace`."""
        if not 0 < generation < MOST_GENERATION:
            check_key(key)
            raise Conflict(f"{key} never has generation {generation}; generations begin with 1")
        return self._write(_REPLACE, key, data, generation)

    def get(self, key: str) -> Stored | None:
        """Return an object; see `VersionedStore.get`."""
        check_key(key)
        row = self._ask(f"object {key}", lambda connection: connection.execute(_GET, {"key": key}).one_or_none())
        return None if row is None else Stored(bytes(row.data), row.generation)

    def get_all(self, keys: Sequence[str]) -> dict[str, Stored]:
        """Return objects by key; see `BatchStore.get_all`."""
        for key in keys:
            check_key(key)
        found: dict[str, Stored] = {}
        for begin in range(0, len(keys), READ_AT_ONCE):
            some = list(keys[begin : begin + READ_AT_ONCE])
            what = f"objects {some[0]} and {len(some) - 1} more"
            rows = self._ask(what, lambda connection, some=some: connection.execute(_GET_ALL, {"keys": some}).all())
            found |= {row.key: Stored(bytes(row.data), row.generation) for row in rows}
        return found

    def now(self) -> datetime:
        """Return the database's time."""
        statement = _NOW[self._engine.dialect.name]
        value = self._ask("time", lambda connection: connection.execute(statement).scalar_one())
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC)

    def keys(self, prefix: str) -> list[str]:
        """Return every key with a prefix; see `VersionedStore.keys`."""
        check_prefix(prefix)
        statement, values = _KEYS, dict[str, str]()
        if prefix:
            statement, values = _KEYS_BETWEEN, {"prefix": prefix, "behind": _behind(prefix)}
        return list(
            self._ask(f"keys {prefix}*", lambda connection: connection.execute(statement, values).scalars().all())
        )

    def keys_of(self, prefixes: Sequence[str]) -> list[str]:
        """Return every key with one of some prefixes; see `BatchStore.keys_of`."""
        for prefix in prefixes:
            check_prefix(prefix)
        values = {
            name: value
            for number, prefix in enumerate(prefixes)
            for name, value in ((f"prefix{number}", prefix), (f"behind{number}", _behind(prefix)))
        }
        statement, what = _keys_of(len(prefixes)), ", ".join(f"{prefix}*" for prefix in prefixes)
        found = self._ask(f"keys {what}", lambda connection: connection.execute(statement, values).scalars().all())
        return sorted(found)

    def _write(self, statement: Executable, key: str, data: bytes, expected: int) -> int:
        """Write an object that must have an expected generation, 0 for none; return the new one."""
        check_key(key)
        own = expected + 1 + secrets.randbits(STEP_BITS)
        values = {"key": key, "data": data, "own": own, "expected": expected}

        def write(connection: Connection) -> int:
            if connection.execute(statement, values).rowcount != 1:
                _require_own(connection, key, own, expected)
            return own

        return self._ask(f"object {key}", write)

    def _ask(self, what: str, question: Callable[[Connection], T]) -> T:
        """Put a question to the database, and once more where the connection is lost before the answer came."""
        with _store_errors(what):
            try:
                with self._engine.connect() as connection:
                    return question(connection)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            with self._engine.connect() as connection:
                return question(connection)


@cache
def _create_all(count: int) -> TextClause:
    """Return the statement that writes so many objects: it fails as a whole."""
    rows = ", ".join(f"(:key{number}, :data{number}, :own, CURRENT_TIMESTAMP)" for number in range(count))
    return text(f"INSERT INTO versioned_objects (key, data, generation, updated_at) VALUES {rows}")


@cache
def _keys_of(count: int) -> TextClause:
    """Return the statement that lists so many ranges of keys, each from the index."""
    return text(
        " UNION ALL ".join(
            f"SELECT key FROM versioned_objects WHERE key >= :prefix{number} AND key < :behind{number}"
            for number in range(count)
        )
    )


def _behind(prefix: str) -> str:
    """Return the first text behind all that start with a prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _require_own(connection: Connection, key: str, own: int, expected: int) -> None:
    """Raise `Conflict` unless an object has the generation that its writer drew."""
    statement = select(_OBJECTS.c.generation).where(_OBJECTS.c.key == key)
    found = connection.execute(statement).scalar_one_or_none()
    if found != own:
        present = "no object" if found is None else f"generation {found}"
        wanted = f"generation {expected}" if expected else "no object"
        raise Conflict(f"{key} has {present}; expected was {wanted}")


@contextmanager
def _store_errors(what: str) -> Generator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = error.orig if isinstance(error, DBAPIError) and error.orig else error
        raise StoreError(f"store {what}: {' '.join(str(reason).split())}") from error


def _make_table(engine: Engine) -> None:
    """Make the table unless it is there; of several processes that try at once, one does."""
    try:
        _OBJECTS.create(engine, checkfirst=True)
    except DBAPIError:
        if not inspect(engine).has_table(_OBJECTS.name):
            raise


def _open_engine(url: str, timeout_seconds: float) -> Engine:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidInput("the store URL cannot be read: write postgresql+psycopg://user:password@host/db") from None
    open_engine = _open_sqlite if address.get_backend_name() == "sqlite" else _open_postgresql
    return open_engine(address, timeout_seconds)


def _open_postgresql(address: URL, timeout_seconds: float) -> Engine:
    seconds = timeout_seconds / ANSWERS_IN_ONE_CALL
    # A server may be set to answer before a commit is on its disk; this session is not.
    settings = f"-c synchronous_commit=on -c statement_timeout={max(1, int(seconds * 900))}"
    given = address.query.get("options", ())
    options = " ".join([*([given] if isinstance(given, str) else given), settings])
    engine = create_engine(
        address.difference_update_query(["options"]),
        isolation_level="AUTOCOMMIT",
        pool_timeout=seconds,
        use_native_hstore=False,
        connect_args={
            "connect_timeout": max(1, int(seconds)),
            "options": options,
            "target_session_attrs": "read-write",
            "prepare_threshold": None,
        },
    )

    limit_answers(engine, seconds)
    return engine


def _open_sqlite(address: URL, timeout_seconds: float) -> Engine:
    if not address.database or address.database == ":memory:":
        raise InvalidInput("a store in memory would be lost: write sqlite:///file, or sqlite:////absolute/file")
    folder = Path(address.database).absolute().parent
    try:
        make_folders(folder)
    except OSError as error:
        raise StoreError(f"store folder {folder}: {error.strerror}") from error
    engine = create_engine(
        address,
        isolation_level="AUTOCOMMIT",
        pool_timeout=timeout_seconds,
        connect_args={"timeout": timeout_seconds},
    )

    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        _use_write_ahead_log(connection, time.monotonic() + timeout_seconds)
        # The log is on the disk before a commit returns, on macOS through its cache too.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")

    event.listen(engine, "connect", prepare)
    return engine


def _use_write_ahead_log(connection: sqlite3.Connection, deadline: float) -> None:
    """Let readers and a writer work at once; the switch does not wait for other connections by itself."""
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(BUSY_PAUSE_SECONDS)
    if mode != "wal":
        raise sqlite3.OperationalError(f"no write-ahead log on this file system, but {mode}; use a local disk")
