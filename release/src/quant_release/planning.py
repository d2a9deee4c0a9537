"""What a release would do from here: every step left, its commands, its exact diff, and what forbids it now."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quant_release.builders import Builder
from quant_release.machine import Subject, obstacles, rows_left
from quant_release.table import Action, Guard, Row, Scope
from quant_release.targets import PINS_MESSAGE, release_message
from quant_release.versions import tag_name
from quant_release.workspace import LOCK
from quant_release.world import GitWorld

__all__ = ["PlannedStep", "plan", "refusals"]

_IN_TURN = frozenset({Guard.DEPENDENCIES, Guard.PACKAGES, Guard.PINS, Guard.ALIGNED, Guard.UNSTAGED})
"""Guards that earlier subjects of the bundle bring about, or take away while they are at work."""


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


def plan(world: GitWorld, subjects: Sequence[Subject]) -> list[PlannedStep]:
    """Return every step that is left, in order."""
    return [
        PlannedStep(row.step, str(subject), _commands(world, row, subject), _diff(world, row, subject))
        for subject in subjects
        for row in rows_left(world, subject)
    ]


def refusals(world: GitWorld, subjects: Sequence[Subject]) -> list[str]:
    """Return what can be known now to forbid a step later, so that a release stops before its first change."""
    found: list[str] = []
    is_first = True
    for subject in subjects:
        rows = rows_left(world, subject)
        if not rows:
            continue
        guards = tuple(guard for guard in rows[0].guards if is_first or guard not in _IN_TURN)
        first = replace(rows[0], guards=guards)
        found += [f"{first.step} of {subject}: {text}" for text in obstacles(world, first, subject)]
        is_first = False
    return found


def _diff(world: GitWorld, row: Row, subject: Subject) -> str:
    if row.action not in (Action.BUMP, Action.PIN):
        return ""
    present = world.scene.at(world.scene.head, *world.targets.files(subject))
    lines: list[str] = []
    for path, data in world.targets.files(subject).items():
        before = present.get(path, b"").decode("utf-8", "replace").splitlines(keepends=True)
        after = data.decode("utf-8", "replace").splitlines(keepends=True)
        start = f"a/{path}" if path in present else "/dev/null"
        lines += difflib.unified_diff(before, after, start, f"b/{path}", n=1 if path == LOCK else 3)
    return "".join(lines)


def _commands(world: GitWorld, row: Row, subject: Subject) -> Sequence[str]:
    targets, name = world.targets, subject.name
    files = " ".join(targets.files(subject)) if subject.scope is not Scope.IMAGE else ""
    match row.action:
        case Action.CHECK:
            package = world.scene.workspace.packages[name]
            return (
                f"uv build --wheel --no-sources {package.folder}",
                f"uv pip install --no-sources WHEEL {' '.join(map(repr, map(str, targets.pins_of(name))))}".rstrip(),
                f"python -m pytest {' '.join(package.tests)}",
            )
        case Action.COMMIT:
            return (f"git add {files}", f'git commit -m "{release_message(targets.versions[name])}"')
        case Action.TAG:
            return (f"git tag -a {tag_name(name, targets.versions[name])}",)
        case Action.PUSH:
            return (f"git push --atomic origin HEAD {tag_name(name, targets.versions[name])}",)
        case Action.TEST:
            app = world.scene.workspace.apps[name]
            return (
                f"uv pip install --no-sources -r {app.requirements} ./{app.installs}",
                f"python -m pytest {app.tests}",
            )
        case Action.COMMIT_PINS:
            return (f"git add {files}", f'git commit -m "{PINS_MESSAGE}"')
        case Action.PUSH_PINS:
            return ("git push --atomic origin HEAD",)
        case Action.BUILD:
            return _build_commands(world.tools.builder, name)
        case Action.BUMP | Action.PIN:
            return ()


def _build_commands(builder: Builder | None, repository: str) -> Sequence[str]:
    return ("(no builder was named)",) if builder is None else builder.commands(repository, "COMMIT")
