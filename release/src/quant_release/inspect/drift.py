"""What is no longer as a finished release left it."""

from __future__ import annotations

from dataclasses import dataclass

from quant_platform_kit.domain.errors import Refused

from quant_release.run.journal import Journal
from quant_release.run.opening import Release
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope

__all__ = ["Drift", "drifts"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between what a release left and what is there now."""

    subject: str
    left: str
    found: str

    @property
    def text(self) -> str:
        """The difference as a sentence."""
        return f"{self.subject}: the release left {self.left}, and there is {self.found}"


def drifts(release: Release) -> list[Drift]:
    """Compare what a bundle's release left with the origin and, where a builder is named, the image repositories.

    Raises
    ------
    Refused
        The journal is not named, or says nothing about this bundle.
    """
    journal = release.executor.tools.journal
    if journal is None:
        raise Refused("what a release left stands in its journal: name its store with --store or STORE_URL")
    left = journal.left(release.bundle.digest)
    if left is None:
        raise Refused(f"bundle {release.bundle.name}, as it is now, was never released to its end: release apply")
    present = {str(subject): _present(release, journal, subject, left[str(subject)]) for subject in release.subjects}
    return [Drift(name, left[name], found) for name, found in present.items() if found != left[name]]


def _present(release: Release, journal: Journal, subject: Subject, left: str) -> str:
    if subject.scope is not Scope.IMAGE or release.executor.tools.builder is None:
        return left if subject.scope is Scope.IMAGE else release.executor.identity(subject)
    built = next(image for image in journal.images() if image.reference == left)
    return release.executor.tools.builder.find(subject.name, built.commit) or "no image"
