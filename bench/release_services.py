"""What moving services costs beside what it waits for, and how long services are held.

``release_own_time``: of the steps of services, the time of the release's own beside its calls, the start of revisions
and waiting: at most 5 %. ``release_hold``: the longest time that one of four services with the same image is held,
over that of a service alone: at most 1.5 times. Every call of the emulators takes 50 ms more than it would, without
which nothing would be waited for: the first figure is as small as that is long.

``release_status_services``: the status of four services, over the slowest call, with 200 ms more on each, plus git: at
most 1.5 times.
"""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_release.demo.baseline import BUNDLE
from quant_release.inspect.overall import read_overall
from quant_release.inspect.status import read_status
from quant_release.steps.machine import Boundary, Subject
from quant_release.steps.table import Row, Scope

from chaos.release_site import ServiceSite, Workshop, workshop

__all__ = ["measure"]

ROUNDS = 5
ONE = {"longbridge-0": "longbridge"}
FOUR = {f"longbridge-{number}": "longbridge" for number in range(4)}
CALL_SECONDS = 0.05
STATUS_SECONDS = 0.2
BOUNDS = {"own_time": 0.05, "hold": 1.5, "status_services": 1.5}


@dataclass(frozen=True)
class Moved:
    """What moving services took, in seconds: all of it, what of it was spent on others, the longest time held."""

    whole: float
    elsewhere: float
    held: float


def measure(what: str) -> dict[str, Any]:
    """Return the median of the rounds."""
    with TemporaryDirectory(prefix="quant-bench-") as name, workshop(Path(name).resolve()) as shop:

        def moved(services: Mapping[str, str]) -> Moved:
            with shop.site("apply", services) as site:
                for server in (shop.cloud.run, shop.cloud.scheduler):
                    server.fault("slow", seconds=CALL_SECONDS, times=None)
                return _moved(site)

        match what:
            case "own_time":
                figures = _own_time(moved)
            case "hold":
                figures = _hold(moved)
            case _:
                figures = _status(shop)
    met = figures["ratio"] <= BOUNDS[what]
    return {**figures, "ratio": round(figures["ratio"], 3), "bound": BOUNDS[what], "met": met}


def _own_time(moved: Callable[[Mapping[str, str]], Moved]) -> dict[str, Any]:
    found = [moved(FOUR) for _ in range(ROUNDS)]
    return {
        "ratio": statistics.median((one.whole - one.elsewhere) / one.elsewhere for one in found),
        "whole_seconds": round(statistics.median(one.whole for one in found), 3),
        "elsewhere_seconds": round(statistics.median(one.elsewhere for one in found), 3),
    }


def _hold(moved: Callable[[Mapping[str, str]], Moved]) -> dict[str, Any]:
    pairs = [(moved(ONE).held, moved(FOUR).held) for _ in range(ROUNDS)]
    return {
        "ratio": statistics.median(four / one for one, four in pairs),
        "one_seconds": round(statistics.median(one for one, _ in pairs), 3),
        "four_seconds": round(statistics.median(four for _, four in pairs), 3),
    }


def _status(shop: Workshop) -> dict[str, Any]:
    """Ask four services again and again; the slowest call of each time is what it is measured against."""
    ratios: list[float] = []
    whole: list[float] = []
    with shop.site("apply", FOUR) as site:
        options, root = site.made.options(), site.made.rehearsal.root
        for server in (shop.cloud.run, shop.cloud.scheduler):
            server.fault("slow", seconds=STATUS_SECONDS, times=None)
        read_overall(options, BUNDLE)
        for _ in range(3 * ROUNDS):
            began = time.perf_counter()
            read_status(root)
            git = time.perf_counter() - began
            began = time.perf_counter()
            with _timed([(requests.Session, "send")]) as calls:
                read_overall(options, BUNDLE)
            whole.append(time.perf_counter() - began)
            ratios.append((whole[-1] - git) / max(end - begin for begin, end in calls))
    return {"ratio": statistics.median(ratios), "whole_seconds": round(statistics.median(whole), 3)}


def _moved(site: ServiceSite) -> Moved:
    """Move services; each is held from the end of its hold to that of its opening."""
    times: dict[tuple[str, str], float] = {}

    def reached(at: Boundary, row: Row, on: Subject) -> None:
        if on.scope is Scope.SERVICE:
            times.setdefault(("", ""), time.perf_counter())
            if at is Boundary.ACTED:
                times[row.step, on.name] = time.perf_counter()

    with _timed(_outside(site)) as elsewhere:
        site.perform(reached=reached)
    return Moved(
        max(times.values()) - times["", ""],
        sum(end - begin for begin, end in elsewhere if begin >= times["", ""] and end <= max(times.values())),
        max(times["open", name] - times["hold", name] for name in site.made.services),
    )


def _outside(site: ServiceSite) -> list[tuple[Any, str]]:
    """Return what is not the release's own: calls, waiting, stores."""
    store = type(open_store(site.made.ledger))
    return [
        (requests.Session, "send"),
        (SystemClock, "sleep"),
        *((store, name) for name in ("create", "replace", "get", "keys", "now")),
    ]


@contextmanager
def _timed(places: list[tuple[Any, str]]) -> Generator[list[tuple[float, float]]]:
    """Note when each call of some functions began and ended; one within another is not noted."""
    noted: list[tuple[float, float]] = []
    depth: Counter[int] = Counter()

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            thread = threading.get_ident()
            depth[thread] += 1
            began = time.perf_counter()
            try:
                return function(*words, **more)
            finally:
                depth[thread] -= 1
                if not depth[thread]:
                    noted.append((began, time.perf_counter()))

        return call

    kept = [(place, name, getattr(place, name)) for place, name in places]
    for place, name, function in kept:
        setattr(place, name, timed(function))
    try:
        yield noted
    finally:
        for place, name, function in kept:
            setattr(place, name, function)
