"""A small part of ``python -m chaos.snapshots``: publishers are killed, raced and pruned after; a defect is caught."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("--kills", "6", "--races", "2", "--publications", "5")


def campaign(*options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "chaos.snapshots", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("store", ["file", "gs"])
def test_no_reader_finds_a_snapshot_torn_older_or_gone(store: str) -> None:
    told = campaign("--store", store, *SMALL)
    parts = {name: told[name] for name in ("killed", "raced", "pruned")}
    assert {name: part["faults"] for name, part in parts.items()} == {"killed": {}, "raced": {}, "pruned": {}}
    assert parts["killed"]["kills"] == 6
    assert all(part["reads"] > 0 for part in parts.values())


def test_a_latest_that_comes_before_its_rows_is_caught() -> None:
    told = campaign("--mutant", "latest-first", "--kills", "3")
    assert told["met"], told
