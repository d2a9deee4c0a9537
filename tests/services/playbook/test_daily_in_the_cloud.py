"""The daily run on the real back ends: two journals, two runs at once, answers that are lost, a store that is down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import StoreError
from trading_playbook.attempts import AttemptLog, Ending
from trading_playbook.daily.run import DailyPorts, run_session
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.csv_form import render
from trading_playbook.testing.invented import InventedSource
from trading_playbook.testing.writer_contract import row, written
from trading_playbook.writers.gcs_writer import GCSTradeWriter
from trading_playbook.writers.writer import TradeWriter
from venue_sandbox.servers.launch import Server

from .conftest import BLOB, CloudJournal, MongoJournal

Start = Callable[..., Server]
CALENDAR = load_calendar("XNYS")
BUCKET, SECONDS = "bars", 6.0
DUE = datetime(2025, 9, 15, 21, 0, tzinfo=UTC)


def run(endpoint: str, bucket: str, writers: Sequence[TradeWriter], due: datetime = DUE) -> Ending:
    log = AttemptLog(open_store(f"gs://{bucket}/store", endpoint=endpoint), "QQQ")
    ports = DailyPorts(CALENDAR, FrozenClock(due), lambda: writers, InventedSource, log, Dp20Parameters())
    return run_session(ports, due)[0].ending


def test_both_journals_get_the_row_and_the_attempts_are_in_the_bucket(
    cloud_journal: CloudJournal, mongo_journal: MongoJournal
) -> None:
    at = (cloud_journal.endpoint, cloud_journal.bucket)
    writers = (cloud_journal.open(), mongo_journal.open())
    later = DUE + timedelta(minutes=1)
    assert [run(*at, writers), run(*at, writers, later)] == [Ending.WRITTEN, Ending.UNCHANGED]
    assert render(cloud_journal.open().read()) == render(mongo_journal.open().read())
    log = AttemptLog(open_store(f"gs://{cloud_journal.bucket}/store", endpoint=cloud_journal.endpoint), "QQQ")
    assert [each.ending for each in log.between(DUE.date(), DUE.date())] == [Ending.WRITTEN, Ending.UNCHANGED]


def test_runs_at_once_make_one_row_in_each_journal(cloud_journal: CloudJournal, mongo_journal: MongoJournal) -> None:
    def one(number: int) -> Ending:
        del number
        writers = (cloud_journal.open(), mongo_journal.open())
        return run(cloud_journal.endpoint, cloud_journal.bucket, writers)

    with ThreadPoolExecutor(4) as pool:
        endings = list(pool.map(one, range(4)))
    assert {*endings} <= {Ending.WRITTEN, Ending.UNCHANGED}
    assert [len(journal.open().read()) for journal in (cloud_journal, mongo_journal)] == [1, 1]


@pytest.fixture
def emulator(start: Start) -> Server:
    """Return a Cloud Storage of this test alone."""
    return start("cloud.storage", "--bucket", BUCKET, "--write-interval", "0")


def journal_at(server: Server) -> GCSTradeWriter:
    return GCSTradeWriter(BUCKET, BLOB, endpoint=f"http://127.0.0.1:{server.port}", timeout_seconds=SECONDS)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_after", "operation": "insert"},
        {"kind": "drop_before", "operation": "insert"},
        {"kind": "http_error", "status": 503, "operation": "insert", "times": 2},
        {"kind": "http_error", "status": 429, "operation": "insert"},
        {"kind": "drop_before", "operation": "get"},
    ],
    ids=["lost answer", "lost request", "503", "429", "lost read"],
)
def test_what_passes_is_tried_again_and_the_row_is_there_once(emulator: Server, fault: dict[str, Any]) -> None:
    written(journal_at(emulator), row(3))
    emulator.fault(**fault)
    written(journal_at(emulator), row(4))
    assert journal_at(emulator).read() == [row(3), row(4)]


def test_what_is_refused_leaves_the_journal(emulator: Server) -> None:
    written(journal_at(emulator), row(3))
    emulator.fault("http_error", operation="insert", status=403)
    with pytest.raises(StoreError, match="403"):
        written(journal_at(emulator), row(4))
    assert journal_at(emulator).read() == [row(3)]
