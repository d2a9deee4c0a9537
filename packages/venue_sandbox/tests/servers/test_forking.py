"""Servers that are forked are processes as any other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from venue_sandbox.servers.forking import Forked, Nursery
from venue_sandbox.servers.launch import Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forking servers is for Linux")
SECONDS = 30
PROGRAM = """
import os, signal, sys
loaded_by = os.getpid()

def main():
    print(loaded_by, os.getpid(), os.getsid(0), os.getcwd(), sys.argv, os.environ.get("NAME"), flush=True)
    print(sys.stdin.read(), file=sys.stderr)
    sys.exit("it goes wrong" if "--wrong" in sys.argv else 0)
"""


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Generator[Nursery]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "forked_program.py").write_text(PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        with Nursery(["forked_program"]) as made:
            yield made


def said(process: Process) -> list[str]:
    """Return the words of its first line."""
    assert process.stdout is not None
    return process.stdout.readline().split(maxsplit=4)


def closed(process: Process) -> None:
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()


def test_a_forked_server_has_its_own_id_session_folder_words_environment_and_streams(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "errors").open("w") as errors:
        process = nursery.spawn("forked_program", ("--word",), {"NAME": "value"}, errors)
    loaded_by, pid, session, folder, rest = said(process)
    assert isinstance(process, Forked)
    assert loaded_by != pid
    assert (int(pid), int(session)) == (process.pid, process.pid)
    assert (folder, rest) == (str(tmp_path), "['forked_program', '--word'] value\n")
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.write("told")
    process.stdin.close()
    assert process.wait(SECONDS) == process.poll() == process.returncode == 0
    assert (tmp_path / "errors").read_text() == "told\n"
    closed(process)


def test_without_an_environment_it_has_that_of_the_nursery(nursery: Nursery) -> None:
    process = nursery.spawn("forked_program", (), None, None)
    assert said(process)[4].endswith("None\n")
    closed(process)
    assert process.wait(SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signals_end_one_and_no_other(nursery: Nursery, number: int) -> None:
    ended, other = (nursery.spawn("forked_program", (), None, None) for _ in range(2))
    assert said(ended) != said(other)
    with pytest.raises(subprocess.TimeoutExpired):
        ended.wait(0)
    ended.send_signal(number)
    assert ended.wait(SECONDS) == -number
    ended.send_signal(number)
    assert other.poll() is None
    with pytest.raises(ProcessLookupError):
        os.kill(ended.pid, 0)
    closed(ended)
    closed(other)
    assert other.wait(SECONDS) == 0


def test_an_end_with_an_error_is_told_as_by_an_interpreter(nursery: Nursery, tmp_path: Path) -> None:
    with (tmp_path / "errors").open("w") as errors:
        process = nursery.spawn("forked_program", ("--wrong",), None, errors)
    said(process)
    closed(process)
    assert process.wait(SECONDS) == 1
    assert (tmp_path / "errors").read_text() == "\nit goes wrong\n"


def test_what_is_not_loaded_is_started_in_an_interpreter_of_its_own(nursery: Nursery) -> None:
    process = nursery.spawn("this", (), None, None)
    assert isinstance(process, subprocess.Popen)
    assert process.stdout is not None
    assert "Zen" in process.stdout.read()
    assert process.wait(SECONDS) == 0
    closed(process)
