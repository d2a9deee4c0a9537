"""What carries out the steps of a bundle: each scope by its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from quant_release.bundle import Bundle
from quant_release.repository.observed import ObservedState
from quant_release.run.reading import Reading
from quant_release.run.scopes.apps import AppSteps
from quant_release.run.scopes.images import ImageSteps
from quant_release.run.scopes.packages import PackageSteps
from quant_release.run.tools import Tools
from quant_release.steps.machine import Subject
from quant_release.steps.scopes import ScopeSteps
from quant_release.steps.table import Action, Guard, Scope, Stage, Undo

__all__ = ["ReleaseExecutor"]


class ReleaseExecutor:
    """Answers and acts for one bundle; ``on`` is the date of changelog headings, UTC.

    What was read, of any scope, is kept until something is done.
    """

    def __init__(self, tools: Tools, bundle: Bundle, on: date) -> None:
        self.tools, self.reading = tools, Reading(tools.git, bundle, on)
        self.images = ImageSteps(tools, self.reading)
        self._scopes: Mapping[Scope, ScopeSteps] = {
            Scope.PACKAGE: PackageSteps(tools, self.reading),
            Scope.APP: AppSteps(tools, self.reading),
            Scope.IMAGE: self.images,
        }

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
        self.refresh()

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take a row back; return whether there was anything that could be."""
        done = self.steps_of(subject).undo(undo, subject)
        self.refresh()
        return done
