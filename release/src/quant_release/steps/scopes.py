"""What one scope answers and does: each has its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quant_release.steps.machine import Steps, Subject
from quant_release.steps.table import Row

__all__ = ["ScopeSteps"]


class ScopeSteps(Steps, Protocol):
    """Answers and acts for the subjects of one scope."""

    def identity(self, subject: Subject) -> str:
        """Return what others see of a subject."""
        ...

    def commands(self, row: Row, subject: Subject) -> Sequence[str]:
        """Return what a row does, as it could be typed."""
        ...

    def diff(self, row: Row, subject: Subject) -> str:
        """Return what a row changes, as a unified diff; empty if nothing."""
        ...

    def refresh(self) -> None:
        """Forget what was read."""
        ...
