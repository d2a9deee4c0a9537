"""What a release would do from here: every step left, its commands and its exact diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quant_release.run.executor import ReleaseExecutor
from quant_release.steps.machine import Subject, rows_left

__all__ = ["PlannedStep", "plan"]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step to come.

    Attributes
    ----------
    commands
        As they could be typed.
    diff
        What it changes, as a unified diff.
    """

    step: str
    subject: str
    commands: Sequence[str]
    diff: str = ""


def plan(executor: ReleaseExecutor, subjects: Sequence[Subject]) -> list[PlannedStep]:
    """Return every step that is left, in order."""
    return [
        PlannedStep(row.step, str(subject), steps.commands(row, subject), steps.diff(row, subject))
        for subject in subjects
        for steps in (executor.steps_of(subject),)
        for row in rows_left(steps, subject)
    ]
