"""What a command would change of services, for whoever is asked whether it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quant_release.cloud.environment import changes, switched
from quant_release.cloud.templates import environment_of, image_of
from quant_release.run.opening import Release
from quant_release.run.service_records import ServiceRecords
from quant_release.run.service_state import ServiceState
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
        services.course = replace(services.course, back=_run_to_roll_back(release))
        services.refresh()
    return _lines(services.state(subject)) if rows_left(release.executor, subject) else ()


def _run_to_roll_back(release: Release) -> str | None:
    """Return the last run of the bundle that moved one of the services, None without one: a rollback says so."""
    journal = release.executor.tools.journal
    if journal is None:
        return None
    names = [one.name for one in release.subjects if one.scope is Scope.SERVICE]
    runs = (one for one in reversed(journal.runs()) if one.command != "rollback" and one.bundle == release.bundle.name)
    held = (one.run for one in runs if any(ServiceRecords(journal, one.run, name).held for name in names))
    return next(held, None)


def _lines(state: ServiceState) -> Sequence[str]:
    serving, goal = state.serving_revision, state.goal
    present = environment_of(serving)
    final = goal.final if goal else switched(present, state.service, state.wanted.input_mode)
    image = goal.image if goal else "the one that this release builds"
    found = changes(present, final)
    lines = [] if image == image_of(serving) else [f"~image {image_of(serving)} -> {image}"]
    lines += [one.spoken if state.back_to is None else one.text for one in found if goal or one.name != "IMAGE"]
    return lines or ["(neither image nor settings: it is held, probed and opened)"]
