"""Start a server of the sandbox as a process of its own, and tell it what to do wrong.

Needs the standard library only.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol, Self

from venue_sandbox.servers.loopback import ask

__all__ = ["Process", "Server", "Spawn", "Unhealthy", "interpreter"]

START_SECONDS = 60.0
STOP_SECONDS = 20.0
CONTROL_SECONDS = 30.0


class Unhealthy(RuntimeError):
    """A server of the sandbox did not start, or did not do what it was told."""


class Process(Protocol):
    """A process that was started here, with the parts of `subprocess.Popen` that its starter needs."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    @property
    def stdin(self) -> IO[str] | None:
        """Our end of its standard input."""
        ...

    @property
    def stdout(self) -> IO[str] | None:
        """Our end of its standard output."""
        ...

    @property
    def returncode(self) -> int | None:
        """Its exit status, once it was asked for and there was one; minus the signal that ended it."""
        ...

    def poll(self) -> int | None:
        """Return the exit status; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status; `subprocess.TimeoutExpired` if there is none after so many seconds."""
        ...

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, unless it has ended."""
        ...

    def terminate(self) -> None:
        """Send SIGTERM."""
        ...

    def kill(self) -> None:
        """Send SIGKILL."""
        ...


Spawn = Callable[[str, tuple[str, ...], Mapping[str, str] | None, IO[str] | None], Process]
"""Starts a module with words of its command line, its environment, and where its standard error goes.

Its standard input and output are pipes, and it leads a session of its own.
"""


def interpreter(
    module: str, words: tuple[str, ...], env: Mapping[str, str] | None, errors: IO[str] | None
) -> subprocess.Popen[str]:
    """Start a module in an interpreter of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
        env=env,
    )


class Server:
    """A running server; leaving its context stops it. It also stops when this process ends in any way.

    Parameters
    ----------
    module
        What ``python -m`` runs, such as ``venue_sandbox.cloud.storage``.
    options
        Further words of its command line.
    env
        Its whole environment, for a program that takes its settings from there; this process's own if not given.
    log
        File that its standard error is appended to; this process's own if not given.

    Attributes
    ----------
    port
        Where it listens on 127.0.0.1.
    control_port
        Where its control endpoint listens; the same as ``port`` where the server speaks HTTP.
    spawn
        How processes are started: each in an interpreter of its own, unless tests say otherwise.
    """

    spawn: ClassVar[Spawn] = interpreter
    opened: ClassVar[set[int]] = set()
    """Every port of 127.0.0.1 that a server of this process has listened on: tests connect to no other."""

    def __init__(
        self, module: str, *options: str, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self.name, self._log = module, log
        self._said = log.stat().st_size if log is not None and log.exists() else 0
        with nullcontext() if log is None else log.open("a") as errors:
            self.process: Process = type(self).spawn(module, ("--stop-at-eof", *options), env, errors)
        try:
            ports = self._ports()
        except BaseException:
            self.kill()
            raise
        self.port = ports["port"]
        self.control_port = ports.get("control_port", self.port)
        self.opened.update((self.port, self.control_port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Unhealthy(f"{self.name} was still running {STOP_SECONDS:g} s after SIGTERM") from None
        self._close()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()
        self._close()

    def fault(self, kind: str, **fields: Any) -> None:
        """Arm a fault; see the server for its kinds and fields."""
        self.control("POST", "faults", {"kind": kind, **fields})

    def clear(self) -> None:
        """Disarm every fault."""
        self.control("DELETE", "faults")

    def requests(self) -> dict[str, int]:
        """Return the number of requests by operation."""
        return self.control("GET", "requests")

    def forget_requests(self) -> None:
        """Count requests from zero."""
        self.control("DELETE", "requests")

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the control endpoint; return the document it answers with, None if there is none."""
        answer = ask(self.control_port, method, f"/_control/{path}", body, timeout=CONTROL_SECONDS)
        if not answer.good:
            said = answer.body.decode().strip()
            raise Unhealthy(f"{self.name}: {method} {path} was answered {answer.status}: {said}")
        return answer.document if answer.body else None

    def _ports(self) -> dict[str, int]:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], START_SECONDS)[0]:
            raise Unhealthy(f"{self.name} did not listen within {START_SECONDS:g} s")
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait(STOP_SECONDS)
            raise Unhealthy(f"{self.name} ended with status {status} before it listened{self.last_words()}")
        return json.loads(line)

    def last_words(self) -> str:
        """Return the last line it wrote into a log of its own, behind a colon."""
        if self._log is None:
            return ""
        lines = self._log.read_bytes()[self._said :].decode(errors="replace").splitlines()
        return f": {lines[-1]}" if lines else ""

    def _close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
