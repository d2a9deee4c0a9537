"""A small part of ``python -m chaos.playbook``; chaos/RESULTS.md has the whole of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def campaign(*options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "chaos.playbook", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_runs_that_are_killed_leave_one_row_a_session() -> None:
    told = campaign("--writer", "csv", "--runs", "10")
    assert (told["met"], told["faults"]) == (True, {}), told
    assert told["kills"]["boundary"] > 0
    assert told["reads"] > 0


def test_a_file_without_its_lock_is_caught() -> None:
    assert campaign("--mutant", "no-lock", "--runs", "100")["met"]
