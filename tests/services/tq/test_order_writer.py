"""Orders and events in a real PostgreSQL: whatever comes twice, late or the wrong way round ends in the same rows."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from sqlalchemy import Engine, create_engine, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool
from tq_broker_app.database.engine import open_engine
from tq_broker_app.database.migrating import migrate, migration_sql
from tq_broker_app.database.rows import OrderEvent, OrderRow
from tq_broker_app.database.tables import METADATA, ORDER_EVENT, ORDER_HISTORY
from tq_broker_app.database.upgrading import bring_up_to_date
from tq_broker_app.database.writing import OrderWriter
from venue_sandbox.servers.launch import Server

D = Decimal
DAY, NEXT_DAY = "20250311", "20250312"
EARLIER, LATER, LATEST = (datetime(2025, 3, day, 1, tzinfo=UTC) for day in (11, 12, 13))
SENT = OrderRow("a", "", "p1", "SHFE.rb2505", "BUY", "OPEN", "ALIVE", 4, 4, 0, D(3500), None, None, None, DAY)
HALF = replace(
    SENT, exchange_order_id="E1", volume_left=2, filled_quantity=2, trade_price=D("3499.5"), insert_date_time=7
)
DONE = replace(HALF, status="FINISHED", volume_left=0, filled_quantity=4, trade_price=D("3499.25"))
DOCUMENTED = """
CREATE TABLE order_history (
    id VARCHAR PRIMARY KEY, exchange_order_id VARCHAR, portfolio_id VARCHAR NOT NULL, symbol VARCHAR NOT NULL,
    direction VARCHAR NOT NULL, "offset" VARCHAR NOT NULL, status VARCHAR NOT NULL, volume_orign INTEGER,
    volume_left INTEGER, filled_quantity INTEGER, limit_price DECIMAL, trade_price DECIMAL, insert_date_time BIGINT,
    created_at TIMESTAMP DEFAULT NOW(), updated_at TIMESTAMP DEFAULT NOW()
);
CREATE TABLE order_event (
    id SERIAL PRIMARY KEY, order_id VARCHAR NOT NULL, portfolio_id VARCHAR NOT NULL, status VARCHAR NOT NULL, msg JSONB,
    created_at TIMESTAMP DEFAULT NOW()
);
INSERT INTO order_history (id, portfolio_id, symbol, direction, "offset", status, filled_quantity)
    VALUES ('old', 'p1', 'DCE.m2505', 'SELL', 'CLOSE', 'ALIVE', 1);
INSERT INTO order_event (order_id, portfolio_id, status) 
    VALUES ('old', 'p1', 'PARTIAL_FILL'), ('old', 'p1', 'CANCELLED');
"""


def text(address: URL) -> str:
    return address.render_as_string(hide_password=False)


@pytest.fixture
def engine(database: URL) -> Generator[Engine]:
    migrate(text(database))
    engine = open_engine(text(database))
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> OrderWriter:
    return OrderWriter(engine)


def event(row: OrderRow, kind: str, **more: object) -> OrderEvent:
    event_id = f"{row.id}:{kind}:{row.filled_quantity}"
    return OrderEvent(event_id, row.id, row.portfolio_id, kind, {"order_id": row.id, "event_type": kind, **more})


def stored(engine: Engine, identity: str = "a") -> OrderRow:
    """Return a row as it is in the database."""
    columns = [column for column in ORDER_HISTORY.c if column.name not in ("created_at", "updated_at")]
    with engine.connect() as connection:
        found = connection.execute(select(*columns).where(ORDER_HISTORY.c.id == identity)).mappings().one()
    absent = {name: found[name] or "" for name in ("exchange_order_id", "trading_day", "reason")}
    return OrderRow(**{**found, **absent})


def events(engine: Engine, identity: str = "a") -> list[str]:
    """Return the ids of an order's events, ascending."""
    statement = select(ORDER_EVENT.c.event_id).where(ORDER_EVENT.c.order_id == identity)
    with engine.connect() as connection:
        return sorted(connection.execute(statement).scalars())


# --- migrations ------------------------------------------------------------------------------------


def test_migrations_leave_the_tables_that_are_written(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "tq_broker_alembic"})
        assert compare_metadata(context, METADATA) == []
        assert connection.exec_driver_sql("SELECT version_num FROM tq_broker_alembic").scalars().all() == ["0002"]


def test_migrating_again_changes_nothing(database: URL, engine: Engine, writer: OrderWriter) -> None:
    writer.write_update(SENT)
    migrate(text(database))
    assert stored(engine) == SENT


