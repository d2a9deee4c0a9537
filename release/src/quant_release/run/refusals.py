"""What can be known before a release begins to forbid one of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quant_release.run.executor import ReleaseExecutor
from quant_release.steps.machine import Subject, obstacles, rows_left
from quant_release.steps.table import Guard

__all__ = ["refusals"]

_IN_TURN = frozenset(
    {Guard.DEPENDENCIES, Guard.PACKAGES, Guard.PINS, Guard.ALIGNED, Guard.OWN, Guard.UNSTAGED, Guard.IMAGE}
)
"""Guards that earlier subjects of the bundle bring about, or take away while they are at work."""


def refusals(executor: ReleaseExecutor, subjects: Sequence[Subject]) -> list[str]:
    """Return what can be known now to forbid a step later, so that a release stops before its first change."""
    found: list[str] = []
    is_first = True
    for subject in subjects:
        rows = rows_left(executor, subject)
        if not rows:
            continue
        guards = tuple(guard for guard in rows[0].guards if is_first or guard not in _IN_TURN)
        first = replace(rows[0], guards=guards)
        found += [f"{first.step} of {subject}: {text}" for text in obstacles(executor, first, subject)]
        is_first = False
    return found
