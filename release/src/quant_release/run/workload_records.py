"""What the journal knows of workloads: what each ran before a run touched it, and which images the run gave it.

::

    release/workloads/<run>/<roll>/<workload>/noted         the image that it ran, by digest
    release/workloads/<run>/<roll>/<workload>/given/<key>   an image that the run gave it, or was about to
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.services.record.objects import decode

from quant_release.run.journal import Journal

__all__ = ["Given", "Noted", "WorkloadRecords", "noted_by"]


@dataclass(frozen=True, slots=True)
class Noted:
    """A workload as a run found it.

    Attributes
    ----------
    image
        What it ran, by digest.
    told
        What it was given, as that was written.
    """

    image: str
    told: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """An image that a run gave a workload, or was about to."""

    image: str
    who: str
    at: datetime


class WorkloadRecords:
    """What the journal knows of a workload in one run; ``name`` is ``ROLL/WORKLOAD``."""

    def __init__(self, journal: Journal, run: str, name: str) -> None:
        self._journal, self._root = journal, f"{_root(run)}{name}"

    @property
    def noted(self) -> Noted | None:
        """How it was found, None before the run noted it."""
        stored = self._journal.store.get(f"{self._root}/noted")
        return None if stored is None else decode(Noted, stored.data, f"{self._root}/noted")

    def record_noted(self, image: str, told: str) -> None:
        """Record how it was found; what was recorded first counts."""
        self._create("noted", Noted(image, told, self._journal.who, self._journal.store.now()))

    @property
    def given(self) -> frozenset[str]:
        """The images that the run gave it, or was about to."""
        found = ((key, self._journal.store.get(key)) for key in self._journal.store.keys(f"{self._root}/given/"))
        return frozenset(decode(Given, stored.data, key).image for key, stored in found if stored is not None)

    def record_giving(self, image: str) -> None:
        """Record that the run is about to give it an image."""
        self._create(f"given/{sha256(image.encode())}", Given(image, self._journal.who, self._journal.store.now()))

    @property
    def images(self) -> frozenset[str]:
        """Everything that it is told to run as long as nobody else gives it an image; empty before it is noted."""
        noted = self.noted
        return frozenset() if noted is None else self.given | {noted.image, noted.told}

    def _create(self, what: str, document: object) -> None:
        try:
            self._journal.store.create(f"{self._root}/{what}", canonical_json(document))
        except Conflict:
            return


def noted_by(journal: Journal, run: str) -> list[str]:
    """Return the names of the workloads that a run has noted, whether its bundle names them still or not."""
    keys = (key.removeprefix(_root(run)) for key in journal.store.keys(_root(run)))
    return [key.removesuffix("/noted") for key in keys if key.endswith("/noted")]


def _root(run: str) -> str:
    return f"release/workloads/{run}/"
