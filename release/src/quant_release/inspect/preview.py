"""What a release would do from here: every step left, its commands and its exact diff."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from quant_release.images.builders import Builder
from quant_release.repository.versions import tag_name
from quant_release.repository.workspace import LOCK
from quant_release.run.desired import PINS_MESSAGE, release_message
from quant_release.run.executor import GitExecutor
from quant_release.steps.machine import Subject, rows_left
from quant_release.steps.table import Action, Row, Scope

__all__ = ["PlannedStep", "plan"]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step to come.

    Attributes
    ----------
    commands
        As they could be typed.
    diff
        What it changes in files, as a unified diff.
    """

    step: str
    subject: str
    commands: Sequence[str]
    diff: str = ""


def plan(executor: GitExecutor, subjects: Sequence[Subject]) -> list[PlannedStep]:
    """Return every step that is left, in order."""
    return [
        PlannedStep(row.step, str(subject), _commands(executor, row, subject), _diff(executor, row, subject))
        for subject in subjects
        for row in rows_left(executor, subject)
    ]


def _diff(executor: GitExecutor, row: Row, subject: Subject) -> str:
    if row.action not in (Action.BUMP, Action.PIN):
        return ""
    present = executor.observed.at(executor.observed.head, *executor.desired.files(subject))
    lines: list[str] = []
    for path, data in executor.desired.files(subject).items():
        before = present.get(path, b"").decode("utf-8", "replace").splitlines(keepends=True)
        after = data.decode("utf-8", "replace").splitlines(keepends=True)
        start = f"a/{path}" if path in present else "/dev/null"
        lines += difflib.unified_diff(before, after, start, f"b/{path}", n=1 if path == LOCK else 3)
    return "".join(lines)


def _commands(executor: GitExecutor, row: Row, subject: Subject) -> Sequence[str]:
    desired, name = executor.desired, subject.name
    files = " ".join(desired.files(subject)) if subject.scope is not Scope.IMAGE else ""
    match row.action:
        case Action.CHECK:
            package = executor.observed.workspace.packages[name]
            return (
                f"uv build --wheel --no-sources {package.folder}",
                f"uv pip install --no-sources WHEEL {' '.join(map(repr, map(str, desired.pins_of(name))))}".rstrip(),
                f"python -m pytest {' '.join(package.tests)}",
            )
        case Action.COMMIT:
            return (f"git add {files}", f'git commit -m "{release_message(desired.versions[name])}"')
        case Action.TAG:
            return (f"git tag -a {tag_name(name, desired.versions[name])}",)
        case Action.PUSH:
            return (f"git push --atomic origin HEAD {tag_name(name, desired.versions[name])}",)
        case Action.TEST:
            app = executor.observed.workspace.apps[name]
            return (
                f"uv pip install --no-sources -r {app.requirements} ./{app.installs}",
                f"python -m pytest {app.tests}",
            )
        case Action.COMMIT_PINS:
            return (f"git add {files}", f'git commit -m "{PINS_MESSAGE}"')
        case Action.PUSH_PINS:
            return ("git push --atomic origin HEAD",)
        case Action.BUILD:
            return _build_commands(executor.tools.builder, name)
        case Action.BUMP | Action.PIN:
            return ()


def _build_commands(builder: Builder | None, repository: str) -> Sequence[str]:
    return ("(no builder was named)",) if builder is None else builder.commands(repository, "COMMIT")
