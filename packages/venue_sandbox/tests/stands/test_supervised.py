"""Whatever a supervisor is doing when a service is told to stop: no process is left, and none begins after it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from venue_sandbox.servers.launch import Server, Unhealthy
from venue_sandbox.stands.supervised import Supervised

SECONDS = 30
PROGRAM = """
import json, signal, sys

if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps({"port": 1}), flush=True)
sys.stdin.read()
"""


class Site(Supervised):
    """Services that only wait, and whose starts a test can hold up."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.pids = folder, list[int]()
        self.begun, self.may_start = threading.Event(), threading.Event()
        self.may_start.set()

    def _started(self, name: str, role: str) -> Server:
        self.begun.set()
        assert self.may_start.wait(SECONDS)
        server = Server("waiting_program", role, env={"PYTHONPATH": str(self.folder)})
        self.pids.append(server.process.pid)
        return server


@pytest.fixture
def site(tmp_path: Path) -> Generator[Site]:
    (tmp_path / "waiting_program.py").write_text(PROGRAM)
    with Site(tmp_path) as made:
        yield made
        made.may_start.set()
    assert [pid for pid in made.pids if runs(pid)] == []


def runs(pid: int) -> bool:
    """Whether there is a process; one of ours that has ended is waited for, so that its id is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def in_the_middle_of_a_start(site: Site) -> None:
    """Have a service end, and its supervisor in the middle of starting it again."""
    site.start_one("a", "meek")
    site.supervise("a")
    site.may_start.clear()
    site.begun.clear()
    site.kill("a")
    assert site.begun.wait(SECONDS)


def test_a_service_that_ends_is_started_again(site: Site) -> None:
    site.start_one("a", "meek")
    site.supervise("a")
    site.kill("a")
    until(lambda: len(site.pids) == 2)
    assert site.exits == [("a", -signal.SIGKILL)]
    assert site.stop("a") == -signal.SIGTERM


@pytest.mark.parametrize("stop", [lambda site: site.stop("a"), lambda site: site.stop_all()], ids=["one", "all"])
def test_a_service_that_is_just_being_started_again_is_stopped_with_what_was_started(
    site: Site, stop: Callable[[Site], object]
) -> None:
    in_the_middle_of_a_start(site)
    stopping = threading.Thread(target=stop, args=(site,))
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive()
    site.may_start.set()
    stopping.join(SECONDS)
    assert not stopping.is_alive()
    assert len(site.pids) == 2
    assert [pid for pid in site.pids if runs(pid)] == []


def test_a_service_that_is_started_anew_after_a_stop_has_one_process_and_one_supervisor(site: Site) -> None:
    in_the_middle_of_a_start(site)
    site.may_start.set()
    site.stop("a")
    site.start_one("a", "meek")
    site.supervise("a")
    site.kill("a")
    before = len(site.pids)
    until(lambda: len(site.pids) > before)
    time.sleep(0.3)  # time enough for an earlier supervisor to start another
    assert [runs(pid) for pid in site.pids] == [False] * before + [True]


def test_a_service_that_does_not_stop_in_time_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("venue_sandbox.stands.supervised.STOP_SECONDS", 0.3)
    site.start_one("a", "stubborn")
    with pytest.raises(Unhealthy, match=r"a was still running 0\.3 s after signal"):
        site.stop("a")
