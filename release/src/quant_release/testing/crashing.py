"""Releases that are killed and resumed, and a verdict on what they left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Collection
from multiprocessing.context import ForkProcess
from pathlib import Path

from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.services.record.leases import lease_at

from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES
from quant_release.run.apply import Watching, apply
from quant_release.run.locks import LEASE
from quant_release.run.opening import Options, read_release
from quant_release.steps.machine import Boundary, Reached, Subject
from quant_release.steps.table import Row, rows_of
from quant_release.testing.rehearsal import Rehearsal

__all__ = [
    "count_pushes",
    "faults_of",
    "kill_once_at_each",
    "options_of",
    "release_in_child",
    "release_to_the_end",
    "start_release",
]

_FORK = multiprocessing.get_context("fork")
_HOOK = '#!/bin/sh\necho push >> "$(dirname "$0")/../pushes.log"\nsed "s/^/ref /" >> "$(dirname "$0")/../pushes.log"\n'


def count_pushes(rehearsal: Rehearsal) -> None:
    """Let the origin write down every push that changed something, and every ref that it moved."""
    hook = rehearsal.origin.root / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_HOOK)
    hook.chmod(0o755)


def options_of(rehearsal: Rehearsal) -> Options:
    """Return where a release of a rehearsal works."""
    return Options(rehearsal.root, "ana", rehearsal.store, local=True, builder="docker")


def start_release(rehearsal: Rehearsal, reached: Reached | None = None) -> ForkProcess:
    """Begin or resume a release in a process of its own."""
    child = _FORK.Process(target=_release, args=(rehearsal, reached))
    child.start()
    return child


def release_in_child(rehearsal: Rehearsal, reached: Reached | None = None, *, kill_after: float | None = None) -> int:
    """Begin or resume a release in a process of its own, perhaps kill it; return its exit code.

    Parameters
    ----------
    kill_after
        Seconds after which the process is killed; commands that it started live on.
    """
    child = start_release(rehearsal, reached)
    if kill_after is not None:
        child.join(kill_after)
        child.kill()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def _release(rehearsal: Rehearsal, reached: Reached | None) -> None:
    options = options_of(rehearsal)
    store = open_store(rehearsal.store)
    known = lease_at(store, LEASE)
    resume = known is not None and known.open_run is not None
    try:
        apply(options, BUNDLE, resume=resume, watching=Watching(reached=reached))
    except QuantError as error:
        (rehearsal.tools / "errors.log").open("a").write(f"{error}\n")
        os._exit(1)
    os._exit(0)


def kill_once_at_each(seen: Path, boundaries: Collection[Boundary]) -> Reached:
    """Return a watcher that kills its process at the first boundary at which none was killed before."""

    def reached(at: Boundary, row: Row, on: Subject) -> None:
        line = f"{at.value} {row.step} {on}\n"
        known = seen.read_text().splitlines(keepends=True) if seen.exists() else []
        if at in boundaries and line not in known:
            with seen.open("a") as file:
                file.write(line)
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def release_to_the_end(rehearsal: Rehearsal, reached: Reached | None = None, *, attempts: int = 400) -> int:
    """Resume a release until it is finished; return how many processes were killed on the way."""
    for killed in range(attempts):
        code = release_in_child(rehearsal, reached)
        if code == 0:
            return killed
        if code != -signal.SIGKILL:
            return -1
    return -1


def faults_of(rehearsal: Rehearsal, base: str) -> list[str]:
    """Return what is wrong after a release that was resumed to its end, empty if everything happened exactly once."""
    apps = ("ibkr", "schwab", "longbridge")
    messages = ["Prepare v0.7.10 release", "Prepare v0.7.13 release", *["Bump shared strategy package pins"] * 3]
    release = read_release(options_of(rehearsal), BUNDLE)
    pushes = Counter((rehearsal.origin.root / "pushes.log").read_text().replace("ref ", "").splitlines())
    refs = Counter(line.split()[-1] for line in pushes.elements() if line != "push")
    wanted = {"refs/heads/main": 5, f"refs/tags/{KIT}-v0.7.10": 1, f"refs/tags/{STRATEGIES}-v0.7.13": 1}
    lease = lease_at(open_store(rehearsal.store), LEASE)
    checks = {
        "commits": [text for _, text, _ in reversed(rehearsal.origin.log(base, "main"))] == messages,
        "pushes": pushes["push"] == 5,
        "refs": dict(refs) == wanted,
        "images": len(rehearsal.log_of("docker")) == len(apps),
        "stages": all(release.executor.stage(one) is rows_of(one.scope)[-1].makes for one in release.subjects),
        "working tree": rehearsal.git.changed() == [],
        "branch": rehearsal.git.commit() == rehearsal.origin.commit("main"),
        "lease": lease is not None and lease.open_run is None,
    }
    errors = rehearsal.log_of("errors")
    return [*(name for name, holds in checks.items() if not holds), *errors]
