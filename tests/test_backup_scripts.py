"""Plans of backups: what is wrong with one is said in a line, with status 2, and nothing is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def run(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPTS / script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": PATH})


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("", "names no store"),
        ("# nothing\n\n", "names no store"),
        ("disk d /dev/sda", "line 1: disk is no kind of store; there are bus, database, ledger, archive"),
        ("ledger daily file:///a", "line 1: write 'ledger NAME STORE_URL REPORTS_URL'"),
        ("archive Daily /a", "line 1: name Daily; use small letters, digits and -"),
        ("archive a /a\narchive a /b", "line 2: archive a is there twice"),
        ("database d postgresql://me:secret@h/d", "line 1: leave the password out of the address"),
        ("ledger d postgresql+psycopg://me:secret@h/d file:///r", "line 1: leave the password out of the address"),
        ("database d mysql://h/d", "line 1: database mysql://h/d; write postgresql://USER@HOST:PORT/NAME"),
    ],
)
def test_a_plan_that_cannot_be_meant_makes_nothing(tmp_path: Path, plan: str, told: str) -> None:
    (tmp_path / "plan").write_text(plan)
    for script, words in (("backup.sh", ("plan", "out")), ("restore.sh", ("out", "plan"))):
        done = run(script, *(tmp_path / word for word in words))
        assert done.returncode == 2, done
        assert told in done.stderr
        assert "secret" not in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["plan"]
