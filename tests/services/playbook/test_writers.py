"""The contract of writers in Cloud Storage and MongoDB, and what only they can meet."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure
from quant_platform_kit.adapters.gs_store import GsStore
from quant_platform_kit.domain.errors import Conflict, InvalidInput, StoreError
from trading_playbook.dp20.outcome import Note
from trading_playbook.journal.csv_form import render
from trading_playbook.journal.merging import Written
from trading_playbook.testing.writer_contract import WriterContract, row, traded, written
from trading_playbook.writers import gcs_writer
from trading_playbook.writers.csv_writer import CSVTradeWriter
from trading_playbook.writers.gcs_writer import GCSTradeWriter
from trading_playbook.writers.mongo_writer import INDEX, MongoTradeWriter
from trading_playbook.writers.places import write_all
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.mongodb import mongodb

from .conftest import BLOB, CloudJournal, MongoJournal

Start = Callable[..., Server]


class TestGCSTradeWriter(WriterContract):
    """W1 to W8 in the storage emulator."""

    @pytest.fixture
    def journal(self, cloud_journal: CloudJournal) -> CloudJournal:
        return cloud_journal


class TestMongoTradeWriter(WriterContract):
    """W1 to W8 in a server that speaks MongoDB's protocol."""

    @pytest.fixture
    def journal(self, mongo_journal: MongoJournal) -> MongoJournal:
        return mongo_journal


def test_every_back_end_exports_the_same_bytes(
    cloud_journal: CloudJournal, mongo_journal: MongoJournal, tmp_path: Path
) -> None:
    rows = [traded(4), row(3), row(3, symbol="SPY")]
    writers = (CSVTradeWriter(tmp_path / "trades.csv"), cloud_journal.open(), mongo_journal.open())
    assert [result.count(Written.WRITTEN) for result in write_all(writers, rows)] == [3, 3, 3]
    assert {render(writer.read()) for writer in writers} == {(tmp_path / "trades.csv").read_bytes()}


def test_the_object_is_the_journal_as_csv(cloud_journal: CloudJournal) -> None:
    written(cloud_journal.open(), row(3), traded(4))
    name = BLOB.replace("/", "%2F")
    about = requests.get(f"{cloud_journal.endpoint}/storage/v1/b/{cloud_journal.bucket}/o/{name}", timeout=10).json()
    assert about["contentType"] == "text/csv"
    stored = GsStore(cloud_journal.bucket, endpoint=cloud_journal.endpoint).get(BLOB)
    assert stored is not None
    assert stored.data == render([row(3), traded(4)])


def test_ten_writes_of_others_meanwhile_end_it(cloud_journal: CloudJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    written(cloud_journal.open(), row(3))
    before, tries = cloud_journal.raw(), []

    def overtaken(self: GsStore, key: str, data: bytes, generation: int) -> int:
        tries.append(generation)
        raise Conflict(key)

    monkeypatch.setattr(GsStore, "replace", overtaken)
    monkeypatch.setattr(gcs_writer, "PAUSE_SECONDS", 0.0)
    with pytest.raises(StoreError, match=r"output/trades/trades\.csv was written by others 10 times meanwhile"):
        written(cloud_journal.open(), row(4))
    assert (len(tries), cloud_journal.raw()) == (10, before)


@pytest.mark.parametrize("data", [b"", b"date,r\n", render([row(3)])[:-1]])
def test_an_object_that_is_no_journal_is_refused_and_stays(cloud_journal: CloudJournal, data: bytes) -> None:
    GsStore(cloud_journal.bucket, endpoint=cloud_journal.endpoint).create(BLOB, data)
    before = cloud_journal.raw()
    with pytest.raises(InvalidInput, match="nothing was written"):
        written(cloud_journal.open(), row(4))
    assert cloud_journal.raw() == before


def test_a_bucket_that_is_missing_is_said(endpoint: str) -> None:
    with pytest.raises(StoreError, match="404"):
        written(GCSTradeWriter("no-such-bucket", BLOB, endpoint=endpoint), row(3))


def test_the_index_is_made_once_and_its_absence_is_refused(mongo_journal: MongoJournal) -> None:
    written(mongo_journal.open(), row(3))
    (index,) = [index for index in mongo_journal.trades.list_indexes() if index["name"] == INDEX]
    assert (list(index["key"]), index["unique"]) == (["strategy", "symbol", "trade_date"], True)
    mongo_journal.trades.drop_index(INDEX)
    with pytest.raises(InvalidInput, match=f"has rows and no index named {INDEX}"):
        written(mongo_journal.open(), row(4))
    mongo_journal.trades.create_index([("trade_date", 1)], name=INDEX)
    with pytest.raises(InvalidInput, match=f"has rows and another index named {INDEX}"):
        written(mongo_journal.open(), row(4))
    assert mongo_journal.trades.count_documents({}) == 1


def test_another_index_of_that_name_is_refused_in_an_empty_collection(mongo_journal: MongoJournal) -> None:
    mongo_journal.trades.create_index([("trade_date", 1)], name=INDEX)
    with pytest.raises(StoreError, match=r"trades: .*[Ii]ndex"):
        written(mongo_journal.open(), row(4))
    assert mongo_journal.raw() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"$unset": {"symbol": 1}}, "column symbol has ''"),
        ({"$unset": {"trade_date": 1}}, "column trade_date has ''"),
        ({"$set": {"notes": "odd"}}, "column notes has 'odd'"),
        ({"$set": {"session_open": "much"}}, "column session_open has 'much'"),
    ],
)
def test_a_document_that_is_no_row_is_refused_and_stays(
    mongo_journal: MongoJournal, change: dict[str, Any], said: str
) -> None:
    written(mongo_journal.open(), row(3))
    mongo_journal.trades.update_one({}, change)
    before = mongo_journal.raw()
    with pytest.raises(InvalidInput, match=said):
        written(mongo_journal.open(), row(4))
    assert mongo_journal.raw() == before


