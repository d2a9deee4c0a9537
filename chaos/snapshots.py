"""Publishers of snapshots are killed, raced and pruned after, while a reader polls.

``python -m chaos.snapshots --store STORE --kills 200 --races 100`` prints one JSON line: how often a reader found
something torn, unverifiable or older than before, how races ended, and what readers met while old versions were
removed. ``--mutant NAME``, or ``all``, says what the campaign finds of a defect.
"""

import argparse
import json
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from chaos.arguments import positive
from chaos.snapshot_mutants import MUTANTS, mutated
from chaos.snapshot_site import KINDS, LAST, Site, days, newest_at, serve_site

__all__ = ["killed", "pruned", "raced"]

MEASURED, BEYOND = 3, 1.15
"""Publications that are timed before any is killed, and the share of their time within which one is killed."""
GIVE_UP_SECONDS = 60
PRUNED, KEPT = 40, 1
"""Publications while old versions are removed, and how many sessions are kept: fewer than a command allows."""
Tell = Callable[[int, int], None]


def killed(site: Site, kills: int, seed: int, tell: Tell = lambda done, of: None) -> dict[str, object]:
    """Kill publishers at random instants until there were so many; each snapshot is published in the end."""
    draw, found, deaths, again = random.Random(seed), Counter[str](), 0, 0
    sessions = iter(days(4 * kills + MEASURED))
    with site.reader() as end:
        seconds = [_published(site, next(sessions), found, site.dawdler) for _ in range(MEASURED)]
        longest, day = BEYOND * statistics.median(seconds), LAST
        while deaths < kills:
            day = next(sessions)
            root, done = site.make(day), False
            while not done:
                publisher = site.dawdler(root)
                if deaths < kills:
                    publisher.join(draw.uniform(0, longest))
                if publisher.is_alive() and deaths < kills:
                    publisher.kill()
                publisher.join(GIVE_UP_SECONDS)
                deaths += publisher.exitcode == -signal.SIGKILL
                again += publisher.exitcode == -signal.SIGKILL and newest_at(site) == day
                done = publisher.exitcode == 0
                if publisher.exitcode not in (0, -signal.SIGKILL):
                    found[f"publisher ended: {site.said(root).strip()[:120]}"] += 1
                    done = True
                found.update(site.audit(settled=publisher.exitcode == 0))
                tell(deaths, kills)
        found.update(_older_is_refused(site, day))
        found.update(end())
    reads = found.pop("reads")
    return {"kills": deaths, "after_latest_moved": again, "reads": reads, "faults": dict(found)}


def _published(site: Site, day: date, found: Counter[str], start: Callable[[Path], BaseProcess]) -> float:
    """Publish without harm; return how many seconds it took."""
    root, began = site.make(day), time.monotonic()
    publisher = start(root)
    publisher.join(GIVE_UP_SECONDS)
    if publisher.exitcode != 0:
        found[f"publisher ended: {site.said(root).strip()[:120]}"] += 1
    return time.monotonic() - began


def _older_is_refused(site: Site, newest: date) -> Counter[str]:
    """Try to publish a session before the latest one."""
    root = site.make(days(1)[0], salt=99)
    publisher = site.publisher(root)
    publisher.join(GIVE_UP_SECONDS)
    refused = publisher.exitcode == 1 and f"is older than {newest}" in site.said(root)
    return Counter() if refused else Counter({"an older session was published": 1})


def raced(site: Site, races: int, tell: Tell = lambda done, of: None) -> dict[str, object]:
    """Let two publishers of one session move `latest` at the same moment, again and again."""
    found = Counter[str]()
    with site.reader() as end:
        for number, day in enumerate(days(races)):
            barrier = get_context("fork").Barrier(2)
            roots = [site.make(day, salt) for salt in (1, 2)]
            racers = [site.publisher(root, lambda barrier=barrier: _at_once(barrier)) for root in roots]
            for racer in racers:
                racer.join(GIVE_UP_SECONDS)
            codes = [racer.exitcode for racer in racers]
            winner = site.root().latest("chaos")
            told = winner and f"another publisher made {day} {winner.found.digest[:12]} latest at "
            said = [site.said(root) for root, code in zip(roots, codes, strict=True) if code == 1]
            if sorted(codes, key=str) != [0, 1]:
                found[f"ended {codes}"] += 1
            elif not (told and told in said[0] and "nothing was changed" in said[0]):
                found[f"the loser said: {said[0].strip()[:120]}"] += 1
            if len(site.root().versions("chaos", day)) != 1:
                found["a version of the loser is left"] += 1
            found.update(site.audit(settled=True))
            tell(number + 1, races)
        found.update(end())
    reads = found.pop("reads")
    return {"races": races, "reads": reads, "faults": dict(found)}


