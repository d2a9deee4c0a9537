"""The part of the release campaign that moves services: killed, disturbed, and broken on purpose.

Two services that share an image, on the emulators of Cloud Run and Cloud Scheduler, with revisions that start in
milliseconds.
"""

import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from quant_release.cloud.holds import ServiceLedger
from quant_release.cloud.run_api import CloudRun
from quant_release.cloud.scheduler_api import Scheduler
from quant_release.run import service_records
from quant_release.run.apply import was_held
from quant_release.steps.machine import Boundary, Reached, Subject
from quant_release.steps.table import Scope
from quant_release.testing import crashing

from chaos.release_faults import every_disturbance, hurried, tried
from chaos.release_site import PAIR, ServiceSite, Workshop, workshop
from chaos.release_watch import watched

__all__ = ["at_every_boundary", "at_every_effect", "campaign", "kill_once_at_each"]

ROUNDS = (set(Boundary) - {Boundary.VERIFIED}, {Boundary.VERIFIED})
"""A step whose process died after its action is not taken again, and does not come to be verified: two rounds."""
STEPS = {"apply": 8, "switch": 5, "rollback": 7}
"""Steps of one service: a switch makes no revision with an image, and going back needs no settings of its own."""


def campaign(instants: int, seed: int) -> dict[str, Any]:
    """Kill and disturb releases; return what was counted."""
    began, found = time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="quant-chaos-") as name, workshop(Path(name).resolve()) as shop:
        at_boundaries = {command: at_every_boundary(shop, command, found) for command in STEPS}
        at_effects = {command: at_every_effect(shop, command, found) for command in STEPS}
        draw = random.Random(seed)
        at_instants = sum(at_an_instant(shop, draw, found) for _ in range(instants))
        half_way = sum(half_way_back(shop, draw, found) for _ in range(instants // 4))
        with hurried():
            disturbances = list(every_disturbance())
            for one in disturbances:
                found.update(tried(shop, one))
    looks, stopped = found.pop("looks", 0), found.pop("stopped", 0)
    return {
        "campaign": "release-services",
        "killed_at_boundaries": at_boundaries,
        "killed_after_effects": at_effects,
        "killed_at_instants": at_instants,
        "killed_and_rolled_back": half_way,
        "disturbed": len(disturbances),
        "stopped_by_it": stopped,
        "looks": looks,
        "faults": dict(found),
        "seconds": round(time.monotonic() - began),
        "met": not found and at_boundaries == {name: 2 * len(Boundary) * count for name, count in STEPS.items()},
    }


def at_every_boundary(shop: Workshop, command: str, found: Counter[str], *, paused: bool = False) -> int:
    """Let a command be killed at the next boundary each time; return how often it was."""
    killed = 0
    for boundaries in ROUNDS:
        with shop.site(command, paused=paused) as site, watched(site, found):
            killed += site.to_the_end(kill_once_at_each(site.made.rehearsal.tools / "seen", boundaries))
            found.update(site.faults())
    return killed


def kill_once_at_each(seen: Path, boundaries: Collection[Boundary]) -> Reached:
    """Return a watcher that kills its process at the first boundary of a service at which none was killed before."""
    kill = crashing.kill_once_at_each(seen, boundaries)
    return lambda at, row, on: kill(at, row, on) if on.scope is Scope.SERVICE else None


EFFECTS: tuple[tuple[Any, str], ...] = (
    (CloudRun, "write_template"),
    (CloudRun, "write_traffic"),
    (Scheduler, "set_paused"),
    (ServiceLedger, "set_hold"),
    (service_records, "_create"),
)
"""What changes Cloud Run, the job, the ledger and what the journal knows of services."""


def at_every_effect(shop: Workshop, command: str, found: Counter[str], services: Mapping[str, str] = PAIR) -> int:
    """Let a command be killed after its next durable effect each time, in the middle of its steps."""
    with shop.site(command, services) as site, watched(site, found):
        seen = site.made.rehearsal.tools / "effects"
        kept = [(place, name, getattr(place, name)) for place, name in EFFECTS]
        for place, name, effect in kept:
            setattr(place, name, killed_after(seen, name, effect))
        try:
            killed = site.to_the_end()
        finally:
            for place, name, effect in kept:
                setattr(place, name, effect)
        found.update(site.faults())
    return killed


def killed_after(seen: Path, name: str, effect: Callable[..., Any]) -> Callable[..., Any]:
    """Return an effect after which its process is killed, the first time that it is had on the same thing."""

    def had(*words: Any, **more: Any) -> Any:
        result = effect(*words, **more)
        of = [getattr(words[0], "_service", ""), *(word for word in words if isinstance(word, str | tuple))]
        line = f"{name} {of} {more}\n"
        known = seen.read_text().splitlines(keepends=True) if seen.exists() else []
        if line not in known:
            with seen.open("a") as file:
                file.write(line)
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return had


def half_way_back(shop: Workshop, draw: random.Random, found: Counter[str]) -> int:
    """Kill an apply while it moves services, and go back, killed on the way, too; return how often it was killed."""
    with shop.site("apply") as site, watched(site, found):
        killed = killed_while_moving(site, draw.uniform(0.0, 0.8))
        back = replace(site, command="rollback")
        if any(held_by_last_run(site)):
            killed += killed_while_moving(back, draw.uniform(0.0, 0.5))
            if back.to_the_end() < 0:
                found["not rolled back"] += 1
            found.update(back.faults(exactly=False))
    return killed


def held_by_last_run(site: ServiceSite) -> Iterator[bool]:
    """Yield of each service whether it was held: one that was not has nowhere to go back to."""
    run = site.journal.runs()[-1]
    return (was_held(site.journal, run.run, Subject(Scope.SERVICE, name)) for name in site.made.services)


def at_an_instant(shop: Workshop, draw: random.Random, found: Counter[str]) -> int:
    """Let a command be killed at one to three instants while it moves services; return how often it was."""
    with shop.site(draw.choice(("apply", "apply", "switch", "rollback"))) as site, watched(site, found):
        killed = sum(killed_while_moving(site, draw.uniform(0.0, 1.0)) for _ in range(draw.randint(1, 3)))
        if site.to_the_end() < 0:
            found["not finished"] += 1
        found.update(site.faults())
    return killed


def killed_while_moving(site: ServiceSite, seconds: float) -> bool:
    """Kill a process so long after it began to move services; return whether it was not done before."""
    begun = site.made.rehearsal.tools / "begun"
    begun.unlink(missing_ok=True)
    child = site.start(lambda at, row, on: begun.touch() if on.scope is Scope.SERVICE else None)
    while child.is_alive() and not begun.exists():
        time.sleep(0.002)
    child.join(seconds)
    child.kill()
    child.join()
    return child.exitcode == -signal.SIGKILL
