"""Servers for tests, started side by side when the first test needs them.

A test process asks over a Unix socket, whose path is in TEST_SERVERS: it sends the name of a variable, such as
TEST_POSTGRES_URL, and gets a JSON document with that variable and others of the server; or ``{"error": ...}``. One that
only wants the server started does not wait for the answer.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from pathlib import Path

from venue_sandbox.servers.launch import Unhealthy
from venue_sandbox.servers.machine import CannotRun

__all__ = ["Serve", "Supply", "say"]

POLL_SECONDS = 0.2

Serve = Callable[[], AbstractContextManager[dict[str, str]]]


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(f"test-services: {line}", flush=True)


class Supply:
    """Servers by the variable that names them; leaving the context stops those that were started.

    Parameters
    ----------
    folder
        Where its socket is made.
    """

    def __init__(self, folder: Path, servers: Mapping[str, Serve]) -> None:
        self.path = folder / "servers"
        self._servers = servers
        self._starting = ThreadPoolExecutor(len(servers))
        self._answers: dict[str, Future[dict[str, str]]] = {}
        self._running = ExitStack()

    def __enter__(self) -> Supply:
        self._listener = self._running.enter_context(socket.socket(socket.AF_UNIX))
        self._listener.bind(os.fspath(self.path))
        self._listener.listen()
        return self

    def __exit__(self, *_: object) -> None:
        # What is being started is waited for: it has to be stopped, too.
        self._starting.shutdown(cancel_futures=True)
        self._running.close()

    def serve_while(self, process: subprocess.Popen[bytes]) -> int:
        """Answer until a process has ended; return its exit status."""
        while (ended := process.poll()) is None:
            if select.select([self._listener], [], [], POLL_SECONDS)[0]:
                asking, _ = self._listener.accept()
                self._answer(_line(asking)).add_done_callback(partial(_tell, asking))
        return ended

    def _answer(self, variable: str) -> Future[dict[str, str]]:
        if variable not in self._answers:
            self._answers[variable] = self._starting.submit(self._start, variable)
        return self._answers[variable]

    def _start(self, variable: str) -> dict[str, str]:
        try:
            return self._running.enter_context(self._servers[variable]())
        except (CannotRun, Unhealthy) as error:
            say(str(error))
            return {"error": str(error)}


def _line(asking: socket.socket) -> str:
    with asking.makefile("r") as stream:
        return stream.readline().strip()


def _tell(asking: socket.socket, answer: Future[dict[str, str]]) -> None:
    """Send an answer, if somebody waits for it."""
    with asking, suppress(BrokenPipeError):
        asking.sendall(json.dumps({} if answer.cancelled() else answer.result()).encode())
