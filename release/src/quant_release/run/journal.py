"""What a release did, and what it knows that git does not: create-only objects of the kit's store.

::

    release/lease                        who works, since when, and the run that is open
    release/runs/<run>/run               bundle, operator, branch, where the origin was
    release/runs/<run>/events/<number>   a step begun, ended, refused or failed
    release/runs/<run>/via-branch        that its commits go by way of a branch which a person merges
    release/checked/<key>                tests that passed, by a digest of all they ran on
    release/images/<key>                 an image by digest, by app, repository and commit
    release/left/<bundle digest>-<run>   what the tags, pins, images and services were when the bundle was released
    release/services/, release/revisions/  what is known of services: `quant_release.run.service_records`
    release/workloads/                   what is known of workloads: `quant_release.run.workload_records`

A run id is its UTC time and the name of the bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Conflict, QuantError, Refused
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode

from quant_release.steps.machine import Subject
from quant_release.steps.table import Row

__all__ = ["Event", "ImageRecord", "Journal", "NewRun", "RunRecord", "RunWatcher", "StepListener"]

_RUNS, _CHECKED, _IMAGES, _LEFT = "release/runs/", "release/checked/", "release/images/", "release/left/"


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known of a release before it begins; see `RunRecord`."""

    bundle: str
    digest: str
    branch: str
    base: str
    command: str
    services: tuple[str, ...] = ()
    back: str | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One release.

    Attributes
    ----------
    at
        By the store's clock, aware UTC; its date is the one in changelogs.
    base
        Commit of the origin's branch when it began.
    bundle, digest
        Name of the bundle, and the digest of what it said.
    command
        ``apply``, ``switch`` or ``rollback``.
    services
        The services that it is limited to; empty for all.
    back
        Of a rollback, the run that is rolled back.
    """

    run: str
    who: str
    at: datetime
    bundle: str
    digest: str
    branch: str
    base: str
    command: str = "apply"
    services: tuple[str, ...] = ()
    back: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a step.

    Attributes
    ----------
    what
        ``begins``, ``ended``, ``failed`` or ``undone``, or ``finished``, ``abandoned`` and ``resumed`` of the run.
    """

    at: datetime
    who: str
    what: str
    step: str = ""
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image that was built.

    Attributes
    ----------
    reference
        ``repository@sha256:...``.
    pins
        What it was installed from.
    """

    app: str
    repository: str
    commit: str
    reference: str
    pins: tuple[str, ...]
    at: datetime


class Journal:
    """The journal of releases in a store."""

    def __init__(self, store: VersionedStore, who: str) -> None:
        self.store, self.who = store, who

    # --- runs ----------------------------------------------------------------------------------

    def open(self, new: NewRun) -> RunRecord:
        """Record a new run."""
        at = self.store.now()
        run = RunRecord(f"{at:%Y%m%dT%H%M%S%fZ}-{new.bundle}", self.who, at, **asdict(new))
        self.store.create(f"{_RUNS}{run.run}/run", canonical_json(run))
        return run

    def run(self, name: str) -> RunRecord:
        """Return a run; `Refused` for one that is not here."""
        key = f"{_RUNS}{name}/run"
        stored = self.store.get(key)
        if stored is None:
            raise Refused(f"run {name} is not in the journal; `release history` lists those that are")
        return decode(RunRecord, stored.data, key)

    def runs(self) -> list[RunRecord]:
        """Return every run, oldest first."""
        return [self.run(name) for name in self._names()]

    def last_run(self) -> RunRecord | None:
        """Return the newest run, None where there was none; no other is read."""
        return next((self.run(name) for name in reversed(self._names())), None)

    def _names(self) -> list[str]:
        """Return the names of the runs, oldest first: each begins with its time."""
        return [key.split("/")[2] for key in self.store.keys(_RUNS) if key.endswith("/run")]

    def events(self, run: str) -> list[Event]:
        """Return what happened in a run, in order."""
        keys = self.store.keys(f"{_RUNS}{run}/events/")
        found = [(key, self.store.get(key)) for key in keys]
        return [decode(Event, stored.data, key) for key, stored in found if stored is not None]

    def note(self, run: str, what: str, step: str = "", subject: str = "", text: str = "") -> None:
        """Record an event under the next number."""
        event = canonical_json(Event(self.store.now(), self.who, what, step, subject, text))
        number = len(self.store.keys(f"{_RUNS}{run}/events/"))
        while True:
            try:
                self.store.create(f"{_RUNS}{run}/events/{number:05}", event)
            except Conflict:
                number += 1
                continue
            return

    def go_via_branch(self, run: str) -> None:
        """Record that the commits of a run go by way of a branch which a person merges."""
        self._create(f"{_RUNS}{run}/via-branch", {"who": self.who, "at": self.store.now()})

    def goes_via_branch(self, run: str) -> bool:
        """Whether the commits of a run go by way of a branch which a person merges."""
        return self.store.get(f"{_RUNS}{run}/via-branch") is not None

    # --- what git does not know ----------------------------------------------------------------

    def passed(self, key: str) -> bool:
        """Whether tests passed on what a digest stands for."""
        return self.store.get(_CHECKED + key) is not None

    def record_passed(self, key: str, what: str) -> None:
        """Record that tests passed."""
        self._create(_CHECKED + key, {"who": self.who, "at": self.store.now(), "what": what})

    def image(self, app: str, repository: str, commit: str) -> ImageRecord | None:
        """Return the image of an app at a commit, None if none was recorded."""
        key = _image_key(app, repository, commit)
        stored = self.store.get(key)
        return None if stored is None else decode(ImageRecord, stored.data, key)

    def record_image(self, image: ImageRecord) -> None:
        """Record an image."""
        self._create(_image_key(image.app, image.repository, image.commit), image)

    def left(self, digest: str) -> dict[str, str] | None:
        """Return what was last left of each subject of a bundle, None before it was released in full."""
        newest = max(self.store.keys(_LEFT + digest), default=None)
        stored = None if newest is None else self.store.get(newest)
        return None if newest is None or stored is None else decode(dict[str, str], stored.data, newest)

    def record_left(self, digest: str, run: str, identities: Mapping[str, str]) -> None:
        """Record what a run left of each subject of a bundle."""
        self._create(f"{_LEFT}{digest}-{run}", identities)

    def images(self) -> list[ImageRecord]:
        """Return every image, in the order in which they were built."""
        found = [(key, self.store.get(key)) for key in self.store.keys(_IMAGES)]
        images = [decode(ImageRecord, stored.data, key) for key, stored in found if stored is not None]
        return sorted(images, key=lambda image: image.at)

    def _create(self, key: str, document: object) -> None:
        try:
            self.store.create(key, canonical_json(document))
        except Conflict:
            return


def _image_key(app: str, repository: str, commit: str) -> str:
    return f"{_IMAGES}{sha256(f'{app} {repository} {commit}'.encode())}"


StepListener = Callable[[str, Row, Subject], None]
"""Is told what happened to a step, as in `Event.what`."""


class RunWatcher:
    """Records the steps of a run, and tells who looks on."""

    def __init__(self, journal: Journal, run: str, listener: StepListener | None = None) -> None:
        self._journal, self._run, self._listener = journal, run, listener

    def begins(self, row: Row, subject: Subject) -> None:
        """Record that a step begins."""
        self._note("begins", row, subject)

    def ended(self, row: Row, subject: Subject) -> None:
        """Record that a step ended well."""
        self._note("ended", row, subject)

    def failed(self, row: Row, subject: Subject, error: QuantError) -> None:
        """Record why a step did not."""
        self._note("failed", row, subject, str(error))

    def undone(self, row: Row, subject: Subject) -> None:
        """Record that a step was taken back."""
        self._note("undone", row, subject)

    def _note(self, what: str, row: Row, subject: Subject, text: str = "") -> None:
        self._journal.note(self._run, what, row.step, str(subject), text)
        if self._listener is not None:
            self._listener(what, row, subject)
