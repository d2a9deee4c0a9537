"""Services that run as processes, and are started again when they end, as a supervisor does."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from subprocess import TimeoutExpired
from typing import Self

from venue_sandbox.servers.launch import Server, Unhealthy
from venue_sandbox.servers.loopback import ask

__all__ = ["Supervised"]

POLL_SECONDS = 0.05
SERVED_SECONDS = 30.0
STOP_SECONDS = 30.0


@dataclass(slots=True, eq=False)
class _Kept:
    """How a service is started again.

    Attributes
    ----------
    over
        Set once it is told to stop.
    starting
        Held while it is started again: whoever stops it waits for what is started.
    """

    make: Callable[[], Server]
    over: threading.Event = field(default_factory=threading.Event)
    starting: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Supervised:
    """Services by name; leaving its context stops them all.

    Attributes
    ----------
    exits
        Who has ended, and with which status, in sequence.
    """

    servers: dict[str, Server] = field(init=False, default_factory=dict[str, Server])
    exits: list[tuple[str, int]] = field(init=False, default_factory=list[tuple[str, int]])
    _kept: dict[str, _Kept] = field(init=False, default_factory=dict[str, _Kept])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    def start_one(self, name: str, role: str) -> None:
        """Start a service under a name of its own: a second submitter, say."""
        kept = self._kept[name] = _Kept(lambda: self._started(name, role))
        self.servers[name] = kept.make()

    def supervise(self, name: str) -> None:
        """Start a service again whenever it ends, until it is told to stop."""
        threading.Thread(target=self._supervise, args=(name, self._kept[name]), daemon=True).start()

    def wait_until_working(self, name: str, seconds: float = SERVED_SECONDS) -> None:
        """Wait until a service says that it works; raises `Unhealthy` when it does not in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError):
                if ask(self.servers[name].port, "GET", "/healthz", None, timeout=5.0).good:
                    return
            time.sleep(POLL_SECONDS)
        raise Unhealthy(f"{name} does not work after {seconds:g} s; see its log")

    def stop(self, name: str, number: int = signal.SIGTERM) -> int:
        """Tell a service to stop, and let it be; return its exit status.

        What a supervisor is starting at that moment is waited for, and stopped: no process is left. One that is still
        running after `STOP_SECONDS` is ended, and `Unhealthy` raised.
        """
        kept = self._kept.pop(name)
        kept.over.set()
        with kept.starting:
            server = self.servers.pop(name)
        try:
            server.process.send_signal(number)
            return server.process.wait(STOP_SECONDS)
        except TimeoutExpired:
            raise Unhealthy(f"{name} was still running {STOP_SECONDS:g} s after signal {number}") from None
        finally:
            with suppress(ProcessLookupError):
                server.kill()

    def kill(self, name: str) -> None:
        """End a service as a crash would; a supervisor starts it again."""
        self.servers[name].process.kill()

    def pause(self, name: str, seconds: float) -> None:
        """Stop a service for a while, as a machine that is starved does."""
        process = self.servers[name].process
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            process.send_signal(signal.SIGCONT)

    def stop_all(self) -> dict[str, int]:
        """Stop everything; return the exit statuses. Services may be started again after that."""
        names = list(self.servers)
        with ThreadPoolExecutor(max(1, len(names))) as pool:
            return dict(zip(names, pool.map(self.stop, names), strict=True))

    def ended(self, statuses: Collection[int]) -> list[str]:
        """Return which services have ended with one of some statuses, as often as they did."""
        return [name for name, status in self.exits if status in statuses]

    def _started(self, name: str, role: str) -> Server:
        """Start a process of a service."""
        raise NotImplementedError

    def _supervise(self, name: str, kept: _Kept) -> None:
        while not kept.over.wait(POLL_SECONDS):
            with kept.starting:
                server = self.servers.get(name)
                if server is None or kept.over.is_set():
                    return
                if (status := server.process.poll()) is not None:
                    self.exits.append((name, status))
                    server.kill()  # it has ended; its pipes are closed
                    with suppress(Unhealthy):
                        self.servers[name] = kept.make()
