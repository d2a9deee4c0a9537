"""Publishing: rows, then the manifest for good, then `latest`, which readers start from, then copies for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from quant_platform_kit.adapters.snapshot_reading import Published, latest_key, published
from quant_platform_kit.adapters.snapshot_versions import PublishedVersions
from quant_platform_kit.domain.errors import Conflict, InvalidInput, Refused, StoreError
from quant_platform_kit.ports.snapshot_store import SnapshotStore
from quant_platform_kit.ports.versioned_store import Stored

from snapshot_pipelines.publish.keeping import keep
from snapshot_pipelines.publish.roots import Place, summary_key, version_key, withdrawn_key
from snapshot_pipelines.publish.snapshots import Snapshot

__all__ = ["Copies", "Given", "LostRace", "Outcome", "is_same", "publish"]

Copies = Mapping[str, bytes | None]
"""Key -> content of an object for people; None for one that there should not be."""
CLOCKS = timedelta(minutes=5)
"""How far the clocks of a builder and of a store may be apart."""
TRIES = 5
"""How often a copy is written while others write it too."""
_SHOWN = 12


class LostRace(Refused):
    """Another publisher was first."""


@dataclass(frozen=True, slots=True)
class Given:
    """A snapshot to publish, with what reads and verifies it."""

    place: Place
    read: Callable[[], Snapshot]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a publication.

    Attributes
    ----------
    latest
        What readers start from now.
    before
        What they started from; None where there was nothing, or nothing that could be read.
    moved
        False if that is the same in every field but ``generated_at``: it stays what readers start from.
    new
        Keys of the versions' manifests that were not there.
    """

    latest: Published
    before: Published | None
    moved: bool
    new: tuple[str, ...]


def publish(
    given: Sequence[Given], store: SnapshotStore, copies: Callable[[Snapshot], Copies], *, allow_older: bool = False
) -> Outcome:
    """Publish snapshots of one profile; the newest one becomes `latest`.

    Whoever reads meanwhile finds the old snapshot or the new one, each complete.

    Parameters
    ----------
    given
        At least one. Those of sessions before `latest` are left out unless they are allowed.
    copies
        Returns the objects for people about a snapshot.

    Raises
    ------
    InvalidInput
        A snapshot does not pass its checks. Nothing was changed.
    Refused
        The newest is of a session before `latest`, one was built by changed code, or an object of the store is damaged.
    LostRace
        Another publisher moved `latest` meanwhile.
    StoreError
        The store cannot answer. What was published is complete; publishing again goes on.
    """
    ordered = sorted(given, key=lambda one: one.place.order)
    key = latest_key(ordered[-1].place.found.manifest.strategy_profile)
    stored = store.get(key)
    before = _readable(stored)
    chosen = _chosen(ordered, before, allow_older=allow_older)
    _refuse_dirty(chosen)
    _refuse_future(chosen, store)
    *earlier, newest = [one.read() for one in chosen]
    if before is not None and is_same(before, newest.found):
        beyond = _Beyond(store, key, (*earlier, _as_published(store, newest, before)))
        new = [made for snapshot in earlier if (made := keep(store, snapshot))]
        newest = _as_published(store, newest, before)
        keep(store, newest)
    else:
        beyond = _Beyond(store, key, (*earlier, newest))
        new = [made for snapshot in (*earlier, newest) if (made := keep(store, snapshot))]
        _move(store, key, stored, newest, new)
        keep(store, newest)  # what was old and there may have been removed before it was latest
    beyond.withdraw()
    outcome = Outcome(newest.found, before, newest.found is not before, tuple(new))
    try:
        _write_copies(store, key, newest, copies(newest))
    except StoreError as error:
        raise StoreError(
            f"latest is {_named(newest.found)}, but a copy of it is not written: {error}; publish it again"
        ) from error
    return outcome


def _refuse_dirty(chosen: Sequence[Given]) -> None:
    for found in (one.place.found for one in chosen):
        if (version := found.manifest.code_version).endswith("-dirty"):
            raise Refused(
                f"{_named(found)} was built by {version}, code that was changed and not committed; commit it, build "
                "again and publish that"
            )


def _refuse_future(chosen: Sequence[Given], store: SnapshotStore) -> None:
    """Refuse what says that it was made later than now: it would be the newest of its session for ever."""
    now = store.now()
    for found in (one.place.found for one in chosen):
        if found.manifest.generated_at > now + CLOCKS:
            raise Refused(
                f"{_named(found)} says that it was made at {found.manifest.generated_at:%Y-%m-%dT%H:%M:%SZ}, and it is "
                f"{now:%Y-%m-%dT%H:%M:%SZ}; correct the clock of the machine that built it, and build it again"
            )


