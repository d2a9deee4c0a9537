"""What the journal knows of services: how one was found before it was held, and what a revision was seen to do.

::

    release/services/<run>/<service>/held       what served before anything was done
    release/services/<run>/<service>/paused/<n>, resumed/<n>  its job is about to be paused; it was resumed again
    release/services/<run>/<service>/drained    its accounts were at rest under the hold
    release/services/<run>/<service>/opened     a person opened it, after looking
    release/revisions/<key>/confirmed           a revision said at its own address what it was meant to be
    release/revisions/<key>/answered            it answered at the main address
    release/revisions/<key>/probed              its probe found what was meant

None of them holds the value of a setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.services.record.objects import decode

from quant_release.cloud.addresses import Said
from quant_release.run.journal import Journal

__all__ = ["Held", "RevisionRecords", "ServiceRecords", "held_by"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Held:
    """A service as it was before a release held it.

    Attributes
    ----------
    revision
        What served.
    generation
        Of the service's document.
    before
        What it said of itself, None if it did not answer.
    """

    revision: str
    generation: int
    image: str
    job: str
    who: str
    at: datetime
    before: Said | None = None


class ServiceRecords:
    """What the journal knows of a service in one run."""

    def __init__(self, journal: Journal, run: str, service: str) -> None:
        self._journal, self._root = journal, f"release/services/{run}/{service}"

    @property
    def held(self) -> Held | None:
        """How the service was found, None before it was held."""
        return _find(self._journal, f"{self._root}/held", Held)

    def record_held(self, held: Held) -> None:
        """Record how it was found; what was recorded first counts."""
        _create(self._journal, f"{self._root}/held", held)

    @property
    def owes_resume(self) -> bool:
        """Whether the run has paused the job, or was about to, and has not resumed it since."""
        return self._journal.store.get(f"{self._root}/paused/{self._resumed}") is not None

    def record_pausing(self) -> None:
        """Record that the run is about to pause the job, which is not paused, or was by the run that is rolled back."""
        document = {"who": self._journal.who, "at": self._journal.store.now()}
        _create(self._journal, f"{self._root}/paused/{self._resumed}", document)

    def record_resumed(self) -> None:
        """Record that it has resumed it."""
        document = {"who": self._journal.who, "at": self._journal.store.now()}
        _create(self._journal, f"{self._root}/resumed/{self._resumed}", document)

    @property
    def _resumed(self) -> int:
        return len(self._journal.store.keys(f"{self._root}/resumed/"))

    @property
    def drained(self) -> bool:
        """Whether its accounts were at rest under the hold."""
        return self._journal.store.get(f"{self._root}/drained") is not None

    def record_drained(self) -> None:
        """Record that they were."""
        _create(self._journal, f"{self._root}/drained", {"who": self._journal.who, "at": self._journal.store.now()})

    @property
    def opened(self) -> bool:
        """Whether a person opened it."""
        return self._journal.store.get(f"{self._root}/opened") is not None

    def record_opened(self, why: str) -> None:
        """Record that a person opened it."""
        document = {"who": self._journal.who, "at": self._journal.store.now(), "why": why}
        _create(self._journal, f"{self._root}/opened", document)


def held_by(journal: Journal, run: str) -> list[str]:
    """Return the names of the services that a run has held, whether its bundle names them still or not."""
    root = f"release/services/{run}/"
    keys = (key.removeprefix(root).split("/") for key in journal.store.keys(root))
    return [name for name, *what in keys if what == ["held"]]


class RevisionRecords:
    """What was seen of one revision, which never changes; ``service`` is the service's full name."""

    def __init__(self, journal: Journal, service: str, revision: str) -> None:
        self._journal, self._root = journal, f"release/revisions/{sha256(f'{service} {revision}'.encode())}"
        self._what = f"{service}/revisions/{revision}"

    def has(self, what: str) -> bool:
        """Whether the revision was ``confirmed``, has ``answered`` or was ``probed``."""
        return self._journal.store.get(f"{self._root}/{what}") is not None

    def record(self, what: str, said: str = "") -> None:
        """Record that it was, or has."""
        document = {"who": self._journal.who, "at": self._journal.store.now(), "revision": self._what, "said": said}
        _create(self._journal, f"{self._root}/{what}", document)


def _find(journal: Journal, key: str, kind: type[_T]) -> _T | None:
    stored = journal.store.get(key)
    return None if stored is None else decode(kind, stored.data, key)


def _create(journal: Journal, key: str, document: object) -> None:
    try:
        journal.store.create(key, canonical_json(document))
    except Conflict:
        return
