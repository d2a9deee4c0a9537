"""Servers that are forked from a process which has loaded their modules already.

Starting an interpreter and importing a venue takes a second, forking one some milliseconds. What is forked is a
process as any other: it has its own memory, pipes, session and exit status, and signals reach it. Linux only.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import IO, Any, Self

from venue_sandbox.servers.launch import Process, interpreter

__all__ = ["Forked", "Nursery"]

MOST_BYTES = 1 << 18
STANDARD_STREAMS = 3


class Nursery:
    """A process that loads a module when it is first asked for it, and forks servers of what it has loaded.

    It is started when the first server is asked for.

    Leaving the context ends it. Servers that it forked run on, until their standard input ends.

    Parameters
    ----------
    modules
        What it may be asked for, each with a function ``main``: packages with a ``__main__``, or modules.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        self._asking: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._asking is not None and self._process is not None:
            self._asking.close()
            self._process.wait()

    def spawn(
        self, module: str, words: tuple[str, ...], env: Mapping[str, str] | None, errors: IO[str] | None
    ) -> Process:
        """Fork a server of one of the modules; start any other in an interpreter of its own."""
        if module not in self._modules:
            return interpreter(module, words, env, errors)
        asking = self._asking = self._asking or self._start()
        child_reads, we_write = os.pipe()
        we_read, child_writes = os.pipe()
        status, told = os.pipe()
        order = {"module": module, "words": words, "env": env and dict(env), "folder": os.getcwd()}
        theirs = [child_reads, child_writes, errors.fileno() if errors else 2, told]
        socket.send_fds(asking, [json.dumps(order).encode()], theirs)
        for descriptor in (child_reads, child_writes, told):
            os.close(descriptor)
        return Forked(status, os.fdopen(we_write, "w"), os.fdopen(we_read))

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", __name__]
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), start_new_session=True)
        return ours


class Forked:
    """A process that a nursery has forked.

    Parameters
    ----------
    status
        Where the nursery writes its id, and at its end its exit status.
    """

    def __init__(self, status: int, stdin: IO[str], stdout: IO[str]) -> None:
        self._status = os.fdopen(status, "rb", buffering=0)
        self.stdin, self.stdout = stdin, stdout
        self.pid = int(self._status.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status; `subprocess.TimeoutExpired` if there is none after so many seconds."""
        ended = self._ended(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return ended

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            # Nothing is said where the nursery itself was killed; its servers end with it.
            self.returncode = int(self._status.readline() or -signal.SIGKILL)
            self._status.close()
        return self.returncode


# --- the nursery itself --------------------------------------------------------------------------


def main() -> None:
    """Fork a server of a module whenever it is asked for on standard input."""
    asked = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    running: dict[int, tuple[int, int]] = {}
    while True:
        ready = select.select([asked.fileno(), *running], [], [])[0]
        for ended in running.keys() & ready:
            _bury(ended, *running.pop(ended))
        if asked.fileno() in ready:
            text, descriptors, _, _ = socket.recv_fds(asked, MOST_BYTES, STANDARD_STREAMS + 1)
            if not text:
                return
            order = json.loads(text)
            program = _program(order["module"])
            pid = os.fork()
            if pid == 0:
                _become(order, descriptors, [asked.detach(), *running, *(told for _, told in running.values())])
                program.main()
                return
            for descriptor in descriptors[:STANDARD_STREAMS]:
                os.close(descriptor)
            told = descriptors[STANDARD_STREAMS]
            _tell(told, pid)
            running[os.pidfd_open(pid)] = pid, told


@cache
def _program(name: str) -> ModuleType:
    """Load what ``python -m`` would run; collections of garbage in the servers leave it alone."""
    spec = find_spec(name)
    program = import_module(f"{name}.__main__" if spec is not None and spec.submodule_search_locations else name)
    gc.collect()
    gc.freeze()
    return program


def _become(order: Mapping[str, Any], descriptors: Sequence[int], foreign: Sequence[int]) -> None:
    """Make this process, just forked, what an interpreter of its own would be."""
    os.setsid()
    for number, descriptor in enumerate(descriptors[:STANDARD_STREAMS]):
        os.dup2(descriptor, number)
    for descriptor in (*descriptors, *foreign):
        os.close(descriptor)
    if order["env"] is not None:
        os.environ.clear()  # noqa: TID251 - what an interpreter is started with
        os.environ.update(order["env"])  # noqa: TID251
    os.chdir(order["folder"])
    sys.argv = [order["module"], *order["words"]]


def _bury(ended: int, pid: int, told: int) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(ended)
    _tell(told, status)
    os.close(told)


def _tell(told: int, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody wants to know any more
        os.write(told, b"%d\n" % number)


if __name__ == "__main__":
    main()
