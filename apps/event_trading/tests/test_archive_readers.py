"""The archive as others read it: DuckDB, which knows nothing of this app."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from event_trading_app.archive.files import Row
from event_trading_app.archive.writing import Files
from event_trading_app.names import NEAR_INTENTS, Topic
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.events.bus import Received
from quant_platform_kit.events.envelope import Event, encode

from .frame import NOW, TOKEN_A, TOKEN_B, trade

LARGE = str(2**128 - 1)
"""An amount that no integer column and no float holds."""


def event(topic: Topic, number: int, payload: dict[str, Any], raw: str | None = None) -> Event:
    at = NOW + timedelta(minutes=25 * number, microseconds=number)
    return Event(f"{topic.value}-{number}", topic.value, NEAR_INTENTS, at, at + timedelta(seconds=1), 1, payload, raw)


def quote(number: int) -> dict[str, Any]:
    return {
        "quote_id": f"q{number}",
        "defuse_asset_identifier_in": TOKEN_A,
        "defuse_asset_identifier_out": TOKEN_B,
        "exact_amount_in": LARGE,
        "min_deadline_ms": 60_000,
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return an archive of six quotes over three hours in two partitions, and a command."""
    files = Files(PlainFolder(tmp_path))
    for number in range(6):
        quoted = event(Topic.RAW_QUOTE, number, quote(number), json.dumps(quote(number)) + " ")
        message = Received(quoted.event_type, number % 2, 10 + number, b"key", encode(quoted))
        files.write([Row.of(message)])
    asked = event(Topic.EXECUTE_TRADE, 0, trade().model_dump(mode="json"))
    files.write([Row.of(Received(asked.event_type, 0, 0, None, encode(asked)))])
    return tmp_path


def read(archive: Path, question: str) -> list[tuple[Any, ...]]:
    """Ask DuckDB about all files of the archive."""
    files = f"read_parquet('{archive}/topic=*/*/*/*.parquet', hive_partitioning = true)"
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(question.replace("ARCHIVE", files)).fetchall()


def test_topics_days_and_hours_are_columns_of_their_own(archive: Path) -> None:
    found = read(archive, "SELECT topic, date, hour, count(*) FROM ARCHIVE GROUP BY ALL ORDER BY ALL")
    counts = {(topic, str(day), int(hour)): count for topic, day, hour, count in found}
    assert counts == {
        ("cmd.execute_trade", "2026-03-02", 12): 1,
        ("raw.near_intents.quote", "2026-03-02", 12): 3,
        ("raw.near_intents.quote", "2026-03-02", 13): 2,
        ("raw.near_intents.quote", "2026-03-02", 14): 1,
    }


def test_a_question_about_an_hour_reads_the_files_of_that_hour_only(archive: Path) -> None:
    for file in archive.glob("topic=*/date=*/hour=13/*.parquet"):
        file.write_bytes(b"PAR1")  # whoever reads it fails
    found = read(archive, "SELECT event_id FROM ARCHIVE WHERE topic = 'raw.near_intents.quote' AND hour = 14")
    assert found == [("raw.near_intents.quote-5",)]
    with pytest.raises(duckdb.Error):
        read(archive, "SELECT event_id FROM ARCHIVE WHERE hour = 13")


def test_amounts_times_and_bytes_are_as_they_were(archive: Path) -> None:
    question = """
        SELECT payload ->> '$.exact_amount_in', observed_at, raw, value, partition, "offset", schema_version, venue
        FROM ARCHIVE WHERE event_id = 'raw.near_intents.quote-3'
    """
    ((amount, observed_at, raw, value, *rest),) = read(archive, question)
    told = event(Topic.RAW_QUOTE, 3, quote(3), json.dumps(quote(3)) + " ")
    assert (amount, observed_at, raw, value) == (LARGE, told.observed_at, told.raw, encode(told))
    assert rest == [1, 13, 1, NEAR_INTENTS]


def test_commands_are_joined_with_what_they_answer(archive: Path) -> None:
    question = """
        SELECT command.payload ->> '$.amount_out', quote.payload ->> '$.defuse_asset_identifier_out'
        FROM ARCHIVE command JOIN ARCHIVE quote ON command.payload ->> '$.quote_id' = quote.payload ->> '$.quote_id'
        WHERE command.topic = 'cmd.execute_trade' AND quote.topic = 'raw.near_intents.quote'
    """
    assert read(archive, question) == [("990", TOKEN_B)]


def test_no_offset_is_there_twice(archive: Path) -> None:
    (whole, distinct), *_ = read(archive, 'SELECT count(*), count(DISTINCT (topic, partition, "offset")) FROM ARCHIVE')
    assert whole == distinct == 7
