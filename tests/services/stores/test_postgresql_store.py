"""The SQL store on PostgreSQL: the contract, and what becomes of a write when the server or the network fails."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from quant_platform_kit.adapters.sql_store import SqlStore
from quant_platform_kit.domain.errors import Conflict, StoreError
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.testing.store_contract import BatchStoreContract, StoreContract, StoreProcessContract
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from venue_sandbox.servers.launch import Server

INSERT = "INSERT INTO versioned_objects"
UPDATE = "UPDATE versioned_objects"
SECONDS = 10.0
"""How long a call of the stores behind the proxy may take: one answer may take two of them."""

WRITES = {"create": INSERT, "create_all": INSERT, "replace": UPDATE}

Open = Callable[..., SqlStore]
Write = Callable[[SqlStore, bytes], int]


def text(address: URL) -> str:
    return address.render_as_string(hide_password=False)


@pytest.fixture
def open_at() -> Generator[Open]:
    """Return a function that opens a store; it is closed after the test."""
    opened: list[SqlStore] = []

    def open_store(address: URL, seconds: float = SECONDS) -> SqlStore:
        opened.append(SqlStore(text(address), timeout_seconds=seconds))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def reopen(database: URL, open_at: Open) -> Callable[[], SqlStore]:
    return lambda: open_at(database)


@pytest.fixture
def store(reopen: Callable[[], SqlStore]) -> SqlStore:
    return reopen()


@pytest.fixture
def address(database: URL) -> dict[str, str]:
    return {"url": text(database)}


@pytest.fixture
def behind_proxy(database: URL, proxy: Server, open_at: Open) -> SqlStore:
    """Return a store whose connections pass the proxy."""
    return open_at(database.set(host="127.0.0.1", port=proxy.port))


@pytest.fixture
def administrator(database: URL) -> Generator[Engine]:
    """Return a connection of another client to the same schema."""
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(params=WRITES)
def write(request: pytest.FixtureRequest, store: SqlStore) -> Write:
    """Return a write of the object ``lease``: its creation, with another one or not, or its replacement after it."""
    if request.param == "create":
        return lambda client, data: client.create("lease", data)
    if request.param == "create_all":
        return _create_two
    generation = store.create("lease", b"before")
    return lambda client, data: client.replace("lease", data, generation)


def _create_two(client: SqlStore, data: bytes) -> int:
    client.create_all({"beside": b"{}", "lease": data})
    stored = client.get("lease")
    assert stored is not None
    return stored.generation


@pytest.fixture
def statement(request: pytest.FixtureRequest) -> str:
    """Return how the statement of that write begins."""
    return WRITES[request.node.callspec.params["write"]]


class TestPostgresqlStore(StoreContract, StoreProcessContract, BatchStoreContract):
    """S1 to S23, P1 and P2, B1 to B5."""


# --- the server as it should be ------------------------------------------------------------------


def test_a_call_is_one_round_trip_and_a_conflict_two(behind_proxy: SqlStore, proxy: Server) -> None:
    behind_proxy.now()

    def turns(call: Callable[[], object]) -> int:
        proxy.forget_requests()
        call()
        counted = proxy.requests()
        assert "connection" not in counted, "the connection is kept"
        return counted["turn"]

    def losing() -> None:
        with pytest.raises(Conflict):
            behind_proxy.create("lease", b"{}")

    generations: list[int] = []
    for number in range(10):
        # More often than the number of uses after which a driver prepares statements on the server.
        assert turns(lambda key=f"objects/{number}": behind_proxy.create(key, b"{}")) == 1
    assert turns(lambda: generations.append(behind_proxy.create("lease", b"{}"))) == 1
    assert turns(lambda: behind_proxy.replace("lease", b"{}", generations[0])) == 1
    assert turns(lambda: behind_proxy.get("lease")) == 1
    assert turns(lambda: behind_proxy.keys("objects/")) == 1
    assert turns(lambda: behind_proxy.create_all({"together/a": b"{}", "together/b": b"{}"})) == 1
    assert turns(lambda: behind_proxy.keys_of(["objects/", "together/"])) == 1
    assert turns(behind_proxy.now) == 1
    assert turns(losing) == 2


def test_a_listing_reads_a_range_of_the_index(store: SqlStore, administrator: Engine) -> None:
    with administrator.connect() as connection:
        connection.exec_driver_sql(
            "INSERT INTO versioned_objects SELECT 'orders/q_' || n || '/1', '', 1, now() "
            "FROM generate_series(1, 5000) AS n"
        )
        connection.exec_driver_sql("ANALYZE versioned_objects")
    asked: list[tuple[str, Any]] = []
    event.listen(store._engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    assert store.keys("orders/q_12/") == ["orders/q_12/1"]
    ((question, parameters),) = asked
    with store._engine.connect() as connection:
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {question}", parameters).scalars())
    assert "Index Only Scan using versioned_objects_pkey" in plan
    condition = "Index Cond: ((key >= 'orders/q_12/'::text) AND (key < 'orders/q_120'::text))"
    assert condition in plan.replace(' COLLATE "C"', "")


def test_keys_are_ordered_by_bytes_whatever_the_language_of_the_database(
    store: SqlStore, administrator: Engine
) -> None:
    with administrator.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT data_type, collation_name FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND table_name = 'versioned_objects' ORDER BY ordinal_position"
        ).fetchall()
    assert [tuple(row) for row in found] == [
        ("text", "C"),
        ("bytea", None),
        ("bigint", None),
        ("timestamp with time zone", None),
    ]


def test_a_commit_is_on_the_disk_before_it_returns_whatever_the_url_says(database: URL, open_at: Open) -> None:
    hasty = database.update_query_dict({"options": f"{database.query['options']} -csynchronous_commit=off"})
    with open_at(hasty)._engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_server_that_takes_no_writes_is_refused(database: URL) -> None:
    """As a standby is, whose content may be old."""
    standby = database.update_query_dict({"options": f"{database.query['options']} -cdefault_transaction_read_only=on"})
    with pytest.raises(StoreError, match="session is read-only"):
        SqlStore(text(standby))


def test_clients_that_open_a_new_schema_at_once_all_succeed(database: URL, open_at: Open) -> None:
    start = threading.Barrier(8)

    def open_together(number: int) -> int:
        start.wait()
        return open_at(database).create(f"objects/{number}", b"{}")

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(open_together, range(8)))
    assert len(open_at(database).keys("objects/")) == 8


def test_a_role_that_may_not_make_tables_can_use_the_one_that_is_there(
    database: URL, store: SqlStore, administrator: Engine, open_at: Open
) -> None:
    schema = str(database.query["options"]).rpartition("=")[2]
    store.create("lease", b"{}")
    with administrator.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {schema}_user LOGIN PASSWORD 'user'")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {schema}_user")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE ON versioned_objects TO {schema}_user")
        try:
            assert open_at(database.set(username=f"{schema}_user", password="user")).keys("") == ["lease"]
        finally:
            connection.exec_driver_sql(f"DROP OWNED BY {schema}_user")
            connection.exec_driver_sql(f"DROP ROLE {schema}_user")


# --- answers that are lost -----------------------------------------------------------------------


def test_a_lost_answer_to_a_write_that_was_made_is_success(
    behind_proxy: SqlStore, proxy: Server, store: SqlStore, write: Write, statement: str
) -> None:
    proxy.fault("drop_after", operation=statement)
    generation = write(behind_proxy, b"own")
    assert store.get("lease") == Stored(b"own", generation)


def test_a_write_that_never_arrived_is_made(
    behind_proxy: SqlStore, proxy: Server, store: SqlStore, write: Write, statement: str
) -> None:
    proxy.fault("drop_before", operation=statement)
    generation = write(behind_proxy, b"own")
    assert store.get("lease") == Stored(b"own", generation)


def test_a_write_that_never_arrived_loses_to_another_made_meanwhile(
    behind_proxy: SqlStore, proxy: Server, store: SqlStore, write: Write, statement: str
) -> None:
    proxy.fault("drop_before", operation=statement)
    proxy.fault("slow", operation=statement, seconds=1.0)
    with ThreadPoolExecutor(1) as pool:
        losing = pool.submit(write, behind_proxy, b"own")
        time.sleep(0.2)
        generation = write(store, b"another's")
        with pytest.raises(Conflict, match=f"lease has generation {generation}"):
            losing.result()
    assert store.get("lease") == Stored(b"another's", generation)


def test_a_silent_server_is_given_up_and_asked_again(
    behind_proxy: SqlStore, proxy: Server, store: SqlStore, write: Write, statement: str
) -> None:
    proxy.fault("silent", operation=statement)
    begin = time.monotonic()
    generation = write(behind_proxy, b"own")
    assert 1.5 < time.monotonic() - begin < SECONDS
    assert store.get("lease") == Stored(b"own", generation)


def test_a_write_that_arrives_after_it_was_given_up_changes_nothing(
    behind_proxy: SqlStore, proxy: Server, store: SqlStore, write: Write, statement: str
) -> None:
    """The statement is on its way for three seconds; the client gave it up after two and sent it again."""
    proxy.fault("slow", operation=statement, seconds=3.0)
    generation = write(behind_proxy, b"own")
    last = store.replace("lease", b"later", generation)
    time.sleep(2.0)
    assert store.get("lease") == Stored(b"later", last)


def test_a_read_is_asked_again(behind_proxy: SqlStore, proxy: Server, store: SqlStore) -> None:
    generation = store.create("lease", b"{}")
    for kind in ("drop_before", "drop_after", "silent"):
        proxy.fault(kind, operation="SELECT versioned_objects.data")
        assert behind_proxy.get("lease") == Stored(b"{}", generation)


@pytest.mark.parametrize(("kind", "made"), [("drop_before", False), ("drop_after", True), ("silent", True)])
def test_a_failure_that_stays_is_a_store_error_in_time(
    behind_proxy: SqlStore, proxy: Server, kind: str, made: bool
) -> None:
    proxy.fault(kind, operation="*", times=None)
    begin = time.monotonic()
    with pytest.raises(StoreError) as caught:
        behind_proxy.create("lease", b"{}")
    assert not isinstance(caught.value, Conflict)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begin < SECONDS
    proxy.clear()
    assert behind_proxy.keys("") == (["lease"] if made else [])


# --- servers that go away ------------------------------------------------------------------------


def test_a_server_that_is_down_is_a_store_error_until_it_is_back(
    database: URL, proxy: Server, behind_proxy: SqlStore, start: Callable[..., Server]
) -> None:
    behind_proxy.create("earlier", b"{}")
    proxy.kill()
    for call in (lambda: behind_proxy.create("lease", b"{}"), lambda: behind_proxy.get("earlier"), behind_proxy.now):
        with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
            call()
    start("servers.fault_proxy", "--to", f"{database.host}:{database.port}", "--port", str(proxy.port))
    assert behind_proxy.keys("") == ["earlier"]
    behind_proxy.create("lease", b"{}")


def test_opening_a_store_whose_server_is_down_is_a_store_error_without_the_password(database: URL) -> None:
    with pytest.raises(StoreError, match="Connection refused") as caught:
        SqlStore(text(database.set(host="127.0.0.1", port=1, password="pass-word-7")))
    assert "pass-word-7" not in str(caught.value)


def test_a_connection_that_died_in_the_pool_is_replaced(store: SqlStore, administrator: Engine) -> None:
    for number in range(3):
        with store._engine.connect() as connection:
            process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend({process}, 5000)")
        store.create(f"objects/{number}", b"{}")
    assert len(store.keys("objects/")) == 3


def test_what_was_written_survives_a_crash_of_the_server(store: SqlStore) -> None:
    restart = os.environ.get("TEST_POSTGRES_RESTART")
    if restart is None:
        pytest.skip("the server of TEST_POSTGRES_URL is not this run's to restart")
    generation = store.create("lease", b"first")
    subprocess.run(shlex.split(restart), cwd="/", stdout=subprocess.DEVNULL, check=True)
    assert store.get("lease") == Stored(b"first", generation)
    subprocess.run(shlex.split(restart), cwd="/", stdout=subprocess.DEVNULL, check=True)
    latest = store.replace("lease", b"second", generation)
    assert store.get("lease") == Stored(b"second", latest)


def test_a_row_that_another_session_locks_is_a_store_error_in_time(
    database: URL, store: SqlStore, administrator: Engine, open_at: Open
) -> None:
    generation = store.create("lease", b"old")
    hurried = open_at(database, 2.5)
    with administrator.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT 1 FROM versioned_objects WHERE key = 'lease' FOR UPDATE")
        begin = time.monotonic()
        with pytest.raises(StoreError, match="object lease: canceling statement due to statement timeout"):
            hurried.replace("lease", b"new", generation)
        assert time.monotonic() - begin < 5
        connection.exec_driver_sql("ROLLBACK")
    assert store.get("lease") == Stored(b"old", generation)
