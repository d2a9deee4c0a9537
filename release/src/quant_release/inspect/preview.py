"""What a release would do from here: every step left, its commands and its exact diff, and what forbids one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quant_platform_kit.domain.errors import QuantError

from quant_release.cloud.calls import NotThere
from quant_release.rolling.workloads import Absent
from quant_release.run.executor import ReleaseExecutor
from quant_release.run.refusals import refusals
from quant_release.steps.machine import Subject, in_turn, legs, rows_left
from quant_release.steps.table import Action, Row

__all__ = ["Plan", "PlannedStep", "plan", "preview"]

_LATER = "(after its image is built)"
_OF_THE_IMAGE = (Action.DEPLOY, Action.SWITCH)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step to come.

    Attributes
    ----------
    commands
        As they could be typed.
    diff
        What it changes: of files a unified diff, of settings a line for each, which begins with ``+``, ``-`` or ``~``.
    """

    step: str
    subject: str
    commands: Sequence[str]
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps to come, in order, and what forbids one of them now.

    Attributes
    ----------
    refusals
        Has a line for each service or workload that is not there or cannot be read; its steps are not known.
    """

    steps: Sequence[PlannedStep]
    refusals: Sequence[str]


def plan(executor: ReleaseExecutor, subjects: Sequence[Subject]) -> list[PlannedStep]:
    """Return every step that is left, in order; one that gathers is taken by the first subject for all.

    Raises
    ------
    QuantError
        A service or workload cannot be read; see `preview`.
    """
    steps: list[PlannedStep] = []
    for subject, rows in legs(executor.table, subjects):
        for row in rows_left(executor, subject):
            if row in rows and not (row.gathers and any(one.step == row.step for one in steps)):
                diff = executor.steps_of(subject).diff(row, subject)
                steps.append(PlannedStep(row.step, str(subject), _commands(executor, row, subject), diff))
    return steps


def preview(executor: ReleaseExecutor, subjects: Sequence[Subject]) -> Plan:
    """Return every step that is left and what forbids one, as far as services and workloads can be read."""
    steps: list[PlannedStep] = []
    unread: dict[Subject, str] = {}
    for group in in_turn(subjects):
        try:
            steps += plan(executor, group)
        except (NotThere, Absent):
            continue  # the guards of its first step say so
        except QuantError as error:
            subject = group[0]
            if not subject.scope.is_deployed:
                raise
            unread[subject] = f"{subject} cannot be read: {error}"
    readable = [subject for subject in subjects if subject not in unread]
    return Plan(steps, [*refusals(executor, readable), *unread.values()])


def _commands(executor: ReleaseExecutor, row: Row, subject: Subject) -> Sequence[str]:
    if row.action in _OF_THE_IMAGE and executor.services.state(subject).goal is None:
        return (_LATER,)
    return executor.steps_of(subject).commands(row, subject)
