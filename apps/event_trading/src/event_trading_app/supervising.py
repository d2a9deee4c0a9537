"""All services of a deployment as processes of this machine: started, started again, and stopped together."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self
from urllib.request import urlopen

from loguru import logger
from quant_platform_kit.domain.errors import QuantError

from event_trading_app.names import RESTART, Service

__all__ = ["Site", "ordered"]

GRACE_SECONDS = 25.0
POLL_SECONDS = 0.2
AGAIN_SECONDS = 1.0
ANSWER_SECONDS = 2.0


def ordered(services: Collection[Service]) -> list[Service]:
    """Return services in the order of the way of an event, the last first: who is to be listened to comes last."""
    return sorted(services, key=lambda service: -service.offset)


@dataclass(slots=True)
class _Child:
    """A process; ``port`` is where its page is, 0 until it says so."""

    process: subprocess.Popen[str]
    port: int = 0
    due: float = 0.0

    def close(self) -> None:
        """Close what this process has of one that has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()


@dataclass
class Site:
    """Processes of services; leaving its context stops them.

    Attributes
    ----------
    environment
        Of every process.
    logs
        Folder for a log file of each; they log on this process's standard error where it is None.
    """

    environment: Mapping[str, str]
    logs: Path | None = None
    _children: dict[str, _Child] = field(default_factory=dict[str, _Child])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, service: Service, name: str = "") -> None:
        """Start a service; a second one of a service needs a name of its own."""
        name = name or service.value
        words = [sys.executable, "-m", "event_trading_app", "--stop-at-eof", "run", service.value]
        with self._log(name) as log:
            process = subprocess.Popen(
                words,
                env={**self.environment, "EVENT_TRADING_INSTANCE": name},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        child = self._children[name] = _Child(process)
        threading.Thread(target=_read_port, args=(child,), daemon=True).start()

    def port(self, name: str) -> int:
        """Return where the page of a service is; 0 if it has not said so yet."""
        return self._children[name].port

    def wait_until_listening(self, seconds: float) -> None:
        """Wait until every service has its page; raises `QuantError` for one that has none by then."""
        until = time.monotonic() + seconds
        for name, child in self._children.items():
            while not child.port:
                if child.process.poll() is not None or time.monotonic() > until:
                    raise QuantError(f"{name} did not start within {seconds:g} s; see its log")
                time.sleep(POLL_SECONDS / 4)

    def works(self, name: str) -> bool:
        """Whether the page of a service says that it works."""
        child = self._children[name]
        return child.port > 0 and _works(child.port)

    def all_work(self) -> bool:
        """Whether the pages of all services say so."""
        return all(self.works(name) for name in self._children)

    def kill(self, name: str) -> None:
        """End a process as a crash would."""
        self._children[name].process.kill()
        self._children[name].process.wait()

    def end(self, name: str) -> int:
        """Tell one to stop, and return its exit status; one that does not stop in time is killed."""
        child = self._children.pop(name)
        child.process.terminate()
        return _ended(child, GRACE_SECONDS)

    def look_after(self) -> list[str]:
        """Start again who asks for it or was killed; return who has ended for good, with its exit status."""
        ended: list[str] = []
        for name, child in tuple(self._children.items()):
            code = child.process.poll()
            if code is None:
                continue
            if code != RESTART and code >= 0:
                ended.append(f"{name} has ended with status {code}")
                self._children.pop(name).close()
            elif not child.due:
                child.due = time.monotonic() + AGAIN_SECONDS
            elif time.monotonic() >= child.due:
                logger.info("{} is started again", name)
                child.close()
                self.start(Service(name.partition("-")[0]), name)
        return ended

    def stop(self) -> dict[str, int]:
        """Tell all to stop, those that listen first; return their exit statuses."""
        for child in reversed(self._children.values()):
            if child.process.poll() is None:
                child.process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        codes = {name: _ended(child, max(0.1, until - time.monotonic())) for name, child in self._children.items()}
        self._children.clear()
        return codes

    def _log(self, name: str) -> AbstractContextManager[IO[bytes] | None]:
        if self.logs is None:
            return nullcontext()
        self.logs.mkdir(parents=True, exist_ok=True)
        return (self.logs / f"{name}.log").open("ab")


def _works(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=ANSWER_SECONDS) as answer:
            state = str(json.load(answer).get("state", ""))
    except (OSError, ValueError):
        return False
    return state != "starting"


def _ended(child: _Child, seconds: float) -> int:
    """Return the exit status of a process that was told to stop; one that does not in time is killed."""
    try:
        code = child.process.wait(seconds)
    except subprocess.TimeoutExpired:
        child.process.kill()
        code = child.process.wait()
    child.close()
    return code


def _read_port(child: _Child) -> None:
    """Read the line in which a service says where its page is; read on, so that it never waits."""
    assert child.process.stdout is not None
    with child.process.stdout as lines:
        for line in lines:
            try:
                child.port = int(json.loads(line)["port"])
            except (KeyError, TypeError, ValueError):
                continue
