"""Journals of a test's own in Cloud Storage and in MongoDB, and Alpaca with the dev days."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from pymongo import MongoClient
from quant_platform_kit.adapters.gs_store import GsStore
from trading_playbook.writers.gcs_writer import GCSTradeWriter
from trading_playbook.writers.mongo_writer import MongoTradeWriter
from venue_sandbox.stands.alpaca import AlpacaPriceStand

CHECKOUT = Path(__file__).resolve().parents[3]
DATA_DIR = Path(os.environ.get("TEST_DATA_DIR") or CHECKOUT.parent / "shared" / "data")
SECONDS = 10
BLOB = "output/trades/trades.csv"


@dataclass
class CloudJournal:
    """A journal in a bucket."""

    endpoint: str
    bucket: str

    def open(self, replace: str | None = None) -> GCSTradeWriter:
        return GCSTradeWriter(self.bucket, BLOB, replace, endpoint=self.endpoint)

    def raw(self) -> object:
        return GsStore(self.bucket, endpoint=self.endpoint).get(BLOB)

    def replacements(self) -> Sequence[tuple[str, str, str]]:
        store = GsStore(self.bucket, endpoint=self.endpoint)
        found = [store.get(key) for key in store.keys(f"{BLOB}.replaced/")]
        read = [json.loads(line) for each in found if each for line in each.data.splitlines()]
        return [(each["reason"], each["old"]["notes"], each["new"]["notes"]) for each in read]


@dataclass
class MongoJournal:
    """A journal in a database."""

    url: str
    client: MongoClient[dict[str, Any]]
    name: str

    @property
    def trades(self) -> Any:
        return self.client[self.name]["trades"]

    def open(self, replace: str | None = None) -> MongoTradeWriter:
        return MongoTradeWriter(self.url, self.name, "trades", replace, timeout_seconds=SECONDS)

    def raw(self) -> object:
        return list(self.trades.find())

    def replacements(self) -> Sequence[tuple[str, str, str]]:
        read = self.client[self.name]["trades_replaced"].find()
        return [(each["reason"], each["old"]["notes"], each["new"]["notes"]) for each in read]


@pytest.fixture
def cloud_journal(endpoint: str) -> CloudJournal:
    """Return a journal in a bucket of the emulator that runs for all tests."""
    bucket = f"test-{uuid4().hex}"
    requests.post(f"{endpoint}/storage/v1/b", json={"name": bucket}, timeout=SECONDS).raise_for_status()
    return CloudJournal(endpoint, bucket)


@pytest.fixture
def mongo_journal(mongodb_url: str) -> Generator[MongoJournal]:
    """Return a journal in a database of the server that runs for all tests."""
    with MongoClient[dict[str, Any]](mongodb_url, serverSelectionTimeoutMS=1000 * SECONDS) as client:
        name = f"test_{uuid4().hex}"
        yield MongoJournal(mongodb_url, client, name)
        client.drop_database(name)


@pytest.fixture
def stand() -> Generator[AlpacaPriceStand]:
    """Return a venue that has the dev days, on the Monday after them."""
    bars, daily = DATA_DIR / "intraday_1min.parquet", DATA_DIR / "intraday_warmup_daily.csv"
    if not bars.is_file():
        pytest.skip(f"real prices are not here: {bars} does not exist; set TEST_DATA_DIR to the folder of prices")
    with AlpacaPriceStand(bars, daily, datetime(2025, 12, 1, 17, tzinfo=UTC)) as running:
        yield running