def test_a_service_has_tables_made_by_another_process_and_only_where_they_are_behind(
    database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_up_to_date(text(database))
    engine = create_engine(database, poolclass=NullPool)
    assert set(inspect(engine).get_table_names()) >= {"order_history", "order_event"}
    monkeypatch.setattr("tq_broker_app.database.upgrading.subprocess.run", None)
    bring_up_to_date(text(database))


def test_a_migration_that_cannot_be_made_says_why(database: URL) -> None:
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE tq_broker_alembic (version_num VARCHAR PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO tq_broker_alembic VALUES ('of the future')")
    with pytest.raises(StoreError, match="of the future"):
        bring_up_to_date(text(database))


def test_services_that_start_at_once_migrate_once(database: URL) -> None:
    together = Barrier(6)

    def start(_: int) -> None:
        together.wait()
        migrate(text(database))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, range(6)))
    engine = create_engine(database, poolclass=NullPool)
    assert set(inspect(engine).get_table_names()) >= {"order_history", "order_event", "tq_broker_alembic"}


def test_tables_that_were_there_are_taken_over_with_what_they_hold(database: URL) -> None:
    before = create_engine(database, poolclass=NullPool)
    with before.begin() as connection:
        connection.exec_driver_sql(DOCUMENTED)
    migrate(text(database))
    assert events(before, "old") == [":1", ":2"]
    row = stored(before, "old")
    assert (row.symbol, row.filled_quantity, row.parent_order_id, row.reason) == ("DCE.m2505", 1, None, "")
    finished = replace(row, status="FINISHED", volume_orign=3, filled_quantity=2, trade_price=D(3), trading_day=DAY)
    engine = open_engine(text(database))
    assert OrderWriter(engine).write_update(finished, event(finished, "CANCELLED")) is None
    assert stored(engine, "old") == finished
    engine.dispose()


