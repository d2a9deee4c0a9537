"""The file store passes the store contract, and survives what a killed writer leaves behind."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import Conflict, InvalidInput, StoreError
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.testing.store_contract import StoreContract

PROCESSES = 4
CONTEND = """
import sys
from pathlib import Path
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import Conflict

store, name = FileStore(Path(sys.argv[1])), sys.argv[2].encode()
print("ready", flush=True)
sys.stdin.readline()
for turn in range(20):
    for attempt in (store.create, lambda key, data: store.replace("lease", data, turn + 1)):
        try:
            attempt(f"claims/{turn}", name)
        except Conflict:
            print("lost", flush=True)
        else:
            print("won", flush=True)
        sys.stdin.readline()
"""
DIE = """
import os, signal, sys
from pathlib import Path
from quant_platform_kit.adapters.file_store import FileStore

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(os, sys.argv[2], die)
store = FileStore(Path(sys.argv[1]))
if store.get("lease") is None:
    store.create("lease", b"half")
else:
    store.replace("lease", b"half", 1)
"""


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


@pytest.fixture
def reopen(store: FileStore) -> Callable[[], FileStore]:
    return lambda: FileStore(store.root)


class TestFileStore(StoreContract):
    """The cases that every store passes."""


def test_of_processes_that_create_and_replace_at_once_exactly_one_wins(store: FileStore) -> None:
    store.create("lease", b"free")
    command = [sys.executable, "-c", CONTEND, str(store.root)]
    processes = [
        subprocess.Popen(
            [*command, f"process {n}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for n in range(PROCESSES)
    ]

    def hear(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def go() -> None:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")

    assert [hear(process) for process in processes] == ["ready"] * PROCESSES
    for turn in range(20):
        for key in (f"claims/{turn}", "lease"):
            go()
            answers = [hear(process) for process in processes]
            assert sorted(answers) == ["lost"] * (PROCESSES - 1) + ["won"]
            stored = store.get(key)
            assert stored is not None
            assert stored.data.decode() == f"process {answers.index('won')}"
    go()
    for process in processes:
        process.communicate()
        assert process.returncode == 0


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_writer_killed_before_a_create_took_effect_leaves_nothing_visible(store: FileStore, call: str) -> None:
    store.create("earlier", b"{}")
    killed = subprocess.run([sys.executable, "-c", DIE, str(store.root), call], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(store.root.iterdir())) == 2, "no leftover beside the earlier object"
    assert store.get("lease") is None
    assert store.keys("") == ["earlier"]
    assert store.create("lease", b"whole") == 1
    assert store.get("lease") == Stored(b"whole", 1)


def test_a_writer_killed_before_a_replace_took_effect_leaves_the_old_object(store: FileStore) -> None:
    store.create("lease", b"old")
    killed = subprocess.run([sys.executable, "-c", DIE, str(store.root), "fsync"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len([path for path in store.root.iterdir() if path.name != ".lock"]) == 2, "no leftover beside the object"
    assert store.get("lease") == Stored(b"old", 1)
    assert store.keys("") == ["lease"]
    assert store.replace("lease", b"new", 1) == 2
    assert store.get("lease") == Stored(b"new", 2)


@pytest.mark.parametrize("damage", [b"", b"{}", b"x1\n{}", b"-1\n{}", b"1.5\n{}"])
def test_a_damaged_object_is_named_and_never_overwritten(store: FileStore, damage: bytes) -> None:
    store.create("runs/one", b"{}")
    path = store.root / "runs/one"
    path.write_bytes(damage)
    with pytest.raises(StoreError, match=rf"{path} is damaged"):
        store.get("runs/one")
    with pytest.raises(StoreError, match=rf"{path} is damaged"):
        store.replace("runs/one", b"new", 1)
    with pytest.raises(Conflict):
        store.create("runs/one", b"new")
    assert path.read_bytes() == damage


def test_a_lock_that_somebody_keeps_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    store = FileStore(tmp_path, timeout_seconds=0.05)
    store.create("lease", b"1")
    with (tmp_path / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"\.lock is held by another process for 0\.05 s"):
            store.replace("lease", b"2", 1)
    assert store.replace("lease", b"3", 1) == 2


def test_an_object_below_a_regular_file_is_a_store_error_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    below = FileStore(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match=str(tmp_path / "file")):
        below.create("runs/one", b"{}")
    with pytest.raises(StoreError, match=str(tmp_path / "file")):
        below.replace("runs/one", b"{}", 1)


@pytest.mark.parametrize("prefix", ["../", "../outside", "a/../../", "/"])
def test_a_listing_shows_nothing_from_outside_the_store(store: FileStore, tmp_path: Path, prefix: str) -> None:
    store.create("inside", b"{}")
    (tmp_path / "outside").write_bytes(b"1\n{}")
    try:
        listed = store.keys(prefix)
    except InvalidInput:
        return
    assert listed == []


def test_reading_an_empty_store_creates_nothing(store: FileStore) -> None:
    assert store.get("runs/one") is None
    assert store.keys("") == store.keys("runs/") == []
    assert not store.root.exists()
