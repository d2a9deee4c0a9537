"""Plans of backups: what is wrong with one is said in a line, with status 2, and nothing is made."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.services  # they start thousands of processes, and no server

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
        ("database d postgresql://me:se/cret@h/d", "line 1: leave the password out of the address"),
        ("database d postgresql://me@h/d?password=secret", "line 1: leave the password out of the address"),
        (f"database d postgresql://h/{54 * 'd'}", "with 1 to 53 letters, digits and _ as NAME"),
        ("archive a /my archive", "line 1: place archive; write a whole path without spaces"),
        ("archive a /a\r\n", "line 1: it ends as on Windows"),
    ],
)
def test_a_plan_that_cannot_be_meant_makes_nothing(tmp_path: Path, plan: str, told: str) -> None:
    (tmp_path / "plan").write_text(plan, newline="")
    for script, words in (("backup.sh", ("plan", "out")), ("restore.sh", ("out", "plan"))):
        done = run(script, *(tmp_path / word for word in words))
        assert done.returncode == 2, done
        assert told in done.stderr
        assert "cret" not in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["plan"]


def test_a_folder_is_no_plan(tmp_path: Path) -> None:
    for script, words in (("backup.sh", (tmp_path, tmp_path / "out")), ("restore.sh", (tmp_path / "out", tmp_path))):
        done = run(script, *words)
        assert (done.returncode, done.stderr) == (2, f"{script}: plan {tmp_path} cannot be read\n")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a plan of an archive with one object."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "one").write_text("one")
    plan = tmp_path / "plan"
    plan.write_text(f"archive a {tmp_path}/archive\n")
    return plan


def test_a_folder_may_end_with_a_slash(archive: Path, tmp_path: Path) -> None:
    done = run("backup.sh", archive, f"{tmp_path}/a backup//")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a backup" / "SHA256SUMS").is_file()


@pytest.mark.parametrize("folder", ["", "/", "-x"])
def test_a_folder_that_cannot_be_meant_makes_nothing(archive: Path, folder: str) -> None:
    done = run("backup.sh", archive, folder)
    assert (done.returncode, done.stderr) == (2, f"backup.sh: folder '{folder}'; write the path of a new one\n")


def test_a_restore_without_a_ledger_does_not_say_that_one_is_halted(archive: Path, tmp_path: Path) -> None:
    assert run("backup.sh", archive, tmp_path / "backup").returncode == 0
    (tmp_path / "restore").write_text(f"archive a {tmp_path}/again\n")
    done = run("restore.sh", tmp_path / "backup", tmp_path / "restore")
    assert done.returncode == 0, done.stderr
    assert "nothing was halted, as no ledger was restored" in done.stdout
    assert (tmp_path / "again" / "one").read_text() == "one"


def test_a_list_of_digests_that_was_cut_restores_nothing(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    (backup / "made").write_text("2026-03-02T00:00:00Z\n")
    (backup / "ledger-d.jsonl.gz").write_bytes(b"")
    (backup / "SHA256SUMS").write_text(f"{hashlib.sha256((backup / 'made').read_bytes()).hexdigest()}  ./made\n")
    (tmp_path / "plan").write_text(f"ledger d file://{tmp_path}/store file://{tmp_path}/reports\n")
    done = run("restore.sh", backup, tmp_path / "plan")
    assert done.returncode == 2
    assert "does not name ledger-d.jsonl.gz: it was cut; take another backup" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "plan"]


def test_a_backup_that_did_not_end_says_what_is_left(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "archive" / "one").unlink()
    done = run("backup.sh", archive, tmp_path / "backup")
    assert done.returncode == 1
    left = f"backup.sh: this backup did not end: look at {tmp_path}/backup.unfinished, remove it, and begin again"
    assert done.stderr.splitlines() == ["quant: the place holds nothing; check its address, or add --empty", left]