def test_the_sql_to_read_is_what_is_done(database: URL, engine: Engine) -> None:
    done = MigrationContext.configure(engine.connect(), opts={"version_table": "tq_broker_alembic"})
    with create_engine(database, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("DROP TABLE order_history, order_event, tq_broker_alembic")
        connection.exec_driver_sql(migration_sql().replace("BEGIN;", "").replace("COMMIT;", ""))
    with done.connection as connection:
        assert connection is not None
        assert compare_metadata(done, METADATA) == []


# --- one order -------------------------------------------------------------------------------------


def test_an_order_goes_its_way(engine: Engine, writer: OrderWriter) -> None:
    for row, kind in ((SENT, None), (HALF, "PARTIAL_FILL"), (DONE, "COMPLETE_FILL")):
        assert writer.write_update(row, event(row, kind) if kind else None) is None
        assert stored(engine) == row
    assert events(engine) == ["a:COMPLETE_FILL:4", "a:PARTIAL_FILL:2"]


def test_what_comes_late_does_not_go_back(engine: Engine, writer: OrderWriter) -> None:
    for row in (DONE, SENT, HALF, replace(SENT, status="UNKNOWN", reason="no answer", told_at=LATER)):
        writer.write_update(row)
    assert stored(engine) == DONE


def test_an_event_unknown_is_written_once_and_only_where_the_row_is_unknown(
    engine: Engine, writer: OrderWriter
) -> None:
    lost = replace(SENT, status="UNKNOWN", reason="no answer", told_at=LATER)
    for row in (lost, lost, replace(lost, told_at=LATEST)):
        writer.write_update(row, event(row, "UNKNOWN"))
    assert events(engine) == ["a:UNKNOWN:0"]
    done = replace(DONE, id="b")
    writer.write_update(done)
    late = replace(lost, id="b")
    writer.write_update(late, event(late, "UNKNOWN"))
    assert events(engine) == ["a:UNKNOWN:0"]


def test_what_was_not_known_may_become_known(engine: Engine, writer: OrderWriter) -> None:
    unknown = replace(SENT, status="UNKNOWN", reason="no answer")
    writer.write_update(unknown)
    assert stored(engine) == unknown
    writer.write_update(HALF)
    assert stored(engine) == HALF
    writer.write_update(DONE)
    assert stored(engine) == DONE


def test_of_alive_and_unknown_the_one_that_was_told_later_counts(engine: Engine, writer: OrderWriter) -> None:
    for status, at, stays in (
        ("ALIVE", EARLIER, "ALIVE"),
        ("UNKNOWN", LATER, "UNKNOWN"),
        ("ALIVE", EARLIER, "UNKNOWN"),
        ("ALIVE", LATEST, "ALIVE"),
        ("UNKNOWN", None, "ALIVE"),
    ):
        writer.write_update(replace(SENT, status=status, told_at=at))
        assert stored(engine).status == stays


def test_a_late_trade_of_a_finished_order_counts(engine: Engine, writer: OrderWriter) -> None:
    writer.write_update(replace(HALF, status="FINISHED", reason="cancelled"))
    late = replace(HALF, status="FINISHED", volume_left=1, filled_quantity=3, trade_price=D("3499"), reason="cancelled")
    writer.write_update(late)
    writer.write_update(HALF)
    assert stored(engine) == late


def test_a_child_is_a_row_that_names_its_parent(engine: Engine, writer: OrderWriter) -> None:
    child = replace(SENT, id="a_close", offset="CLOSE", parent_order_id="a", volume_orign=1, volume_left=1)
    writer.write_update(child)
    writer.write_update(replace(child, parent_order_id=None, trading_day=""))
    assert stored(engine, "a_close") == child


def test_the_same_event_is_kept_once(engine: Engine, writer: OrderWriter) -> None:
    for number in range(3):
        writer.write_update(HALF, event(HALF, "PARTIAL_FILL", told=number))
    with engine.connect() as connection:
        (row,) = connection.execute(select(ORDER_EVENT)).mappings().all()
    assert row["msg"] == {"order_id": "a", "event_type": "PARTIAL_FILL", "told": 0}
    assert (row["status"], row["portfolio_id"]) == ("PARTIAL_FILL", "p1")


def test_an_event_alone_changes_no_order(engine: Engine, writer: OrderWriter) -> None:
    refused = event(SENT, "REJECTED", reason="id of another order")
    assert writer.write_event_only(refused)
    assert not writer.write_event_only(refused)
    with engine.connect() as connection:
        assert connection.execute(select(ORDER_HISTORY)).all() == []
    assert events(engine) == ["a:REJECTED:0"]


@pytest.mark.parametrize(
    "changed",
    [
        {"portfolio_id": "p2"},
        {"symbol": "SHFE.rb2510"},
        {"direction": "SELL"},
        {"offset": "CLOSE"},
        {"volume_orign": 5},
    ],
)
def test_an_update_of_another_order_of_that_id_changes_nothing(
    engine: Engine, writer: OrderWriter, changed: dict[str, Any]
) -> None:
    writer.write_update(HALF)
    other = replace(DONE, **changed)
    mismatch = writer.write_update(other, event(other, "COMPLETE_FILL"))
    ((name, value),) = changed.items()
    assert mismatch is not None
    assert (mismatch.order_id, mismatch.differs) == ("a", {name: (getattr(HALF, name), value)})
    assert stored(engine) == HALF
    assert events(engine) == []


def test_many_that_write_one_order_at_once_leave_its_end(engine: Engine, writer: OrderWriter) -> None:
    together, updates = Barrier(4), (SENT, HALF, DONE, HALF)

    def write(number: int) -> None:
        together.wait()
        for row in (*updates[number:], *updates[:number]):
            writer.write_update(row, event(row, row.status))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert stored(engine) == DONE
    assert events(engine) == ["a:ALIVE:0", "a:ALIVE:2", "a:FINISHED:4"]


# --- any order of updates --------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[OrderRow], list[OrderRow]]:
    """Return updates of one order, and the same ones shuffled, some of them twice."""
    volume = draw(st.integers(1, 6))
    fills = draw(st.lists(st.integers(0, volume), min_size=1, max_size=6))
    updates = [
        replace(
            SENT,
            exchange_order_id=draw(st.sampled_from(["", "E1", "E2", "E1,E2"])),
            status=draw(st.sampled_from(["UNKNOWN", "ALIVE", "ALIVE", "FINISHED"])),
            volume_orign=draw(st.sampled_from([volume, volume, None])),
            volume_left=draw(st.sampled_from([volume - filled, None])),
            filled_quantity=filled,
            limit_price=draw(st.sampled_from([D(3500), None])),
            trade_price=draw(st.sampled_from([D(3500) - D(filled) / 3, None])) if filled else None,
            insert_date_time=draw(st.sampled_from([None, 7, 9])),
            parent_order_id=draw(st.sampled_from([None, "parent"])),
            trading_day=draw(st.sampled_from(["", DAY])),
            reason=draw(st.sampled_from(["", "cancelled", "cancelled; refused"])),
            told_at=draw(st.sampled_from([None, EARLIER, LATER])),
        )
        for filled in sorted(fills)
    ]
    again = draw(st.lists(st.sampled_from(updates), max_size=3))
    return updates, draw(st.permutations([*updates, *again]))


def told(row: OrderRow, kind: str) -> OrderEvent | None:
    return event(row, kind) if kind != "UNKNOWN" else None


@given(histories())
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_updates_and_any_repeats_end_in_the_same_row_and_events(
    engine: Engine, writer: OrderWriter, given_updates: tuple[list[OrderRow], list[OrderRow]]
) -> None:
    ends: list[tuple[OrderRow, set[str]]] = []
    for updates in given_updates:
        identity = uuid4().hex
        for row in updates:
            mine = replace(row, id=identity)
            assert writer.write_update(mine, told(mine, row.status)) is None
        kept = events(engine, identity)
        assert len(kept) == len(set(kept))
        names = {name.removeprefix(identity) for name in kept}
        ends.append((replace(stored(engine, identity), id="a"), names))
    assert ends[0] == ends[1]
    _is_right(given_updates[0], ends[0][0])


def _is_right(updates: Sequence[OrderRow], end: OrderRow) -> None:
    """Fail unless a row says the most that its updates said."""
    order = ("UNKNOWN", "ALIVE", "FINISHED")
    finished = any(row.status == "FINISHED" for row in updates)
    newest = max(row.told_at.timestamp() if row.told_at else 0 for row in updates)
    last = [row for row in updates if (row.told_at.timestamp() if row.told_at else 0) == newest]
    status = "FINISHED" if finished else max((row.status for row in last), key=order.index)
    assert end.filled_quantity == max(row.filled_quantity for row in updates)
    assert end.status == status
    assert end.volume_left == min((row.volume_left for row in updates if row.volume_left is not None), default=None)
    most = [row for row in updates if row.filled_quantity == end.filled_quantity]
    assert end.trade_price == next((row.trade_price for row in most if row.trade_price is not None), None)


# --- orders of earlier days ------------------------------------------------------------------------


def test_orders_of_earlier_days_that_a_login_does_not_show_are_unknown(engine: Engine, writer: OrderWriter) -> None:
    for row in (
        replace(HALF, id="lost"),
        replace(SENT, id="shown"),
        replace(SENT, id="gone", trading_day=NEXT_DAY, told_at=EARLIER),
        replace(SENT, id="since", trading_day=NEXT_DAY, told_at=LATEST),
        replace(DONE, id="done"),
        replace(SENT, id="theirs", portfolio_id="p2"),
        replace(SENT, id="undated", trading_day=""),
        replace(SENT, id="split"),
        replace(SENT, id="split_close", parent_order_id="split", offset="CLOSE"),
    ):
        writer.write_update(row)
    assert writer.mark_unknown("p1", NEXT_DAY, ["shown", "split_close"], LATER) == ["gone", "lost"]
    lost = stored(engine, "lost")
    assert (lost.status, lost.filled_quantity, lost.trade_price) == ("UNKNOWN", 2, D("3499.5"))
    assert lost.reason == "the login of trading day 20250312 does not show it: what became of it is not known"
    for identity in ("shown", "since", "theirs", "undated", "split", "split_close"):
        assert stored(engine, identity).status == "ALIVE"
    assert stored(engine, "done").status == "FINISHED"
    with engine.connect() as connection:
        _, told = connection.execute(select(ORDER_EVENT).order_by(ORDER_EVENT.c.order_id)).mappings().all()
    assert (told["event_id"], told["order_id"], told["portfolio_id"]) == ("lost:UNKNOWN:2", "lost", "p1")
    assert told["status"] == "UNKNOWN"
    assert told["msg"] == {
        "order_id": "lost",
        "exchange_order_id": "E1",
        "portfolio_id": "p1",
        "symbol": "SHFE.rb2505",
        "direction": "BUY",
        "offset": "OPEN",
        "status": "UNKNOWN",
        "volume_orign": 4,
        "volume_left": 2,
        "filled_quantity": 2,
        "limit_price": 3500.0,
        "trade_price": 3499.5,
        "insert_date_time": 7,
        "parent_order_id": None,
        "trading_day": DAY,
        "reason": lost.reason,
        "event_type": "UNKNOWN",
        "event_id": "lost:UNKNOWN:2",
    }


def test_marking_again_tells_nothing_again(engine: Engine, writer: OrderWriter) -> None:
    writer.write_update(SENT)
    assert writer.mark_unknown("p1", NEXT_DAY, [], LATER) == ["a"]
    assert writer.mark_unknown("p1", NEXT_DAY, [], LATER) == []
    for late in (SENT, replace(SENT, told_at=EARLIER)):  # delivered again
        writer.write_update(late)
        assert writer.mark_unknown("p1", NEXT_DAY, [], LATER) == []
    assert stored(engine).status == "UNKNOWN"
    assert events(engine) == ["a:UNKNOWN:0"]
    writer.write_update(DONE)
    assert stored(engine) == DONE


# --- what cannot be written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"volume_left": 2**31},
        {"filled_quantity": 2**80},
        {"insert_date_time": 2**63},
        {"symbol": "rb\x00"},
        {"symbol": "rb\ud800"},
        {"id": "".join(chr(0x4E00 + n % 5000 * 4 + n // 5000) for n in range(20_000))},
        {"direction": None},
        {"symbol": {"a", "set"}},
    ],
)
def test_values_that_cannot_be_written_are_told_and_leave_nothing(
    engine: Engine, writer: OrderWriter, changed: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match="database, order"):
        writer.write_update(replace(SENT, **changed), event(SENT, "REJECTED"))
    with engine.connect() as connection:
        assert connection.execute(select(ORDER_HISTORY)).all() == []
        assert connection.execute(select(ORDER_EVENT)).all() == []


@pytest.mark.parametrize("value", [float("nan"), "\x00", "\ud800"])
def test_an_event_that_cannot_be_written_takes_its_row_with_it(
    engine: Engine, writer: OrderWriter, value: object
) -> None:
    bad = event(SENT, "REJECTED", value=value)
    for write in (lambda: writer.write_update(SENT, bad), lambda: writer.write_event_only(bad)):
        with pytest.raises(InvalidInput):
            write()
    with engine.connect() as connection:
        assert connection.execute(select(ORDER_HISTORY)).all() == []


# --- a server that fails ---------------------------------------------------------------------------


@pytest.fixture
def behind_proxy(database: URL, engine: Engine, proxy: Server) -> Generator[OrderWriter]:
    """Return a writer on tables that are there, by way of the proxy."""
    through = open_engine(text(database.set(host="127.0.0.1", port=proxy.port)), timeout_seconds=1.0)
    yield OrderWriter(through)
    through.dispose()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "silent"])
