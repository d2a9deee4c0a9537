"""Ends the private servers of a folder, and removes it, when who started them has ended in any way.

It is run as a script of its own, ``python guard.py FOLDER``, and needs the standard library only. It waits for a line,
or for the end, of its standard input. Then it ends every process that a file ``NAME.pid`` in the folder tells of.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["Noted", "crash", "end", "has_ended", "note", "noted"]

GRACE_SECONDS = 5.0
KILLED_SECONDS = 10.0
POLL_SECONDS = 0.02

Noted = tuple[int, str]
"""Of a process its id and, where the system tells it, the moment of its start: an id may be given again."""


def note(file: Path, pid: int) -> None:
    """Write down a process that leads a session."""
    file.write_text(f"{pid} {_state_and_birth(pid)[1]}".strip(), encoding="ascii")


def noted(file: Path) -> Noted | None:
    """Return the process that was written down; None where there is none."""
    try:
        pid, _, birth = file.read_text(encoding="ascii").strip().partition(" ")
    except FileNotFoundError:
        return None
    return (int(pid), birth) if pid.isdecimal() else None


def has_ended(process: Noted) -> bool:
    """Return whether a process has ended, also when its parent has not asked for its exit status yet."""
    pid, birth = process
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state, born = _state_and_birth(pid)
    return state == "Z" or bool(birth and born != birth)


def end(process: Noted, seconds: float) -> bool:
    """Ask a process to end, and after so many seconds kill its group; return whether it ended when it was asked."""
    _signal(process, signal.SIGTERM, os.kill)
    if _ends_within(seconds, process):
        return True
    crash(process)
    return False


def crash(process: Noted) -> None:
    """Kill a process and its group, and wait until it has ended."""
    _signal(process, signal.SIGKILL, os.killpg)
    _ends_within(KILLED_SECONDS, process)


def _signal(process: Noted, number: signal.Signals, send: Callable[[int, int], None]) -> None:
    if not has_ended(process):
        with suppress(ProcessLookupError):
            send(process[0], number)


def _ends_within(seconds: float, process: Noted) -> bool:
    deadline = time.monotonic() + seconds
    while not (ended := has_ended(process)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return ended


def _state_and_birth(pid: int) -> tuple[str, str]:
    """Return the state of a process and the moment of its start, as Linux tells them; empty elsewhere."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]


def main() -> None:
    """Wait, then clean up."""
    folder = Path(sys.argv[1])
    sys.stdin.readline()
    processes = [process for file in sorted(folder.glob("*.pid")) if (process := noted(file))]
    for process in processes:
        _signal(process, signal.SIGTERM, os.kill)
    for process in processes:
        end(process, GRACE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
