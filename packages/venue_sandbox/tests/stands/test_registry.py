"""The list of stands: complete where all apps are installed, and there where some are not."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.services
"""Loading every stand takes seconds."""

WITHOUT = """
import importlib.abc, json, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from venue_sandbox.stands.registry import STANDS
print(json.dumps(sorted(STANDS)))
"""


def stands_without(*absent: str) -> subprocess.CompletedProcess[str]:
    """List the stands in a process of its own in which some packages cannot be loaded."""
    code = WITHOUT.format(absent=set(absent) or {""})
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_an_app_that_is_not_installed_keeps_no_stand_of_another_from_being_found() -> None:
    everything = stands_without()
    assert everything.returncode == 0, everything.stderr
    some = stands_without("event_trading_app", "tq_broker_app")
    assert some.returncode == 0, some.stderr
    assert some.stdout == everything.stdout
    assert "schwab" in everything.stdout


def test_a_library_of_ours_that_is_missing_is_not_passed_over() -> None:
    missing = stands_without("aiohttp")
    assert missing.returncode != 0
    assert "No module named 'aiohttp'" in missing.stderr