def test_a_lost_connection_is_an_error_of_the_store_and_another_try_writes_once(
    engine: Engine, behind_proxy: OrderWriter, proxy: Server, kind: str
) -> None:
    for operation in ("INSERT INTO order_history", "INSERT INTO order_event", "COMMIT"):
        sent, half = (replace(row, id=operation) for row in (SENT, HALF))
        behind_proxy.write_update(sent)
        proxy.fault(kind, operation=operation)
        begin = time.monotonic()
        with pytest.raises(StoreError, match=f"database, order {operation}: ") as caught:
            behind_proxy.write_update(half, event(half, "PARTIAL_FILL"))
        assert "\n" not in str(caught.value)
        assert time.monotonic() - begin < 5
        behind_proxy.write_update(half, event(half, "PARTIAL_FILL"))
        assert stored(engine, operation) == half
        assert events(engine, operation) == [f"{operation}:PARTIAL_FILL:2"]


def test_a_server_that_ended_the_session_is_an_error_of_the_store(engine: Engine, writer: OrderWriter) -> None:
    writer.write_update(SENT)
    with engine.connect() as connection:
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    administrator = create_engine(engine.url, poolclass=NullPool)
    with administrator.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({process}, 5000)")
    with pytest.raises(StoreError):
        writer.write_update(HALF)
    writer.write_update(HALF)
    assert stored(engine) == HALF


def test_a_row_that_another_transaction_holds_is_an_error_of_the_store_in_time(
    database: URL, engine: Engine, writer: OrderWriter
) -> None:
    writer.write_update(SENT)
    hurried = open_engine(text(database), timeout_seconds=1.0)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT * FROM order_history FOR UPDATE")
        with pytest.raises(StoreError, match="statement timeout"):
            OrderWriter(hurried).write_update(HALF)
    OrderWriter(hurried).write_update(HALF)
    hurried.dispose()
    assert stored(engine) == HALF


def test_tables_that_are_missing_are_no_fault_of_a_message(database: URL) -> None:
    engine = open_engine(text(database))
    with pytest.raises(StoreError, match='relation "order_history" does not exist'):
        OrderWriter(engine).write_update(SENT)
    engine.dispose()
