"""A folder of plain files passes the store contract, and takes what people and killed writers leave in it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.adapters.snapshot_stores import open_snapshots, split_address
from quant_platform_kit.domain.errors import Conflict, InvalidInput, StoreError
from quant_platform_kit.testing.store_contract import SnapshotStoreContract

DIE = """
import os, signal, sys
from pathlib import Path
from quant_platform_kit.adapters.plain_folder import PlainFolder

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(os, sys.argv[2], die)
store = PlainFolder(Path(sys.argv[1]))
found = store.get("latest")
store.create("latest", b"half") if found is None else store.replace("latest", b"half", found.generation)
"""


@pytest.fixture
def store(tmp_path: Path) -> PlainFolder:
    return PlainFolder(tmp_path / "store")


@pytest.fixture
def reopen(store: PlainFolder) -> Callable[[], PlainFolder]:
    return lambda: PlainFolder(store.root)


class TestPlainFolder(SnapshotStoreContract):
    """The cases that every store of snapshots passes."""


def test_objects_are_files_as_any_tool_reads_them(store: PlainFolder) -> None:
    store.create("versions/2018-11-30/rows.parquet", b"PAR1")
    assert (store.root / "versions/2018-11-30/rows.parquet").read_bytes() == b"PAR1"


def test_files_put_there_by_hand_are_objects(store: PlainFolder) -> None:
    (store.root / "versions").mkdir(parents=True)
    (store.root / "versions/rows.parquet").write_bytes(b"first")
    (store.root / "versions/a note.txt").write_bytes(b"no key")
    assert store.keys("") == ["versions/rows.parquet"]
    first = store.get("versions/rows.parquet")
    assert first is not None
    (store.root / "versions/rows.parquet").write_bytes(b"other")
    with pytest.raises(Conflict, match=r"versions/rows\.parquet"):
        store.replace("versions/rows.parquet", b"third", first.generation)
    second = store.get("versions/rows.parquet")
    assert second is not None
    store.replace("versions/rows.parquet", b"third", second.generation)
    assert (store.root / "versions/rows.parquet").read_bytes() == b"third"


def test_a_generation_does_not_come_back_however_fast_content_is_changed_and_changed_back(store: PlainFolder) -> None:
    generations = [store.create("latest", b"a")]
    for data in [b"b", b"a"] * 200:
        generations.append(store.replace("latest", data, generations[-1]))
    assert len(set(generations)) == len(generations)


def test_a_generation_does_not_come_back_with_a_file_that_is_removed_and_made_again_at_once(store: PlainFolder) -> None:
    generations: list[int] = []
    for _ in range(100):
        generations.append(store.create("latest", b"a"))
        store.delete("latest")
    assert len(set(generations)) == len(generations)


def test_a_write_that_fails_leaves_nothing(store: PlainFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.create("earlier", b"{}")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="store object latest: No space left on device"):
        store.create("latest", b"a")
    assert [path.name for path in store.root.iterdir()] == ["earlier"]


def test_a_file_from_the_future_is_replaced_by_a_later_one(store: PlainFolder) -> None:
    generation = store.create("latest", b"a")
    later = time.time_ns() + 10**12
    os.utime(store.root / "latest", ns=(later, later))
    with pytest.raises(Conflict):
        store.replace("latest", b"b", generation)
    present = store.get("latest")
    assert present is not None
    store.replace("latest", b"b", present.generation)
    assert (store.root / "latest").stat().st_mtime_ns > later


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_writer_killed_before_a_create_took_effect_leaves_nothing_visible(store: PlainFolder, call: str) -> None:
    store.create("earlier", b"{}")
    killed = subprocess.run([sys.executable, "-c", DIE, str(store.root), call], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(store.root.iterdir())) == 2, "no leftover beside the earlier object"
    assert store.keys("") == ["earlier"]
    assert store.get("latest") is None
    store.create("latest", b"whole")


def test_a_writer_killed_before_a_replace_took_effect_leaves_the_old_object(store: PlainFolder) -> None:
    generation = store.create("latest", b"old")
    killed = subprocess.run([sys.executable, "-c", DIE, str(store.root), "fsync"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len([path for path in store.root.iterdir() if path.name != ".lock"]) == 2, "no leftover beside the object"
    assert store.get("latest") == (b"old", generation)
    assert store.keys("") == ["latest"]


def test_folders_that_become_empty_are_removed_and_made_again(store: PlainFolder) -> None:
    store.create("versions/2018-11-30/rows.parquet", b"{}")
    store.create("latest", b"{}")
    store.delete("versions/2018-11-30/rows.parquet")
    assert sorted(path.name for path in store.root.iterdir()) == [".lock", "latest"]
    store.create("versions/2018-11-30/rows.parquet", b"{}")


def test_a_folder_may_be_removed_while_another_writes_into_it(store: PlainFolder) -> None:
    def write(name: str) -> None:
        for _ in range(60):
            store.create(f"versions/2018-11-30/{name}", b"{}")
            store.delete(f"versions/2018-11-30/{name}")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, ("a", "b", "c")))
        listed = store.keys("versions/")
    assert listed == []


def test_a_folder_is_no_object_and_what_cannot_be_read_is_an_error_of_the_store(store: PlainFolder) -> None:
    store.create("versions/rows.parquet", b"{}")
    assert store.get("versions") is None
    assert store.get("versions/rows.parquet/below") is None
    (store.root / "loop").symlink_to("loop")
    with pytest.raises(StoreError, match="store object loop: "):
        store.get("loop")


@pytest.mark.parametrize(
    ("address", "folder", "name"),
    [
        ("gs://bucket/prefix/x.json", "gs://bucket/prefix", "x.json"),
        ("file:///folder/a%20b.json", "file:///folder", "a b.json"),
        ("/x.json", "/", "x.json"),
        ("x.json", ".", "x.json"),
    ],
)
def test_an_address_is_a_folder_and_a_name(address: str, folder: str, name: str) -> None:
    assert split_address(address) == (folder, name)


def test_a_root_is_a_path_or_a_url(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    for root in (str(folder), f"file://{folder}".replace(" ", "%20"), f"file://localhost{folder}"):
        open_snapshots(root).create(f"object-{len(root)}", b"{}")
    assert len(PlainFolder(folder).keys("")) == 3
    for root in ("s3://bucket", "file://host/folder", "file:///folder?x=1"):
        with pytest.raises(InvalidInput, match="is no place of snapshots; write a folder"):
            open_snapshots(root)
