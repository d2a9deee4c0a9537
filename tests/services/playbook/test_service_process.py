"""The service as a process against a bucket, and the command line's words for back ends that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import requests
from trading_playbook.journal.csv_form import render
from trading_playbook.testing.writer_contract import row, written

from .conftest import BLOB, CloudJournal, MongoJournal

CANARY, SOON = "canary-2718", "serverSelectionTimeoutMS=100"
DUE = {"X-CloudScheduler-ScheduleTime": "2025-09-15T21:00:00Z"}
SERVICE = """
from trading_playbook.web.serve import serve_playbook
from quant_platform_kit.domain.errors import StoreError

def source_of(config, symbol):
    def failing():
        raise StoreError("the source is down")
    return failing

serve_playbook(source_of)
"""


@pytest.fixture
def service(cloud_journal: CloudJournal, ports: set[int]) -> Generator[str]:
    """Return the address of a service whose source is down."""
    settings = {"GCS_BUCKET": cloud_journal.bucket, "STORAGE_EMULATOR_HOST": cloud_journal.endpoint, "PORT": "0"}
    environment = {**os.environ, **settings, "HOST": "127.0.0.1", "LOG_FORMAT": "json"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, "--stop-at-eof"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    ports.add(port)
    yield f"http://127.0.0.1:{port}"
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_service_finds_the_row_of_its_bucket_and_answers_503_while_its_source_is_down(
    service: str, cloud_journal: CloudJournal
) -> None:
    assert requests.get(f"{service}/ready", timeout=10).json() == {"ready": True, "symbol": "QQQ"}
    answer = requests.post(f"{service}/backtest", headers=DUE, timeout=30)
    assert (answer.status_code, answer.json()["reason"]) == (503, "the source is down")
    assert cloud_journal.raw() is None
    due = {"X-CloudScheduler-ScheduleTime": "2025-03-03T22:00:00Z"}
    written(cloud_journal.open(), row(3))
    answer = requests.post(f"{service}/backtest", headers=due, timeout=30)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "unchanged")
    assert 'playbook_drawdown{strategy="dp20"' not in requests.get(f"{service}/metrics", timeout=30).text


def command(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings}
    code = "from quant_platform_kit.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "playbook", *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_export_has_the_same_bytes_from_each_back_end(
    cloud_journal: CloudJournal, mongo_journal: MongoJournal, tmp_path: Path
) -> None:
    rows = [row(3), row(4)]
    written(cloud_journal.open(), *rows)
    place = f"gs://{cloud_journal.bucket}/{BLOB}"
    done = command(tmp_path, "journal", "export", "--from", place, STORAGE_EMULATOR_HOST=cloud_journal.endpoint)
    assert (done.returncode, done.stdout) == (0, render(rows).decode())
    written(mongo_journal.open(), *rows)
    assert render(mongo_journal.open().read()).decode() == done.stdout


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WRITER_TYPE": "gcs", "GCS_BUCKET": "no-such-bucket"}, "404"),
        (
            {"WRITER_TYPE": "mongodb", "MONGODB_CONNECTION": f"mongodb://me:{CANARY}@127.0.0.1:1/?{SOON}"},
            "mongodb://127.0.0.1:1",
        ),
    ],
)
def test_a_back_end_that_fails_is_one_line_without_secrets(
    endpoint: str, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    done = command(tmp_path, "journal", "export", STORAGE_EMULATOR_HOST=endpoint, **settings)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr
    assert CANARY not in done.stderr
