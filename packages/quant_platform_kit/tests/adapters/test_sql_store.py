"""The SQL store on a SQLite file: the contract, durability settings, several processes, and which URL opens what."""

from __future__ import annotations

import builtins
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.sql_store import SqlStore
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import Conflict, InvalidInput, QuantError, StoreError
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.testing.store_contract import BatchStoreContract, StoreContract, StoreProcessContract
from sqlalchemy import event

OPENERS = 6
OPEN = """
import sys
from quant_platform_kit.adapters.sql_store import SqlStore

print("ready", flush=True)
sys.stdin.readline()
store = SqlStore(sys.argv[1])
store.create(sys.argv[2], b"{}")
"""
DIE = """
import os, signal, sys
from quant_platform_kit.adapters.sql_store import SqlStore

store = SqlStore(sys.argv[1])
generation = store.create("created", b"old")
store.replace("created", b"new", generation)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "store.sqlite"


@pytest.fixture
def reopen(path: Path) -> Generator[Callable[[], SqlStore]]:
    opened: list[SqlStore] = []

    def open_again() -> SqlStore:
        opened.append(SqlStore(f"sqlite:///{path}"))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], SqlStore]) -> SqlStore:
    return reopen()


@pytest.fixture
def address(path: Path) -> dict[str, str]:
    return {"url": f"sqlite:///{path}"}


class TestSqliteStore(StoreContract, StoreProcessContract, BatchStoreContract):
    """S1 to S23, P1 and P2, B1 to B5."""


def test_a_commit_is_on_the_disk_before_it_returns(store: SqlStore) -> None:
    with store._engine.connect() as connection:
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


def test_a_killed_writer_leaves_what_it_was_told_is_written(path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", DIE, f"sqlite:///{path}"], check=False)
    assert killed.returncode == -9
    store = SqlStore(f"sqlite:///{path}")
    stored = store.get("created")
    store.close()
    assert stored is not None
    assert stored.data == b"new"


def test_processes_that_open_a_new_file_at_once_all_succeed(path: Path) -> None:
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, f"sqlite:///{path}", f"opener-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(OPENERS)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    complaints = []
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    complaints = [opener.communicate()[1] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * OPENERS, complaints
    store = SqlStore(f"sqlite:///{path}")
    assert store.keys("opener-") == [f"opener-{number}" for number in range(OPENERS)]
    store.close()


def test_a_listing_reads_a_range_of_the_index(store: SqlStore) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", note)
    store.keys("orders/q_1/")
    ((statement, parameters),) = asked
    with store._engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    assert [step.detail for step in plan] == [
        "SEARCH versioned_objects USING COVERING INDEX sqlite_autoindex_versioned_objects_1 (key>? AND key<?)"
    ]


def test_a_call_is_one_statement_and_a_conflict_two(store: SqlStore) -> None:
    asked: list[str] = []
    event.listen(store._engine, "before_cursor_execute", lambda *given: asked.append(given[2].split()[0]))

    def statements(call: Callable[[], object]) -> list[str]:
        asked.clear()
        call()
        return asked.copy()

    def losing() -> None:
        with pytest.raises(Conflict):
            store.create("lease", b"{}")

    generations: list[int] = []
    assert statements(lambda: generations.append(store.create("lease", b"{}"))) == ["INSERT"]
    assert statements(lambda: store.replace("lease", b"{}", generations[0])) == ["UPDATE"]
    assert statements(lambda: store.get("lease")) == ["SELECT"]
    assert statements(lambda: store.keys("")) == ["SELECT"]
    assert statements(store.now) == ["SELECT"]
    assert statements(losing) == ["INSERT", "SELECT"]


def test_a_locked_file_is_a_store_error_and_nothing_is_written(path: Path, store: SqlStore) -> None:
    generation = store.create("lease", b"old")
    hurried = SqlStore(f"sqlite:///{path}", timeout_seconds=0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="object new: database is locked") as caught:
        hurried.create("new", b"{}")
    assert not isinstance(caught.value, Conflict)
    with pytest.raises(StoreError, match="object lease: database is locked"):
        hurried.replace("lease", b"new", generation)
    assert hurried.get("lease") == Stored(b"old", generation), "readers do not wait for a writer"
    other.close()
    hurried.close()
    assert store.keys("") == ["lease"]


def test_a_file_that_is_no_database_is_a_store_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is not a database, but longer than its header would be" * 20)
    with pytest.raises(StoreError, match="file is not a database"):
        SqlStore(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=rf"{tmp_path}/file/below: Not a directory"):
        SqlStore(f"sqlite:///{tmp_path}/file/below/store.sqlite")


def test_generations_only_ascend(store: SqlStore) -> None:
    generations = [store.create("lease", b"")]
    for _ in range(20):
        generations.append(store.replace("lease", b"", generations[-1]))
    assert generations == sorted(set(generations))
    assert 0 < generations[-1] < 1 << 63


def test_two_stores_never_count_alike(tmp_path: Path) -> None:
    """After a backup was restored, a generation read before it fits nothing that was written after it."""
    stores = [SqlStore(f"sqlite:///{tmp_path}/{name}.sqlite") for name in ("first", "second")]
    assert len({store.create("lease", b"") for store in stores}) == 2
    for store in stores:
        store.close()


def test_a_url_opens_the_store_that_it_names(tmp_path: Path) -> None:
    opened = open_store(f"file://{tmp_path}/a%20folder")
    assert isinstance(opened, FileStore)
    assert opened.root == tmp_path / "a folder"
    opened = open_store(f"sqlite:///{tmp_path}/store.sqlite")
    assert isinstance(opened, SqlStore)
    opened.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no store has a URL that starts with ''; use file:///folder, sqlite:///file, postgresql"),
        ("store", "no store has a URL that starts with 'store'"),
        ("s3://bucket", "no store has a URL that starts with 's3'"),
        ("postgresql://host/database", "no store has a URL that starts with 'postgresql'; use .*postgresql\\+psycopg"),
        ("file://folder/below", "write a folder as file:///absolute/path"),
        ("file:folder", "write a folder as file:///absolute/path"),
        ("file:///folder?mode=ro", "write a folder as file:///absolute/path"),
        ("sqlite://", "a store in memory would be lost: write sqlite:///file"),
        ("sqlite:///:memory:", "a store in memory would be lost"),
        ("postgresql+psycopg://host:port/database", "the store URL cannot be read"),
        ("gs://", "write it as gs://bucket or gs://bucket/prefix"),
        ("gs://bucket/prefix?x=1", "write it as gs://bucket or gs://bucket/prefix"),
        ("gs://Bucket", "'Bucket' is no name of a bucket"),
    ],
)
def test_any_other_url_is_refused_in_one_line(url: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        open_store(url, endpoint="http://127.0.0.1:9" if url.startswith("gs:") else None)
    assert "\n" not in str(caught.value)


def test_an_endpoint_is_for_cloud_storage_only(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"http://127.0.0.1:9, is for gs:// stores only"):
        open_store(f"file://{tmp_path}", endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("postgresql+psycopg://host/database", "sqlalchemy", "sql"),
        ("sqlite:///file", "psycopg", "sql"),
        ("gs://bucket", "google.auth", "gcp"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str
) -> None:
    for adapter in ("gs_store", "sql_store", "limited_answers"):
        monkeypatch.delitem(sys.modules, f"quant_platform_kit.adapters.{adapter}", raising=False)
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == module or name.startswith(f"{module}."):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    scheme = url.partition(":")[0].replace("+", r"\+")
    with pytest.raises(
        InvalidInput, match=rf"^a {scheme}: store needs {module}: install quant-platform-kit\[{extra}\]$"
    ):
        open_store(url)


def test_a_message_never_holds_the_password() -> None:
    with pytest.raises(QuantError) as caught:
        open_store("postgresql+psycopg://user:pass-word-7@127.0.0.1:nonsense/database")
    assert "pass-word-7" not in str(caught.value)