class _Beyond:
    """The versions that lie beyond what becomes `latest`, as they were before it did.

    Those are the versions of later sessions, and of its own session those made later: nothing is to be decided on them
    again. Versions that are published are withdrawn no more.
    """

    def __init__(self, store: SnapshotStore, key: str, given: Sequence[Snapshot]) -> None:
        manifest = given[-1].manifest
        versions = PublishedVersions(store, key, store, manifest.strategy_profile)
        made, own = (manifest.snapshot_as_of, manifest.generated_at), {one.digest for one in given}
        self._store, self._key = store, key
        self._back = [one.found for one in given if versions.is_withdrawn(one.found)]
        self._beyond = [
            found
            for found in versions.every()
            if (found.manifest.snapshot_as_of, found.manifest.generated_at) > made
            and not versions.is_withdrawn(found)
            and found.digest not in own
        ]

    def withdraw(self) -> None:
        """Take them back, but for one that somebody has made `latest` meanwhile."""
        for found in self._back:
            self._store.delete(withdrawn_key(found.manifest, found.digest))
        for found in self._beyond:
            with suppress(Conflict):
                self._store.create(withdrawn_key(found.manifest, found.digest), b"withdrawn\n")
        present = self._store.get(self._key) if self._beyond else None
        for found in self._beyond:
            if present is not None and present.data == found.data:
                self._store.delete(withdrawn_key(found.manifest, found.digest))


def _readable(stored: Stored | None) -> Published | None:
    """Return the present `latest`; None also where it cannot be read, which publishing cures."""
    try:
        return published(stored.data) if stored else None
    except InvalidInput:
        return None


def _chosen(ordered: Sequence[Given], before: Published | None, *, allow_older: bool) -> Sequence[Given]:
    if before is None or allow_older:
        return ordered
    day = before.manifest.snapshot_as_of
    chosen = [one for one in ordered if one.place.found.manifest.snapshot_as_of >= day]
    if not chosen:
        newest = ordered[-1].place.found.manifest.snapshot_as_of
        raise Refused(
            f"{newest} is older than {day}, which is latest; add --allow-older to roll back to it, nothing was changed"
        )
    last = chosen[-1].place.found
    if _is_earlier(last, before):
        raise Refused(
            f"{_named(last)} was made before {_named(before)}, which is latest; add --allow-older to go back to it, "
            "nothing was changed"
        )
    return chosen


def _is_earlier(one: Published, before: Published) -> bool:
    """Whether a version of the session of `latest` was made before it, and is another one."""
    same_session = one.manifest.snapshot_as_of == before.manifest.snapshot_as_of
    return same_session and one.manifest.generated_at < before.manifest.generated_at and not is_same(before, one)


def is_same(before: Published, after: Published) -> bool:
    """Whether two manifests say the same in every field but ``generated_at``."""
    return replace(before.manifest, generated_at=after.manifest.generated_at) == after.manifest


def _as_published(store: SnapshotStore, snapshot: Snapshot, before: Published) -> Snapshot:
    """Return a snapshot as it is `latest` already: under the manifest that was made first."""
    summary = store.get(summary_key(before.manifest, before.digest))
    return replace(snapshot, found=before, summary=summary.data if summary else None)


def _move(store: SnapshotStore, key: str, stored: Stored | None, newest: Snapshot, new: Sequence[str]) -> None:
    """Make a manifest `latest` if nobody did it with another one meanwhile."""
    data = newest.found.data
    try:
        if stored is None:
            store.create(key, data)
        else:
            store.replace(key, data, stored.generation)
    except Conflict:
        present = store.get(key)
        if present is not None and present.data == data:
            return
        own = version_key(newest.manifest, newest.digest)
        if own in new and not _lies_before(newest, present):
            with suppress(StoreError):
                store.delete(own)  # nobody is to decide on what was never latest
        raise LostRace(_lost(present)) from None


def _lies_before(newest: Snapshot, present: Stored | None) -> bool:
    """Whether the winner's `latest` is of a later session: then it may count this version among its own."""
    winner = _readable(present)
    return winner is not None and winner.manifest.snapshot_as_of > newest.manifest.snapshot_as_of


def _lost(present: Stored | None) -> str:
    winner = _readable(present)
    if winner is None:
        return "another publisher removed or damaged latest; nothing was changed: publish again"
    at = f"{winner.manifest.generated_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"another publisher made {_named(winner)} latest at {at}; nothing was changed"


def _named(found: Published) -> str:
    return f"{found.manifest.snapshot_as_of} {found.digest[:_SHOWN]}"


def _write_copies(store: SnapshotStore, key: str, latest: Snapshot, copies: Copies) -> None:
    """Write what is for people, as long as it is about what readers start from."""
    for copy, data in copies.items():
        for _ in range(TRIES):
            present = store.get(copy)
            if (present.data if present else None) == data:
                break
            newest = store.get(key)
            if newest is None or newest.data != latest.found.data:
                return  # whoever moved it writes its own
            try:
                _write_copy(store, copy, present, data)
            except Conflict:
                continue
            break
        else:
            raise StoreError(f"{copy} is written by others all the time")


def _write_copy(store: SnapshotStore, key: str, present: Stored | None, data: bytes | None) -> None:
    if data is None:
        store.delete(key)
    elif present is None:
        store.create(key, data)
    else:
        store.replace(key, data, present.generation)
