"""Services that run as processes, and are started again when they end, as a supervisor does."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from venue_sandbox.servers.launch import Server, Unhealthy
from venue_sandbox.servers.loopback import ask

__all__ = ["Supervised"]

POLL_SECONDS = 0.05
SERVED_SECONDS = 30.0
STOP_SECONDS = 30.0


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
    _wanted: dict[str, Callable[[], Server]] = field(init=False, default_factory=dict[str, Callable[[], Server]])
    _lock: threading.RLock = field(init=False, default_factory=threading.RLock)
    _stopping: threading.Event = field(init=False, default_factory=threading.Event)
    _supervisors: list[threading.Thread] = field(init=False, default_factory=list[threading.Thread])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    def start_one(self, name: str, role: str) -> None:
        """Start a service under a name of its own: a second submitter, say."""
        self._wanted[name] = make = lambda: self._started(name, role)
        self.servers[name] = make()

    def supervise(self, name: str) -> None:
        """Start a service again whenever it ends, until it is told to stop."""
        supervisor = threading.Thread(target=self._supervise, args=(name,), daemon=True)
        self._supervisors.append(supervisor)
        supervisor.start()

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
        """Tell a service to stop, and let it be; return its exit status."""
        with self._lock:
            self._wanted.pop(name, None)
            server = self.servers.pop(name)
        server.process.send_signal(number)
        status = server.process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            server.kill()
        return status

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
        """Stop everything; return the exit statuses."""
        self._stopping.set()
        for supervisor in self._supervisors:
            supervisor.join(SERVED_SECONDS)
        with ThreadPoolExecutor(max(1, len(self.servers))) as pool:
            names = list(self.servers)
            return dict(zip(names, pool.map(self.stop, names), strict=True))

    def ended(self, statuses: Collection[int]) -> list[str]:
        """Return which services have ended with one of some statuses, as often as they did."""
        return [name for name, status in self.exits if status in statuses]

    def _started(self, name: str, role: str) -> Server:
        """Start a process of a service."""
        raise NotImplementedError

    def _supervise(self, name: str) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            with self._lock:
                make, server = self._wanted.get(name), self.servers.get(name)
            if make is None or server is None:
                return
            if (status := server.process.poll()) is not None:
                self.exits.append((name, status))
                server.kill()  # it has ended; its pipes are closed
                with suppress(Unhealthy):
                    self._replace(name, make())

    def _replace(self, name: str, fresh: Server) -> None:
        with self._lock:
            if name in self._wanted:
                self.servers[name] = fresh
                return
        fresh.kill()
