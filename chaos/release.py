"""The release campaign: `release apply` is killed at every boundary of every step, and at random instants.

``python -m chaos.release --instants 100`` prints one JSON line: how many releases ``--resume`` finished, and what
happened twice or not at all at the origin, in the image repository and in the checkout. ``--services`` is the campaign
of the steps of services; ``--mutant NAME``, or ``all``, says what it finds of a defect of those.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from quant_release.steps.machine import Boundary
from quant_release.testing.crashing import (
    count_pushes,
    faults_of,
    kill_once_at_each,
    release_in_child,
    release_to_the_end,
)
from quant_release.testing.rehearsal import Rehearsal, make_rehearsal

from chaos.arguments import positive
from chaos.release_mutants import MUTANTS, caught
from chaos.release_services import campaign
from chaos.release_site import workshop

_PATH = os.environ["PATH"]  # noqa: TID251 - as it was
_ROUNDS = (set(Boundary) - {Boundary.VERIFIED}, {Boundary.VERIFIED})
"""A step whose process died after its action is not taken again, and does not come to be verified: two releases."""
STEPS = 25
LONGEST, AGAIN = 4.0, 1.5
"""Seconds within which the first process of a release is killed, and the ones that resume it."""


def prepared(folder: Path) -> tuple[Rehearsal, str]:
    """Return a workspace at the baseline, with its pushes counted, and its first commit."""
    rehearsal = make_rehearsal(folder)
    count_pushes(rehearsal)
    return rehearsal, rehearsal.git.commit()


def at_every_boundary(folder: Path, boundaries: set[Boundary]) -> tuple[int, list[str]]:
    """Release once, each process being killed at the next boundary; return how many were, and what is wrong."""
    rehearsal, base = prepared(folder)
    with_tools(rehearsal)
    killed = release_to_the_end(rehearsal, kill_once_at_each(folder / "seen", boundaries))
    return killed, faults_of(rehearsal, base)


def at_an_instant(folder: Path, seed: int) -> tuple[int, list[str]]:
    """Release once, with one to three processes killed at random instants; return how many were, and what is wrong."""
    draw = random.Random(seed)
    rehearsal, base = prepared(folder)
    with_tools(rehearsal)
    limits = [LONGEST, AGAIN, AGAIN][: draw.randint(1, 3)]
    codes = [release_in_child(rehearsal, kill_after=draw.uniform(0.0, limit)) for limit in limits]
    release_to_the_end(rehearsal)
    return codes.count(-signal.SIGKILL), faults_of(rehearsal, base)


def with_tools(rehearsal: Rehearsal) -> None:
    """Put the stand-ins of a workspace in front of PATH."""
    os.environ["PATH"] = f"{rehearsal.tools}{os.pathsep}{_PATH}"  # noqa: TID251 - for the children
    os.environ["REHEARSAL_SLEEP"] = "0.03"  # noqa: TID251 - for the children


def in_process(job: tuple[str, int]) -> tuple[int, list[str]]:
    """Run one release in a folder of its own."""
    kind, seed = job
    with tempfile.TemporaryDirectory(prefix="quant-chaos-") as folder:
        if kind == "boundary":
            return at_every_boundary(Path(folder).resolve(), _ROUNDS[seed])
        return at_an_instant(Path(folder).resolve(), seed)


def main() -> int:
    """Run the campaign; return 1 if anything happened twice, or not at all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instants", type=positive, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--services", action="store_true", help="the steps of services, on emulators")
    parser.add_argument("--mutant", choices=(*MUTANTS, "all"), help="a defect that has to be caught")
    options = parser.parse_args()
    if options.services or options.mutant:
        return main_of_services(options)
    began = time.monotonic()
    found: Counter[str] = Counter()
    killed = 0
    for number in range(len(_ROUNDS)):
        count, faults = in_process(("boundary", number))
        killed += count
        found.update(faults)
    kills = 0
    for number in range(options.instants):
        count, faults = in_process(("instant", options.seed * 1000 + number))
        kills += count
        found.update(faults)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number + 1}/{options.instants}")
    result = {
        "campaign": "release",
        "boundaries_killed_at": killed,
        "releases": len(_ROUNDS) + options.instants,
        "killed_at_instants": kills,
        "faults": dict(found),
        "seconds": round(time.monotonic() - began),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if found or killed != len(Boundary) * STEPS else 0


def main_of_services(options: argparse.Namespace) -> int:
    """Run the campaign of services, or what catches defects; return 1 if it finds something, or misses a defect."""
    if options.mutant is None:
        result = campaign(options.instants, options.seed)
    else:
        names = list(MUTANTS) if options.mutant == "all" else [options.mutant]
        with tempfile.TemporaryDirectory(prefix="quant-chaos-") as folder, workshop(Path(folder).resolve()) as shop:
            found = {name: caught(shop, name) for name in names}
        result = {"campaign": "release-services", "mutants": found, "met": all(found.values())}
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
