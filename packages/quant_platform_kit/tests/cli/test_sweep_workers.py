"""`quant sweep` in several processes and on a Dask cluster: the same bytes, and nobody outlives the command."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from .test_sweep import GRID, asked, market

__all__ = ["market"]
pytestmark = pytest.mark.services
CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
SCRIPT = "from quant_platform_kit.cli.main import main; main()"


@pytest.fixture(scope="module")
def cluster() -> Generator[str]:
    """Start a cluster of two workers that only this machine reaches; give its address."""
    with subprocess.Popen([sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout
        yield started.stdout.readline().decode().strip()
        started.communicate()


def swept(market: Path, out: Path, *more: str) -> tuple[bytes, ...]:
    command = [sys.executable, "-c", SCRIPT, *map(str, asked(market, out, *GRID, *more))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return tuple((out / name).read_bytes() for name in ("results.parquet", "equity.parquet"))


def test_processes_and_clusters_make_the_same_bytes(market: Path, tmp_path: Path, cluster: str) -> None:
    alone = swept(market, tmp_path / "1" / "out")
    assert swept(market, tmp_path / "2" / "out", "--workers", "2") == alone
    assert swept(market, tmp_path / "3" / "out", "--workers", "2", "--backend", "dask") == alone
    assert swept(market, tmp_path / "4" / "out", "--workers", cluster, "--backend", "dask") == alone


def test_a_cluster_that_does_not_answer_is_one_line(market: Path, tmp_path: Path) -> None:
    words = asked(market, tmp_path / "out", *GRID, "--workers", "tcp://127.0.0.1:9")
    done = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, words)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "no Dask scheduler answers at tcp://127.0.0.1:9: " in done.stderr
    assert not (tmp_path / "out").exists()


def test_workers_end_with_a_command_that_was_killed(market: Path, tmp_path: Path) -> None:
    words = asked(market, tmp_path / "out", "--random", 200, "--workers", 2)
    running = subprocess.Popen([sys.executable, "-c", SCRIPT, *map(str, words)], start_new_session=True)
    while not list((tmp_path / "out").glob("points/*.npz")) and running.poll() is None:
        time.sleep(0.02)
    running.kill()
    running.wait()
    end = time.monotonic() + 30
    while _alive(running.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _alive(running.pid)


def _alive(session: int) -> list[str]:
    """Return the processes of a session, those left out that ended and that nobody asked for."""
    listed = subprocess.run(["ps", "-A", "-o", "sid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=2) for line in listed.splitlines())
    return [args for sid, state, args in rows if int(sid) == session and not state.startswith("Z")]
