"""What `make test-services AREA=...` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
AREAS = ("brokers", "cloud", "events", "playbook", "release", "service", "stores", "tq")
FOLDERS = """
import sys
sys.path.insert(0, "scripts")
from services.areas import chosen, folders
print(*folders(chosen(sys.argv[1])), sep="\\n")
"""


def ran(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_an_unknown_area_is_one_line_that_lists_the_areas() -> None:
    told = ran("scripts/test_services.py", "--area", "brokers,market")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == f"test-services: no area 'market'; areas: {', '.join(AREAS)}\n"


def test_every_folder_of_tests_that_need_servers_is_an_area() -> None:
    folders = {path.parent.name for path in (ROOT / "tests" / "services").glob("*/test_*.py")}
    assert folders <= set(AREAS)
    assert list((ROOT / "tests" / "services").glob("test_*.py")) == []


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        ("stores", ["tests/services/stores"]),
        ("cloud, stores", ["tests/services/cloud", "tests/services/stores"]),
        ("service", ["tests/services/service", "packages", "snapshot_pipelines"]),
    ],
)
def test_an_area_is_a_folder_and_what_belongs_to_it_elsewhere(text: str, folders: list[str]) -> None:
    assert ran("-c", FOLDERS, text).stdout.splitlines() == folders
