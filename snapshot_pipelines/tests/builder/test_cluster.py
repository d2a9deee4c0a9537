"""`snapshots build` on a Dask cluster that is started for the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.services

FEATURES = """
import os
from pathlib import Path
from snapshot_pipelines.build.feature import feature

@feature(bars=1)
def range_3(w):
    (Path({folder!r}) / str(os.getpid())).touch()
    return w.closes(1)[0] * 0
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, set[int]]]:
    """Start a scheduler and two workers of one thread each; give its address and their process ids."""
    file = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    scheduler = ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = ["dask_worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{command}", *options, "--scheduler-file", str(file)],
            cwd=file.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command, *options in (scheduler, worker, worker)
    ]
    try:
        until = time.monotonic() + 30
        while not file.is_file() and time.monotonic() < until:
            time.sleep(0.05)
        yield json.loads(file.read_text("utf-8"))["address"], {process.pid for process in started[1:]}
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)


def snapshots(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    script = "from snapshot_pipelines.cli.main import main; main()"
    command = [sys.executable, "-c", script, "build", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_cluster_builds_the_same_bytes_in_its_own_processes(
    files: Any, cluster: tuple[str, set[int]], tmp_path: Path
) -> None:
    address, workers = cluster
    (at_work := tmp_path / "at_work").mkdir()
    (tmp_path / "more.py").write_text(FEATURES.format(folder=str(at_work)), "utf-8")
    (tmp_path / "mine.py").write_text((files.folder / "mine.py").read_text("utf-8").replace('"vol_63"', '"range_3"'))
    months = ["--month-ends", "2016-02", "2017-11", "--features", str(tmp_path / "more.py")]
    arguments = [*files.arguments, *months, "--strategy", f"{tmp_path / 'mine.py'}:Mine"]

    ended = snapshots(*arguments, "--out", str(tmp_path / "cluster"), "--workers", address)
    pids = {int(path.name) for path in at_work.iterdir()}
    alone = snapshots(*arguments, "--out", str(tmp_path / "alone"))

    assert (ended.returncode, alone.returncode) == (0, 0), ended.stderr + alone.stderr
    assert pids == workers
    assert os.getpid() not in workers
    built = [{p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.parquet")} for name in ("cluster", "alone")]
    assert built[0] == built[1]
    assert len(built[0]) == 22


def test_a_cluster_that_does_not_answer_is_one_line(files: Any, tmp_path: Path) -> None:
    months = ["--month-ends", "2017-10", "2017-11"]

    ended = snapshots(*files.arguments, *months, "--out", str(tmp_path / "out"), "--workers", "tcp://127.0.0.1:9")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9: " in ended.stderr
    assert not (tmp_path / "out").exists()


def test_a_feature_that_fails_on_a_worker_is_one_line(
    files: Any, cluster: tuple[str, set[int]], tmp_path: Path
) -> None:
    (tmp_path / "more.py").write_text(FEATURES.format(folder="/nowhere"), "utf-8")
    (tmp_path / "mine.py").write_text((files.folder / "mine.py").read_text("utf-8").replace('"vol_63"', '"range_3"'))
    more = ["--strategy", f"{tmp_path / 'mine.py'}:Mine", "--features", str(tmp_path / "more.py")]
    months = ["--month-ends", "2017-10", "2017-11", "--out", str(tmp_path / "out"), "--workers", cluster[0]]

    ended = snapshots(*files.arguments, *more, *months)

    assert ended.returncode == 1
    assert "feature range_3 fails: FileNotFoundError" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
