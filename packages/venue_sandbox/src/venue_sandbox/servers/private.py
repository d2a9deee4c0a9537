"""A private server: one process with a folder of its own that can be stopped, killed and started again.

What it is stands in a file of that folder, so that other processes can restart it:
``python -m venue_sandbox.servers.private restart FILE``, or ``start``, ``stop`` and ``kill``.
"""

from __future__ import annotations

import argparse
import json
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from venue_sandbox.servers import guard
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.machine import HOST, CannotRun
from venue_sandbox.servers.signals import undisturbed

__all__ = ["AddressInUse", "Greeting", "Private", "Running", "Served", "guarded_folder", "main", "started"]

START_ATTEMPTS = 3
POLL_SECONDS = 0.05
ANSWER_SECONDS = 2.0
STOP_SECONDS = 30.0
LOG_LINES = 20
IN_USE = ("address already in use", "eaddrinuse")

_started: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that were started here; Python wants them kept until they have ended."""


class AddressInUse(CannotRun):
    """Somebody else has taken the port since it was found free."""


class Running(Protocol):
    """A private server that runs, until it is stopped or killed; what it has confirmed is kept."""

    @property
    def url(self) -> str:
        """Its address, with a user and his password."""
        ...

    @property
    def restart(self) -> str:
        """Command line that restarts it as after a crash."""
        ...

    def start(self) -> None:
        """Start it again, at the same address, and wait until it serves."""
        ...

    def stop(self) -> None:
        """Have it end in order, and wait until it has; nothing if it does not run."""
        ...

    def kill(self) -> None:
        """End it as a crash would, and wait until it has ended; nothing if it does not run."""
        ...


@dataclass(frozen=True, slots=True)
class Greeting:
    """How a server is asked whether it serves.

    Attributes
    ----------
    said
        What is sent to its port, one character for a byte.
    expected
        What it answers within a while, if it serves, maybe among other things.
    """

    said: str
    expected: str


@dataclass(frozen=True, slots=True)
class Private:
    """A server that is one process in the foreground.

    Attributes
    ----------
    name
        Of its files in the folder: ``NAME.json``, ``NAME.pid`` and ``NAME.log``.
    folder
        Its working directory; also its home.
    command
        Its command line.
    environment
        All of its variables but HOME.
    port
        Where it listens on 127.0.0.1.
    greeting
        Asks whether it serves.
    start_seconds
        Within which it serves.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    greeting: Greeting
    start_seconds: float

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return the server that a file ``NAME.json`` describes."""
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        command, greeting = tuple(told["command"]), Greeting(**told["greeting"])
        rest = told["environment"], told["port"], greeting, told["start_seconds"]
        return cls(told["name"], Path(told["folder"]), command, *rest)

    @property
    def restart(self) -> str:
        """Command line that restarts it as after a crash."""
        return shlex.join((sys.executable, "-m", __name__, "restart", str(self._file("json"))))

    @property
    def pid(self) -> int | None:
        """The id of its process; None while it does not run."""
        process = guard.noted(self._file("pid"))
        return process[0] if process and not guard.has_ended(process) else None

    def start(self) -> None:
        """Start it and wait until it serves.

        Raises
        ------
        CannotRun
            It ended, or did not serve in time, with the end of its log; `AddressInUse` if that was the reason.
        """
        if self.pid is not None:
            return
        self._file("json").write_text(json.dumps({**asdict(self), "folder": str(self.folder)}), encoding="utf-8")
        with self._file("log").open("ab") as log:
            before = log.tell()
            process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={"LANG": "C.UTF-8", **self.environment, "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        guard.note(self._file("pid"), process.pid)
        _started[process.pid] = process
        Server.opened.add(self.port)
        self._wait(before)

    def stop(self) -> None:
        """Have it end in order, or else with force, and wait until it has ended."""
        if process := guard.noted(self._file("pid")):
            guard.end(process, STOP_SECONDS)
            self._forget(process)

    def kill(self) -> None:
        """End it as a crash would, and wait until it has ended."""
        if process := guard.noted(self._file("pid")):
            guard.crash(process)
            self._forget(process)

    def serves(self) -> bool:
        """Return whether it answers the greeting."""
        said, expected = self.greeting.said.encode("latin-1"), self.greeting.expected.encode("latin-1")
        answer = b""
        with suppress(OSError), socket.create_connection((HOST, self.port), ANSWER_SECONDS) as asking:
            asking.sendall(said)
            while expected not in answer and (more := asking.recv(1024)):
                answer += more
        return expected in answer

    def _wait(self, log_begins: int) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not self.serves():
            ended = self.pid is None
            if ended or time.monotonic() > deadline:
                self.kill()
                said = self._file("log").read_bytes()[log_begins:].decode("utf-8", "replace")
                why = "ended before it served" if ended else f"did not serve within {self.start_seconds:g} s"
                kind = AddressInUse if any(words in said.lower() for words in IN_USE) else CannotRun
                raise kind("\n".join((f"{self.name} {why}:", *said.splitlines()[-LOG_LINES:])))
            time.sleep(POLL_SECONDS)

    def _forget(self, process: guard.Noted) -> None:
        if started := _started.pop(process[0], None):
            started.wait()
        self._file("pid").unlink(missing_ok=True)

    def _file(self, kind: str) -> Path:
        return self.folder / f"{self.name}.{kind}"


@dataclass(frozen=True, slots=True)
class Served:
    """A server of one process that runs, until it is stopped or killed.

    Attributes
    ----------
    url
        Its address, with a user and his password.
    process
        The server itself.
    """

    url: str
    process: Private

    @property
    def restart(self) -> str:
        """Command line that restarts it as after a crash."""
        return self.process.restart

    def start(self) -> None:
        """Start it again, on the same port with what it has kept, and wait until it serves."""
        self.process.start()

    def stop(self) -> None:
        """Have it end in order, and wait until it has."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would, and wait until it has ended."""
        self.process.kill()


def started(make: Callable[[], Private]) -> Private:
    """Start a server, made anew with another port where somebody else has taken the one it was made with."""
    for _ in range(START_ATTEMPTS - 1):
        server = make()
        with suppress(AddressInUse):
            server.start()
            return server
    server = make()
    server.start()
    return server


@contextmanager
def guarded_folder() -> Generator[Path]:
    """Yield a folder for servers; they end, and it is removed, when the context or this process ends, in any way."""
    folder = Path(tempfile.mkdtemp(prefix="quant-services-"))
    command = [sys.executable, "-I", "-S", guard.__file__, str(folder)]
    guarding = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield folder
    finally:
        with undisturbed():
            guarding.communicate(b"\n")


def main() -> None:
    """Control a server that another process has started."""
    parser = argparse.ArgumentParser(description="Control a private server.")
    parser.add_argument("action", choices=("restart", "start", "stop", "kill"))
    parser.add_argument("file", type=Path, help="NAME.json in the folder of the server")
    options = parser.parse_args()
    server = Private.read(options.file)
    match options.action:
        case "restart":
            server.kill()
            server.start()
        case action:
            getattr(server, action)()


if __name__ == "__main__":
    main()
