"""The contract of writers on the disk of this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from trading_playbook.testing.writer_contract import WriterContract
from trading_playbook.writers.csv_writer import CSVTradeWriter


@dataclass
class DiskJournal:
    """A journal in a folder."""

    path: Path

    def open(self, replace: str | None = None) -> CSVTradeWriter:
        return CSVTradeWriter(self.path, replace)

    def raw(self) -> object:
        return self.path.read_bytes() if self.path.exists() else None

    def replacements(self) -> Sequence[tuple[str, str, str]]:
        lines = self.path.with_name("trades.csv.replaced.jsonl").read_text().splitlines()
        read = [json.loads(line) for line in lines]
        return [(each["reason"], each["old"]["notes"], each["new"]["notes"]) for each in read]


@pytest.fixture
def journal(tmp_path: Path) -> DiskJournal:
    return DiskJournal(tmp_path / "output" / "trades.csv")


class TestCSVTradeWriter(WriterContract):
    """W1 to W8."""
