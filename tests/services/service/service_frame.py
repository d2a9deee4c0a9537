"""The paper service as it is deployed: a process of its own, with a venue and a scheduler beside it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from venue_sandbox.servers.loopback import Answer, ask
from venue_sandbox.stands.paper import PaperPlatform

TIME = "X-CloudScheduler-ScheduleTime"
PROFILE, SYMBOLS = "dual_momentum", ("AGG", "BIL", "EFA", "SPY")
DUE = datetime(2022, 5, 2, 19, 45, tzinfo=UTC)
"""15:45 in New York on the first session after a month end."""
SHORT = {"LEASE_SECONDS": "6", "PAPER_TIMEOUT_SECONDS": "2", "PAPER_SETTLE_SECONDS": "1", "FILL_TIMEOUT_SECONDS": "3"}
STOP_SECONDS = 10


@dataclass
class Platform(PaperPlatform):
    """The platform with a client of its own beside the scheduler."""

    def post(self, due: datetime = DUE, mode: str | None = None, **headers: str) -> Answer:
        """Trigger a run, at the time that the venue has."""
        body = None if mode is None else {"mode": mode}
        return ask(self.service.port, "POST", "/run", body, headers={TIME: slot(due), **headers}, timeout=60)

    def read(self, path: str, **headers: str) -> Answer:
        """Ask the service for something."""
        return ask(self.service.port, "GET", path, headers=headers, timeout=60)

    def until(self, happened: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something."""
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.02)

    def terminate(self) -> float:
        """Tell the service to stop as the platform does; return the seconds it took to end, with status 0."""
        begun = time.monotonic()
        self.service.process.send_signal(signal.SIGTERM)
        assert self.service.process.wait(STOP_SECONDS) == 0
        self.service._close()
        return time.monotonic() - begun

    @property
    def recorded(self) -> list[str]:
        """The objects of both stores, but for the mark that ``/ready`` writes."""
        files = [path for name in ("store", "reports") for path in (self.folder / name).rglob("*") if path.is_file()]
        return [path.name for path in files if path.name not in ("ready", ".lock")]

    @property
    def log(self) -> str:
        """What the service has logged."""
        return (self.folder / "service.log").read_text()


def slot(due: datetime) -> str:
    """Return a schedule time as the scheduler writes it."""
    return f"{due:%Y-%m-%dT%H:%M:%SZ}"


def report_of(answer: Answer) -> dict[str, Any]:
    """Return the report of the account."""
    assert answer.status == 200, answer
    return answer.document["runs"][0]["report"]


Start = Callable[..., Platform]
