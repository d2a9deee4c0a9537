"""Bootstrap meets one fault at one of its calls; run again, it has to finish with one of everything."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.hetzner.site import Site

__all__ = ["KINDS", "RESOURCES", "Case", "Verdict", "cases", "length", "tried"]

KINDS = ("kill-before", "kill-after", "kill-inside", "fail", "fail-after", "wrong", "empty", "late")
"""Killed before or after a call, or while Terraform has made something and not written it down; a call that fails, one
whose answer is lost, a page of HTML for an answer, none at all, and one that is not ready yet or takes its time."""
RESOURCES = ("primary-ip", "network", "subnet", "firewall", "volume", "server", "attachment")


@dataclass(frozen=True)
class Case:
    """A fault: its kind, the number of the call, and for ``kill-inside`` what Terraform has just made."""

    kind: str
    call: int
    inside: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a case came to.

    Attributes
    ----------
    first
        Status of the run that met the fault: -9 where it was killed.
    runs
        How many were needed in all.
    faults
        What was not as it has to be; none if all is well.
    """

    case: Case
    first: int
    runs: int
    faults: tuple[str, ...]


def length(pristine: Path) -> tuple[int, int]:
    """Return how many calls a bootstrap makes that meets nothing, and which of them is ``terraform apply``."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), pristine)
        ran = site.run()
        if ran.status or site.faults():
            raise SystemExit(f"an undisturbed bootstrap fails: {site.faults()}\n{ran.said}")
        words = [each for _, each in site.calls]
        return len(words), next(number for number, each in enumerate(words, 1) if "apply" in each)


def cases(kinds: Sequence[str], calls: int, applied: int, every: int) -> Iterator[Case]:
    """Yield a case for each kind and every ``every``-th call; each resource for ``kill-inside``."""
    for kind in kinds:
        if kind == "kill-inside":
            yield from (Case(kind, applied, each) for each in RESOURCES)
        else:
            yield from (Case(kind, call) for call in range(1, calls + 1, every))


def tried(case: Case, pristine: Path, folder: Path | None = None) -> Verdict:
    """Let a bootstrap meet a fault, and run it again until it ends well, twice at most."""
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        site = Site(place, pristine)
        site.meet(case.call, case.kind)
        first = site.run(INSIDE=case.inside)
        said, faults, runs = [first.said], list[str](), 1
        if case.kind.startswith("kill") and first.status != -signal.SIGKILL:
            faults.append(f"it was to be killed, and ended with {first.status}")
        elif first.status > 0 and "run this again" not in first.said:
            faults.append(f"it ended with {first.status}, and did not say how to go on: {first.said[-200:]!r}")
        last = first
        while last.status and runs < 3:
            last, runs = site.run(), runs + 1
            said.append(last.said)
        if last.status:
            faults.append(f"run {runs} ended with {last.status}: {last.said[-300:]!r}")
        else:
            faults += site.faults()
        faults += site.leaks(*said)
        return Verdict(case, first.status, runs, tuple(faults))
    finally:
        shutil.rmtree(place, ignore_errors=True)
