"""How far each subject of a bundle is, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quant_platform_kit.domain.errors import QuantError

from quant_release.cloud.templates import environment_of, image_of
from quant_release.inspect.differences import difference_lines
from quant_release.run.opening import Release
from quant_release.run.service_state import ServiceState
from quant_release.run.workload_state import WorkloadState
from quant_release.steps.machine import Subject, rows_left
from quant_release.steps.table import Scope, Stage, rows_of

__all__ = ["Verified", "verify"]

_NOT_BUILT = "its image is not built from the pins of the bundle"
_NOT_KNOWN = "nothing is known of its image: name the journal's store with --store or STORE_URL"


@dataclass(frozen=True, slots=True)
class Verified:
    """How far a subject is.

    Attributes
    ----------
    stage
        None for a service or workload that cannot be read.
    missing
        What it lacks, each in a sentence; empty once it is at its end.
    """

    subject: str
    stage: Stage | None
    done: bool
    missing: Sequence[str]


def verify(release: Release) -> list[Verified]:
    """Ask how far every subject of a bundle is."""
    return [_verified(release, subject) for subject in release.subjects]


def _verified(release: Release, subject: Subject) -> Verified:
    try:
        stage = release.executor.stage(subject)
        done = stage is rows_of(subject.scope)[-1].makes
        return Verified(str(subject), stage, done, () if done else tuple(_missing(release, subject)))
    except QuantError as error:
        if not subject.scope.is_deployed:
            raise
        return Verified(str(subject), None, False, (f"cannot be read: {error}",))


def _missing(release: Release, subject: Subject) -> Iterator[str]:
    if subject.scope is Scope.SERVICE:
        yield from _missing_of_service(release.executor.services.state(subject))
    elif subject.scope is Scope.WORKLOAD:
        yield from _missing_of_workload(release.executor.workloads.state(subject))
    else:
        yield f"steps left: {', '.join(row.step for row in rows_left(release.executor, subject))}"


def _missing_of_workload(state: WorkloadState) -> Iterator[str]:
    goal = state.goal
    if goal is None:
        yield _NOT_BUILT if state.journal else _NOT_KNOWN
        return
    running = state.running
    if running.text != goal:
        yield f"it runs {running.text} instead of {goal}"
    elif running.told != goal:
        yield f"it was given {running.told} instead of {goal}"
    if running.unready:
        yield f"it is not ready: {running.unready}"


def _missing_of_service(state: ServiceState) -> Iterator[str]:
    goal = state.goal
    if goal is None:
        yield _NOT_BUILT if state.journal else _NOT_KNOWN
        return
    serving, has = state.serving, state.serving_revision
    if image_of(has) != goal.image:
        yield f"revision {serving} serves image {image_of(has)} instead of {goal.image}"
    for line in difference_lines(environment_of(has), goal.final, state.service if state.back_to is None else None):
        yield f"setting {line}"
    if not (state.seen("answered", serving) and state.seen("probed", serving)):
        yield f"no release has seen revision {serving} answer and pass its probe"
    if (held := state.ledger.hold()) is not None:
        yield f"it is held by {held.who} since {held.at:%Y-%m-%d %H:%M:%S} UTC"
    if state.job.paused:
        yield f"job {state.service.schedule} is paused"