def _at_once(barrier: object) -> None:
    """Have this process wait for the other one before it moves `latest`."""
    from snapshot_pipelines.publish import publishing

    move = publishing._move  # pyright: ignore[reportPrivateUsage]

    def wait_and_move(*arguments: object) -> None:
        barrier.wait(GIVE_UP_SECONDS)  # type: ignore[attr-defined]
        move(*arguments)  # type: ignore[arg-type]

    publishing._move = wait_and_move  # pyright: ignore[reportPrivateUsage]


def pruned(site: Site, publications: int = PRUNED, tell: Tell = lambda done, of: None) -> dict[str, object]:
    """Publish one session after the other while all but the newest are removed, and a slow reader reads."""
    found = Counter[str]()
    with site.reader(slow=True) as end:
        process, ended = site.pruner(KEPT)
        for number, day in enumerate(days(publications)):
            _published(site, day, found, site.publisher)
            tell(number + 1, publications)
        ended.set()
        process.join(GIVE_UP_SECONDS)
        if process.exitcode != 0:
            found[f"pruner ended {process.exitcode}"] += 1
        found.update(site.audit(settled=True))
        found.update(end())
    reads, again = found.pop("reads"), found.pop("looked again", 0)
    return {"publications": publications, "reads": reads, "looked_again": again, "faults": dict(found)}


def main() -> int:
    """Print one JSON line; return 1 if a reader or an audit found anything, or a defect was not caught."""
    parser = argparse.ArgumentParser(prog="python -m chaos.snapshots", description=__doc__)
    parser.add_argument("--store", choices=KINDS, default="file")
    parser.add_argument("--kills", type=positive, default=200)
    parser.add_argument("--races", type=positive, default=100)
    parser.add_argument("--publications", type=positive, default=PRUNED, help="while old versions are removed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=(*MUTANTS, "all"), help="a defect that has to be caught")
    options = parser.parse_args()
    began = time.monotonic()
    result = _mutants(options) if options.mutant else _campaign(options)
    result |= {"seconds": round(time.monotonic() - began)}
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["met"] else 1


def _campaign(options: argparse.Namespace) -> dict[str, object]:
    parts: dict[str, dict[str, object]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        sites = {
            name: stack.enter_context(serve_site(options.store, folder / name))
            for name in ("killed", "raced", "pruned")
        }
        parts["killed"] = killed(sites["killed"], options.kills, options.seed, _tell)
        parts["raced"] = raced(sites["raced"], options.races, _tell)
        parts["pruned"] = pruned(sites["pruned"], options.publications, _tell)
    met = not any(part["faults"] for part in parts.values())
    return {"campaign": "snapshots", "store": options.store, **parts, "met": met}


def _mutants(options: argparse.Namespace) -> dict[str, object]:
    names = list(MUTANTS) if options.mutant == "all" else [options.mutant]
    caught: dict[str, object] = {}
    for name in names:
        part, patches = MUTANTS[name]
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder, mutated(patches()):
            with serve_site(options.store, Path(folder)) as site:
                caught[name] = _part(part, site, options)["faults"]
    return {"campaign": "snapshots", "store": options.store, "mutants": caught, "met": all(caught.values())}


def _part(name: str, site: Site, options: argparse.Namespace) -> dict[str, object]:
    if name == "killed":
        return killed(site, options.kills, options.seed, _tell)
    return raced(site, options.races, _tell) if name == "raced" else pruned(site, options.publications, _tell)


def _tell(done: int, of: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done}/{of} ")


if __name__ == "__main__":
    sys.exit(main())
