"""What a release would do from here: every step left, its commands and its exact diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quant_release.run.executor import ReleaseExecutor
from quant_release.steps.machine import Subject, legs, rows_left

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
    """Return every step that is left, in order; one that gathers is taken by the first subject for all."""
    steps: list[PlannedStep] = []
    for subject, rows in legs(executor.table, subjects):
        of = executor.steps_of(subject)
        for row in rows_left(executor, subject):
            if row in rows and not (row.gathers and any(one.step == row.step for one in steps)):
                steps.append(PlannedStep(row.step, str(subject), of.commands(row, subject), of.diff(row, subject)))
    return steps
