"""What a command would change of services, for whoever is asked whether it may."""

from __future__ import annotations

from collections.abc import Sequence

from quant_release.cloud.environment import switched
from quant_release.cloud.templates import environment_of, image_of
from quant_release.inspect.differences import difference_lines
from quant_release.run.opening import Release
from quant_release.run.rollback import last_run_that_moved
from quant_release.run.service_state import Course, ServiceState
from quant_release.steps.machine import Subject, rows_left
from quant_release.steps.table import Scope

__all__ = ["changes_in_question"]


def changes_in_question(release: Release, subject: Subject, command: str) -> Sequence[str]:
    """Return what a command changes of a service, in lines; empty if nothing is left to do.

    Parameters
    ----------
    command
        ``apply``, ``switch`` or ``rollback``.

    Raises
    ------
    QuantError
        The service cannot be read.
    """
    services = release.executor.services
    if command == "rollback" and services.course.back is None:
        services.course = Course(back=_run_to_roll_back(release))
        services.refresh()
    return _lines(services.state(subject)) if rows_left(release.executor, subject) else ()


def _run_to_roll_back(release: Release) -> str | None:
    """Return the run that a rollback would go back behind, None without one: it says so itself."""
    journal = release.executor.tools.journal
    moved = tuple(one for one in release.subjects if one.scope is Scope.SERVICE)
    found = release.run or (last_run_that_moved(journal, release.bundle, moved) if journal else None)
    return found.run if found else None


def _lines(state: ServiceState) -> Sequence[str]:
    serving, goal = state.serving_revision, state.goal
    present = environment_of(serving)
    final = goal.final if goal else switched(present, state.service, state.wanted.input_mode)
    image = goal.image if goal else "the one that this release builds"
    says = state.service if state.back_to is None else None
    lines = [] if image == image_of(serving) else [f"~image {image_of(serving)} -> {image}"]
    lines += difference_lines(present, final, says)
    return lines or ["(neither image nor settings: it is held, probed and opened)"]
