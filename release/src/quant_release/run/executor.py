"""What carries out the steps of a bundle: each scope by its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from quant_release.bundle import Bundle
from quant_release.cloud.world import ServiceWorld
from quant_release.repository.observed import ObservedState
from quant_release.run.journal import RunRecord
from quant_release.run.merging import PLACEHOLDER, Merging, branch_of
from quant_release.run.reading import Reading
from quant_release.run.scopes.apps import AppSteps
from quant_release.run.scopes.images import ImageSteps
from quant_release.run.scopes.packages import PackageSteps
from quant_release.run.scopes.services import ServiceSteps
from quant_release.run.scopes.workloads import WorkloadSteps
from quant_release.run.service_state import Course
from quant_release.run.tools import Tools
from quant_release.run.workload_state import RollCourse
from quant_release.steps.machine import Subject
from quant_release.steps.scopes import ScopeSteps
from quant_release.steps.table import TABLE, VIA_BRANCH, Action, Guard, Row, Scope, Stage, Undo

__all__ = ["ReleaseExecutor"]


class ReleaseExecutor:
    """Answers and acts for one bundle; ``on`` is the date of changelog headings, UTC.

    What was read, of any scope, is kept until something is done.
    """

    def __init__(self, tools: Tools, bundle: Bundle, on: date, world: ServiceWorld) -> None:
        self.tools, self.reading = tools, Reading(tools.git, bundle, on)
        self.reading.via = PLACEHOLDER if tools.merging.wanted else None
        self.images = ImageSteps(tools, self.reading)
        self.services = ServiceSteps(tools, self.reading, self.images, world)
        self.workloads = WorkloadSteps(tools, self.reading, self.images, world.terms, world.clock)
        self._scopes: Mapping[Scope, ScopeSteps] = {
            Scope.PACKAGE: PackageSteps(tools, self.reading),
            Scope.APP: AppSteps(tools, self.reading),
            Scope.IMAGE: self.images,
            Scope.SERVICE: self.services,
            Scope.WORKLOAD: self.workloads,
        }

    @property
    def table(self) -> Sequence[Row]:
        """The rows that the release takes."""
        return TABLE if self.reading.via is None else VIA_BRANCH

    def work_on(self, run: RunRecord) -> None:
        """Go by a run that is open, in what is observed of services and pins, and by which branch it goes."""
        journal = self.tools.journal
        is_via_branch = self.tools.merging.wanted or (journal is not None and journal.goes_via_branch(run.run))
        self.reading.via = branch_of(run.run) if is_via_branch else None
        is_switch = run.command == "switch"
        self.take(replace(self.services.course, run=run.run, back=run.back, is_switch=is_switch))

    def take(self, course: Course) -> None:
        """Go a course with services and workloads: forward, or back behind a run."""
        self.services.course = course
        self.workloads.course = RollCourse(course.run, course.back)
        self.refresh()

    def go_on(self, run: RunRecord, subjects: Iterable[Subject]) -> None:
        """Let a resumed run that goes by way of a branch follow the origin's, unless a tag is still to be pushed."""
        if self.reading.via is None:
            return
        self.tools.to_record().go_via_branch(run.run)
        if not any(self.stage(one) in (Stage.MERGED, Stage.TAGGED) for one in subjects if one.scope is Scope.PACKAGE):
            Merging(self.reading, self.tools.merging).catch_up()
            self.refresh()

    def pin_as_at(self, commit: str) -> None:
        """Let the apps have the pins of an earlier commit again."""
        self.reading.bundle = self.reading.bundle.model_copy(update={"rollback": True})
        self.reading.pins_at = commit
        self.refresh()

    @property
    def observed(self) -> ObservedState:
        """The checkout and its origin as they were read."""
        return self.reading.observed

    def steps_of(self, subject: Subject) -> ScopeSteps:
        """Return what answers for a subject."""
        return self._scopes[subject.scope]

    def refresh(self) -> None:
        """Forget what was read."""
        for steps in self._scopes.values():
            steps.refresh()

    def stage(self, subject: Subject) -> Stage:
        """Return how far a subject has come."""
        return self.steps_of(subject).stage(subject)

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing for a guard to hold."""
        return self.steps_of(subject).missing(guard, subject)

    def identity(self, subject: Subject) -> str:
        """Return what others see of a subject: the commit of its tag, its published pins, its image by digest."""
        return self.steps_of(subject).identity(subject)

    def act(self, action: Action, subject: Subject) -> None:
        """Do what a row says."""
        self.steps_of(subject).act(action, subject)
        self._done(subject)

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take a row back; return whether there was anything that could be."""
        done = self.steps_of(subject).undo(undo, subject)
        self._done(subject)
        return done

    def _done(self, subject: Subject) -> None:
        """Forget what may have changed: git knows nothing of what runs somewhere."""
        if subject.scope.is_deployed:
            self.steps_of(subject).refresh()
        else:
            self.refresh()

    def standing(self, subject: Subject) -> str:
        """Return what is live now of a service or a workload, and what to type."""
        steps = self.services if subject.scope is Scope.SERVICE else self.workloads
        steps.refresh()
        return steps.standing(subject)

    def left(self, subjects: Iterable[Subject]) -> dict[str, str]:
        """Return what others see of every subject; of a service, each thing by itself."""
        found: dict[str, str] = {}
        for subject in subjects:
            if subject.scope is Scope.SERVICE:
                found |= {f"{subject}: {about}": text for about, text in self.services.aspects(subject).items()}
            else:
                found[str(subject)] = self.identity(subject)
        return found
