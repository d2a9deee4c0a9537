"""What is written to PostgreSQL, as far as it can be seen without one: statements, migrations, rows and errors."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.schema import CreateTable
from tq_broker_app.database.engine import open_engine
from tq_broker_app.database.errors import sorted_errors
from tq_broker_app.database.merging import upsert
from tq_broker_app.database.migrating import migrate, migration_sql
from tq_broker_app.database.rows import Mismatch, OrderRow
from tq_broker_app.database.tables import METADATA, ORDER_EVENT, ORDER_HISTORY
from tq_broker_app.database.upgrading import NEWEST, bring_up_to_date

DOCUMENTED = {
    "order_history": """
        id VARCHAR exchange_order_id VARCHAR portfolio_id VARCHAR symbol VARCHAR direction VARCHAR offset VARCHAR
        status VARCHAR volume_orign INTEGER volume_left INTEGER filled_quantity INTEGER limit_price NUMERIC
        trade_price NUMERIC insert_date_time BIGINT created_at TIMESTAMP updated_at TIMESTAMP
    """,
    "order_event": """
        id INTEGER order_id VARCHAR portfolio_id VARCHAR status VARCHAR msg JSONB created_at TIMESTAMP
    """,
}


def row(**changes: object) -> OrderRow:
    known = {
        "id": "a",
        "exchange_order_id": "",
        "portfolio_id": "p",
        "symbol": "SHFE.rb2505",
        "direction": "BUY",
        "offset": "OPEN",
        "status": "ALIVE",
        "volume_orign": 2,
        "volume_left": 2,
        "filled_quantity": 0,
    }
    return OrderRow(**{**known, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("table", "added"), [("order_history", 4), ("order_event", 1)])
def test_the_documented_columns_come_first_and_are_what_they_are(table: str, added: int) -> None:
    columns = [(column.name, str(column.type)) for column in METADATA.tables[table].columns]
    words = DOCUMENTED[table].split()
    assert columns[:-added] == list(zip(words[::2], words[1::2], strict=True))


def test_what_was_added_may_be_absent_but_for_the_id_of_an_event() -> None:
    assert all(ORDER_HISTORY.c[name].nullable for name in ("parent_order_id", "trading_day", "reason"))
    assert not ORDER_EVENT.c.event_id.nullable


def test_offset_is_a_reserved_word_and_quoted_wherever_it_stands() -> None:
    table = str(CreateTable(ORDER_HISTORY).compile(dialect=postgresql.dialect()))
    for text in (table, migration_sql(), str(upsert().compile(dialect=postgresql.dialect()))):  # type: ignore[attr-defined]
        assert '"offset"' in text
        assert not re.search(r'(?<!["(])\boffset\b(?!["\)])', text)


def test_a_row_that_is_there_is_merged_in_the_same_statement() -> None:
    text = str(upsert().compile(dialect=postgresql.dialect()))  # type: ignore[attr-defined]
    assert "ON CONFLICT (id) DO UPDATE SET" in text
    assert "filled_quantity = greatest(order_history.filled_quantity, excluded.filled_quantity)" in text
    assert "volume_left = least(order_history.volume_left, excluded.volume_left)" in text
    assert "WHERE order_history.portfolio_id = excluded.portfolio_id AND" in text
    assert "created_at" not in text.partition("DO UPDATE")[2]


def test_migrations_make_the_tables_and_keep_their_own_version_table() -> None:
    text = migration_sql()
    assert "CREATE TABLE tq_broker_alembic" in text
    assert "alembic_version" not in text
    for table in DOCUMENTED:
        assert f"CREATE TABLE IF NOT EXISTS {table} (" in text
    assert "ADD CONSTRAINT uq_order_event_event_id UNIQUE (event_id)" in text
    assert text.index("SET event_id = ':' || id") < text.index("event_id SET NOT NULL")


@pytest.mark.parametrize("migration", [migrate, bring_up_to_date])
def test_migrating_without_a_server_is_an_error_of_the_store(migration: Callable[[str], None]) -> None:
    with pytest.raises(StoreError, match=r"database, migration: .*failed"):
        migration("postgresql+psycopg://nobody@/none?host=/nowhere")


def test_the_newest_migration_is_the_one_that_services_look_for() -> None:
    assert list(migration_sql().split("version_num='"))[-1].startswith(f"{NEWEST}'")


def test_a_status_or_a_price_that_can_be_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="order a: status 'DONE' is none of UNKNOWN, ALIVE, FINISHED"):
        row(status="DONE")
    with pytest.raises(InvalidInput, match="order a: limit_price NaN is not finite"):
        row(limit_price=Decimal("NaN"))
    with pytest.raises(InvalidInput, match="order a: trade_price Infinity is not finite"):
        row(trade_price=Decimal("Infinity"))


def test_a_mismatch_says_what_differs() -> None:
    mismatch = Mismatch("a", {"portfolio_id": ("1", "2"), "volume_orign": (3, 4)})
    assert mismatch.text == (
        "order a is another one: portfolio_id is '1', the update says '2'; volume_orign is 3, the update says 4"
    )


# --- whose fault an error is -----------------------------------------------------------------------


def raised(error: Exception) -> Exception:
    with pytest.raises((InvalidInput, StoreError)) as told, sorted_errors("order a"):
        raise error
    assert str(told.value).startswith("database, order a: ")
    return told.value


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.NumericValueOutOfRange,
        psycopg.errors.InvalidTextRepresentation,
        psycopg.errors.UntranslatableCharacter,
        psycopg.errors.NotNullViolation,
        psycopg.errors.ProgramLimitExceeded,
        psycopg.DataError,
        psycopg.ProgrammingError,
    ],
)
def test_values_that_cannot_be_written_are_the_messages_fault(error: type[psycopg.Error]) -> None:
    assert type(raised(DBAPIError("INSERT", {}, error("no\nway")))) is InvalidInput


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.AdminShutdown,
        psycopg.errors.CannotConnectNow,
        psycopg.errors.TooManyConnections,
        psycopg.errors.SerializationFailure,
        psycopg.errors.DeadlockDetected,
        psycopg.errors.QueryCanceled,
        psycopg.errors.DiskFull,
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.UndefinedTable,
        psycopg.errors.InsufficientPrivilege,
    ],
)
def test_what_another_try_may_mend_is_the_stores(error: type[psycopg.Error]) -> None:
    assert type(raised(DBAPIError("INSERT", {}, error("no\nway")))) is StoreError


def test_other_errors_of_the_library_are_sorted_too() -> None:
    assert type(raised(StatementError("no JSON", "INSERT", {}, TypeError("set")))) is InvalidInput
    assert type(raised(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"))) is InvalidInput
    assert type(raised(PoolTimeoutError("no connection left"))) is StoreError


def test_an_error_that_is_nobodys_is_passed_on() -> None:
    with pytest.raises(KeyError), sorted_errors("order a"):
        raise KeyError("a defect")


# --- connections -----------------------------------------------------------------------------------


def test_options_of_an_address_are_kept_beside_our_own() -> None:
    engine = open_engine("postgresql+psycopg://u:p@h/d?options=-csearch_path%3Dother", timeout_seconds=4)
    _, given = engine.dialect.create_connect_args(engine.url)
    assert "options" not in given
    assert engine.url.database == "d"


def test_what_writes_loads_no_client_library() -> None:
    code = (
        "import sys, tq_broker_app.database.writing, tq_broker_app.database.upgrading\n"
        "print([name for name in ('tqsdk', 'pandas', 'numpy', 'aio_pika', 'alembic') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
