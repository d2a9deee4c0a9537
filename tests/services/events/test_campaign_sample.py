"""A short run of the campaign of event-driven trading; chaos/RESULTS.md has the long one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMMANDS = 8
PROGRAM = f"""
import json
from chaos.events.campaign import Campaign, Windows

windows = Windows(8.0, 8.0, 2.0)
sample = Campaign({COMMANDS}, 5, windows, chances={{"LEAVING": 1.0}}, stops={{}}, weights={{"salt": 1}})
sample.phases, sample.rewinds, sample.most, sample.calm_seconds = [(1.0, 1)], False, 1, 20.0
print(json.dumps(sample.run().line()))
"""


def test_an_executor_that_is_killed_in_sends_answers_each_command_once() -> None:
    asked = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    faults = ("duplicates", "lost", "late", "stale", "unexplained_unknown", "contradictions", "mismatches", "letters")
    assert not any(found[fault] for fault in faults), found
    assert found["kills_by_point"] == {"LEAVING": 1}, found
    assert found["commands"] >= COMMANDS, found
    assert found["answered"] + found["expired"] == found["commands"], found
