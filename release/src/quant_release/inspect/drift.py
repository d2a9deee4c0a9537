"""What is no longer as a finished release left it: a line for each thing that was changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quant_platform_kit.domain.errors import QuantError, Refused

from quant_release.run.journal import Journal
from quant_release.run.opening import Release
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope

__all__ = ["Drift", "drifts"]

_TRAFFIC, _COMMIT, _SETTING = "traffic", "commit", "setting "


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
    """Compare what a bundle's release left with the origin, with what runs and, with a builder, the image repositories.

    A service or workload that cannot be read is one difference.

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
    return [found for subject in release.subjects for found in _of_subject(release, journal, subject, left)]


def _of_subject(release: Release, journal: Journal, subject: Subject, left: Mapping[str, str]) -> Iterator[Drift]:
    if subject.scope is Scope.SERVICE:
        yield from _of_service(release, subject, left)
    elif subject.scope is Scope.WORKLOAD:
        yield from _of_workload(release, subject, left[str(subject)])
    elif (present := _present(release, journal, subject, left[str(subject)])) != left[str(subject)]:
        yield Drift(str(subject), left[str(subject)], present)


def _of_workload(release: Release, subject: Subject, left: str) -> Iterator[Drift]:
    """Yield the line of a workload that runs another image than the one which was left, if it does."""
    try:
        present = release.executor.identity(subject)
    except QuantError as error:
        present = f"one that cannot be read: {error}"
    if present != left:
        yield Drift(str(subject), left, present)


def _of_service(release: Release, subject: Subject, left: Mapping[str, str]) -> Iterator[Drift]:
    """Yield what differs of a service, one thing at a time."""
    start = f"{subject}: "
    before = {key.removeprefix(start): text for key, text in left.items() if key.startswith(start)}
    try:
        present = release.executor.services.aspects(subject)
    except QuantError as error:
        yield Drift(str(subject), "a service that answers", f"one that cannot be read: {error}")
        return
    differing = [about for about in {**before, **present} if before.get(about) != present.get(about)]
    for about in differing:
        if about == _COMMIT and _TRAFFIC in differing:
            continue  # another revision answers: that is the traffic's line
        yield Drift(start + about, before.get(about, _nothing(about)), present.get(about, _nothing(about)))


def _nothing(about: str) -> str:
    return "no such setting" if about.startswith(_SETTING) else "nothing"


def _present(release: Release, journal: Journal, subject: Subject, left: str) -> str:
    if subject.scope is not Scope.IMAGE or release.executor.tools.builder is None:
        return left if subject.scope is Scope.IMAGE else release.executor.identity(subject)
    built = next(image for image in journal.images() if image.reference == left)
    return release.executor.tools.builder.find(subject.name, built.commit) or "no image"