def test_the_callers_row_gets_no_id_and_stored_values_are_strings_and_doubles(mongo_journal: MongoJournal) -> None:
    written(mongo_journal.open(), traded(4))
    (document,) = mongo_journal.raw()  # type: ignore[misc]
    kinds = {name: type(value) for name, value in document.items() if name != "_id"}
    assert {name for name, kind in kinds.items() if kind is float} == {
        *("entry_price", "atr_at_entry", "stop_price", "eod_exit_price", "r_multiple", "session_open", "sma200")
    }
    assert (document["trade_date"], document["entry_time"]) == ("2025-03-04", "10:31")


def test_a_server_that_is_down_is_said_without_the_password() -> None:
    with socket.socket() as silent:  # bound and not listening, so that nobody else listens there
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        Server.opened.add(port)
        writer = MongoTradeWriter(f"mongodb://me:canary-4711@127.0.0.1:{port}", timeout_seconds=0.2)
        with pytest.raises(StoreError) as raised:
            written(writer, row(3))
    assert "canary" not in str(raised.value)
    assert str(raised.value).startswith(f"mongodb://127.0.0.1:{port}/trading_playbook.trades: ")


def test_one_journal_that_cannot_be_written_keeps_no_other_from_it(
    mongo_journal: MongoJournal, endpoint: str, tmp_path: Path
) -> None:
    (tmp_path / "trades.csv").mkdir()
    writers = (
        CSVTradeWriter(tmp_path / "trades.csv"),
        GCSTradeWriter("no-such-bucket", BLOB, endpoint=endpoint),
        mongo_journal.open(),
    )
    results = write_all(writers, [row(3)])
    assert [type(result.error) for result in results] == [InvalidInput, StoreError, type(None)]
    assert mongo_journal.open().read() == [row(3)]


def test_what_was_written_survives_a_kill() -> None:
    with mongodb() as server:
        written(MongoTradeWriter(server.url), row(3), row(4))
        server.kill()
        with pytest.raises(StoreError):
            written(MongoTradeWriter(server.url, timeout_seconds=0.2), row(5))
        server.start()
        assert MongoTradeWriter(server.url).read() == [row(3), row(4)]
        assert written(MongoTradeWriter(server.url), row(3), row(5)).count(Written.WRITTEN) == 1


@pytest.mark.parametrize("operation", ["update_one", "find", "create_index"])
def test_a_lost_connection_is_tried_again_and_makes_no_row_twice(
    mongo_journal: MongoJournal, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    done, tries = getattr(Collection, operation), list[str]()

    def lost(self: Collection[dict[str, Any]], *given: Any, **named: Any) -> Any:
        tries.append(operation)
        result = done(self, *given, **named)
        if len(tries) < 3:
            raise AutoReconnect("connection closed")
        return result

    monkeypatch.setattr(Collection, operation, lost)
    assert written(mongo_journal.open(), row(3)).count(Written.WRITTEN) == 1
    tries.clear()
    assert written(mongo_journal.open(), row(3)).count(Written.UNCHANGED) == 1
    monkeypatch.undo()
    assert mongo_journal.open().read() == [row(3)]


def test_a_replacement_whose_answer_is_lost_counts_as_one(
    mongo_journal: MongoJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(mongo_journal.open(), row(3))
    done = Collection.replace_one

    def lost(self: Collection[dict[str, Any]], *given: Any, **named: Any) -> Any:
        done(self, *given, **named)
        raise AutoReconnect("connection closed")

    monkeypatch.setattr(Collection, "replace_one", lost)
    merged = written(mongo_journal.open("other bars"), row(3, Note.NO_REVERSAL))
    assert [(result.outcome, result.kept) for result in merged.results] == [(Written.REPLACED, row(3))]
    assert len(mongo_journal.replacements()) == 1


@pytest.mark.parametrize("fault", [AutoReconnect("connection closed"), OperationFailure("not authorized on trades")])
def test_a_connection_that_stays_lost_and_a_user_who_may_not_write_are_said(
    mongo_journal: MongoJournal, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    written(mongo_journal.open(), row(3))
    before, tries = mongo_journal.raw(), list[str]()

    def refused(self: Collection[dict[str, Any]], *given: Any, **named: Any) -> Any:
        tries.append("update_one")
        raise fault

    monkeypatch.setattr(Collection, "update_one", refused)
    with pytest.raises(StoreError, match=str(fault)):
        written(mongo_journal.open(), row(4))
    assert (len(tries), mongo_journal.raw()) == (3 if isinstance(fault, AutoReconnect) else 1, before)
