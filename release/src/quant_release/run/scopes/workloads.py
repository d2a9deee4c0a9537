"""Workloads: noted, and rolled to the image of the bundle by digest, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.ports.clock import Clock

from quant_release.bundle import Roll
from quant_release.cloud.world import Terms
from quant_release.rolling.compose import Compose
from quant_release.rolling.kubernetes import Kubernetes
from quant_release.rolling.workloads import Absent, Roller
from quant_release.run.guards.workloads import WorkloadGuards
from quant_release.run.journal import ImageRecord
from quant_release.run.reading import Reading
from quant_release.run.scopes.images import ImageSteps
from quant_release.run.tools import Tools
from quant_release.run.workload_moves import Rolling
from quant_release.run.workload_state import RollCourse, WorkloadState
from quant_release.steps.machine import Subject
from quant_release.steps.table import Action, Guard, Row, Scope, Stage, Undo

__all__ = ["WorkloadSteps", "roller_of"]


def roller_of(roll: Roll, root: Path, terms: Terms) -> Roller:
    """Return who asks and tells the workloads of a roll."""
    kind = Kubernetes if roll.by == "kubernetes" else Compose
    return kind(roll, root, terms.asking)


class WorkloadSteps:
    """Answers and acts for the workloads of a bundle.

    Attributes
    ----------
    course
        What is done with them.
    """

    def __init__(self, tools: Tools, reading: Reading, images: ImageSteps, terms: Terms, clock: Clock) -> None:
        self.tools, self.reading, self.images = tools, reading, images
        self.terms, self.clock = terms, clock
        self.course = RollCourse()
        self._states: dict[str, WorkloadState] = {}

    def refresh(self) -> None:
        """Forget what was read."""
        self._states = {}

    def state(self, subject: Subject) -> WorkloadState:
        """Return what is known of a workload now."""
        if subject.name not in self._states:
            roll, built = self._roll(subject), self._built(subject)
            roller = roller_of(roll, self.reading.git.root, self.terms)
            reference = built.reference if built else None
            self._states[subject.name] = WorkloadState(roller, self.tools.journal, self.course, subject.name, reference)
        return self._states[subject.name]

    def _fresh(self, subject: Subject) -> WorkloadState:
        self.refresh()
        return self.state(subject)

    def _roll(self, subject: Subject) -> Roll:
        return self.reading.bundle.workloads[subject.name]

    def _built(self, subject: Subject) -> ImageRecord | None:
        return self.images.recorded(Subject(Scope.IMAGE, self._roll(subject).image))

    # --- where workloads are -------------------------------------------------------------------

    def stage(self, subject: Subject) -> Stage:
        """Return how far a workload has come: what it runs decides."""
        state = self.state(subject)
        try:
            if state.is_done:
                return Stage.ROLLED
        except Absent:  # the guards of the first step say so
            return Stage.START
        return Stage.NOTED if state.is_noted else Stage.START

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing for a guard to hold."""
        pins = tuple(str(pin) for pin in self.reading.desired.pins(self._roll(subject).platform))
        return WorkloadGuards(self.state(subject), self._built(subject), pins).missing(guard)

    def identity(self, subject: Subject) -> str:
        """Return what a workload runs, by digest."""
        return self.state(subject).running.text

    # --- what is done --------------------------------------------------------------------------

    def act(self, action: Action, subject: Subject) -> None:
        """Do what a row says."""
        rolling = self._rolling(subject)
        actions: Mapping[Action, Callable[[], None]] = {Action.NOTE: rolling.note, Action.ROLL: rolling.roll}
        actions[action]()

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take a roll back that was begun; one that was finished stays, and `release rollback` takes it back."""
        return undo is Undo.UNROLL and self._rolling(subject).unroll()

    def _rolling(self, subject: Subject) -> Rolling:
        return Rolling(lambda: self._fresh(subject), self.clock, self.terms.timeout)

    # --- what is to come, and what others see --------------------------------------------------

    def commands(self, row: Row, subject: Subject) -> Sequence[str]:
        """Return what a row does, as it could be typed."""
        state = self.state(subject)
        if row.action is Action.NOTE:
            return ()
        image = state.goal or f"{self._roll(subject).image}@DIGEST"
        return state.roller.commands(state.workload, image, self.terms.timeout)

    def diff(self, row: Row, subject: Subject) -> str:
        """Return which image a roll takes a workload from, and to which."""
        if row.action is not Action.ROLL:
            return ""
        state = self.state(subject)
        return f"~image {state.running.text} -> {state.goal or 'the one that this release builds'}"

    def standing(self, subject: Subject) -> str:
        """Return what is live now of a workload, and what to type, for whoever reads of a step that failed."""
        name = self.reading.bundle.name
        command = "rollback" if self.course.back else "apply"
        ways = f"type: release {command} {name} --resume"
        if not self.course.back:
            ways += f", or release rollback {name} --service {subject.name.partition('/')[0]}"
        try:
            running = self._fresh(subject).running
        except QuantError as error:
            return f"what is live now cannot be told ({error}); {ways}"
        return f"live now: {running.text}, {running.unready or 'ready'}; {ways}"
