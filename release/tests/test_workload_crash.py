"""A roll that is killed anywhere is finished by the next process, and no workload is given its image twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from quant_platform_kit.domain.errors import QuantError
from quant_release.demo.baseline import BUNDLE
from quant_release.run.journal import RunWatcher
from quant_release.run.opening import Release, read_release
from quant_release.steps.machine import Boundary, Reached, advance, in_turn
from quant_release.steps.table import Scope, Stage, rows_of
from quant_release.testing.crashing import kill_once_at_each
from quant_release.testing.rolled import BEFORE, PLACES, Rolled

pytestmark = pytest.mark.services
_FORK = multiprocessing.get_context("fork")


@pytest.fixture
def release(rolled: Rolled) -> Release:
    """Return the open release whose workloads are to be rolled; git was read once, and is not asked by children."""
    found = read_release(rolled.options, BUNDLE)
    assert all(found.executor.stage(one) is not Stage.START for one in found.subjects if not one.scope.is_deployed)
    return found


def rolled_on(release: Release, reached: Reached | None = None, *, names: int = 3) -> int:
    """Carry so many workloads on in a process of its own, as a resumed release does; return its exit code."""

    def work() -> None:
        executor, run, journal = release.executor, release.run, release.executor.tools.journal
        assert run is not None
        assert journal is not None
        workloads = [one for one in release.subjects if one.scope is Scope.WORKLOAD]
        try:
            for group in in_turn(workloads[:names]):
                advance(executor, group, RunWatcher(journal, run.run), None, reached or (lambda *_: None))
        except QuantError:
            os._exit(1)
        os._exit(0)

    child = _FORK.Process(target=work)
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def image_of(release: Release) -> str:
    executor = release.executor
    return executor.identity(next(one for one in release.subjects if one.scope is Scope.IMAGE))


def to_the_end(go_on: Callable[[], int]) -> int:
    """Go on until it is finished; return how many processes were killed."""
    for killed in range(200):
        code = go_on()
        if code == 0:
            return killed
        assert code == -signal.SIGKILL
    raise AssertionError("it does not end")


@pytest.mark.parametrize("at", [set(Boundary) - {Boundary.VERIFIED}, {Boundary.VERIFIED}], ids=["before", "after"])
def test_killed_at_every_boundary_every_workload_is_rolled_once(
    rolled: Rolled, release: Release, tmp_path: Path, at: set[Boundary]
) -> None:
    """Two workloads have all boundaries of one, and those between one and the next."""
    seen = tmp_path / "seen"
    killed = to_the_end(lambda: rolled_on(release, kill_once_at_each(seen, at), names=2))
    assert killed == len(seen.read_text().splitlines()) == len(at) * len(rows_of(Scope.WORKLOAD)) * 2
    image = image_of(release)
    assert [rolled.cluster.given()[name] for name in PLACES] == [[image], [image], []]


def test_killed_around_every_call_to_the_cluster_a_workload_is_rolled_once(rolled: Rolled, release: Release) -> None:
    """Before the next call is after the last one: what a killed process knew is lost with it."""
    for call in range(1, 40):
        rolled.fresh()
        forget(rolled)
        rolled.cluster.fail(call, "kill-after")
        if rolled_on(release, names=1) == 0:
            break  # it came to its end with fewer calls
        assert rolled_on(release, names=1) == 0
        assert rolled.cluster.given()[PLACES[0]] == [image_of(release)]
    assert 8 < call < 39


def forget(rolled: Rolled) -> None:
    """Let the journal know of no workload."""
    for file in (rolled.rehearsal.root.parent / "store").rglob("*"):
        if file.is_file() and "workloads" in str(file):
            file.unlink()


def test_killed_while_it_goes_back_it_goes_back_and_the_others_stay(rolled: Rolled, release: Release) -> None:
    """From the call on that gives the new image; the calls before it are those of the test above."""
    image, before = image_of(release), len(rolled.cluster.calls())

    def begin() -> None:
        rolled.fresh()
        forget(rolled)
        rolled.cluster.edit(PLACES[0], broken=[image.partition("@")[2]])

    begin()
    assert rolled_on(release, names=2) == 1
    calls = rolled.cluster.calls()[before:]
    given = [number for number, line in enumerate(calls, 1) if " set image " in line]
    assert len(given) == 2
    for call in range(given[0], 40):
        begin()
        rolled.cluster.fail(call, "kill-after")
        if rolled_on(release, names=2) == 1:
            break
        assert rolled_on(release, names=2) == 1
        assert rolled.cluster.told()[PLACES[0]] == BEFORE
        assert [rolled.cluster.given()[name] for name in PLACES[1:]] == [[], []]
    else:
        raise AssertionError("no call was the last")
    assert call > given[1]
