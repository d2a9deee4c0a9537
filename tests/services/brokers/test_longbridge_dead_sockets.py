"""A run whose quote socket is dead ends within its deadline, over both libraries of LongBridge.

The run is in a service of its own, so that whatever hangs there hangs neither the clock that measures it nor this test.
Both libraries hold the interpreter's lock while they wait: the service answers somebody else all the while only if none
of that happens in its own process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.domain.runs import Outcome
from venue_sandbox.demo.market import choose_market
from venue_sandbox.demo.tour import report_of
from venue_sandbox.servers.loopback import ask
from venue_sandbox.stands.longbridge import LongBridgePlatform

TIMEOUT = 3.0
"""What one call to LongBridge may take."""
DEADLINE = TIMEOUT + 5.0
"""What a run may take that one call of it holds up, with two processes to start on a busy machine."""
WITHOUT = """
from importlib.machinery import PathFinder

found = PathFinder.find_spec.__func__
PathFinder.find_spec = classmethod(lambda cls, name, *rest: None if name == "{}" else found(cls, name, *rest))
"""
"""Makes a package absent for a process that finds this as its ``sitecustomize``."""

Start = Callable[..., LongBridgePlatform]


@dataclass
class Pulse:
    """Asks a service for a sign of life twenty times a second, and notes how long the answers take."""

    port: int
    seconds: list[float] = field(default_factory=list[float])
    stop: threading.Event = field(default_factory=threading.Event)

    def beat(self) -> None:
        while not self.stop.wait(0.05):
            begun = time.monotonic()
            assert ask(self.port, "GET", "/ready").good
            self.seconds.append(time.monotonic() - begun)


@contextmanager
def pulse(port: int) -> Generator[Pulse]:
    made = Pulse(port)
    thread = threading.Thread(target=made.beat)
    thread.start()
    try:
        yield made
    finally:
        made.stop.set()
        thread.join()


def workers(pid: int) -> list[str]:
    """Return the processes that the threads of a service have started to do its work, and that run."""
    found: list[str] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += (thread / "children").read_text().split()
    return [child for child in found if _works(child)]


def _works(pid: str) -> bool:
    with suppress(OSError):
        return b"worker_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@pytest.fixture(params=["longbridge", "longport"])
def library(request: pytest.FixtureRequest) -> str:
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture
def platform(library: str, tmp_path: Path) -> Generator[LongBridgePlatform]:
    """Return a platform whose service has one of the libraries only."""
    market = choose_market()
    due = market.due(date(2023, 5, 31))
    other = "longport" if library == "longbridge" else "longbridge"
    (tmp_path / "sitecustomize.py").write_text(WITHOUT.format(other))
    settings = {
        "ENTER_NOW": "true",
        "PYTHONPATH": str(tmp_path),
        "LONGBRIDGE_TIMEOUT_SECONDS": str(TIMEOUT),
        "LEASE_SECONDS": "20",
    }
    prices = market.file(tmp_path / "prices.csv")
    made = LongBridgePlatform(
        tmp_path / "longbridge", prices, market.profile, settings=settings, opens_at=due.isoformat()
    )
    with made:
        yield made


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "dead_socket", "socket": "quote", "operation": "quotes"},
        {"kind": "dead_socket", "operation": "quotes"},
        {"kind": "silent_drop", "operation": "quotes", "times": None},
        {"kind": "silent_drop", "operation": "auth", "times": None},
        {"kind": "silent_drop", "operation": "quote_socket", "times": None},
        {"kind": "silent_drop", "operation": "socket_token", "times": None},
        {"kind": "half_open", "operation": "quotes"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_run_whose_quote_socket_is_dead_ends_within_its_deadline(
    platform: LongBridgePlatform, library: str, fault: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    due = choose_market().due(date(2023, 5, 31))
    platform.venue.fault(**fault)
    with pulse(platform.service.port) as signs:
        begun = time.monotonic()
        (attempt,) = platform.fire(due).attempts
        took = time.monotonic() - begun
    record_property("seconds", round(took, 2))
    record_property("slowest_sign_of_life", round(max(signs.seconds), 3))
    assert attempt.status == 503, attempt.said
    assert "LongBridge did not answer" in attempt.body
    assert took < DEADLINE
    assert len(signs.seconds) > 20
    assert max(signs.seconds) < TIMEOUT - 0.5, "nothing holds the lock of the service's process"
    left = workers(platform.service.process.pid)
    assert left == [], "the process that hung has ended with the run"
    platform.venue.clear()
    report = report_of(platform, platform.fire(due))
    assert report.outcome is Outcome.COMPLETED, report.reasons
    assert len(platform.sent()) == 1


def test_the_service_has_the_library_that_the_test_is_about(platform: LongBridgePlatform, library: str) -> None:
    due = choose_market().due(date(2023, 5, 31))
    seen: set[str] = set()

    def look() -> None:
        while not done.wait(0.02):
            for pid in workers(platform.service.process.pid):
                try:
                    seen.update(Path(f"/proc/{pid}/maps").read_text().split())
                except OSError:
                    continue

    done = threading.Event()
    thread = threading.Thread(target=look)
    thread.start()
    assert report_of(platform, platform.fire(due)).outcome is Outcome.COMPLETED
    done.set()
    thread.join()
    loaded = {Path(name).parent.name for name in seen if "/site-packages/long" in name}
    assert loaded == {library}
