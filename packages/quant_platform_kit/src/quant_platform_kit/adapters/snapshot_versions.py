"""Which of the manifests in a store a session is decided on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property

from quant_platform_kit.adapters.snapshot_reading import Published, published
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.snapshot_manifest import MANIFEST_TYPE, SnapshotManifest
from quant_platform_kit.ports.snapshot_store import SnapshotStore

__all__ = ["MANIFEST", "VERSIONS", "WITHDRAWN", "PublishedVersions", "folder_day"]

VERSIONS = "versions/"
MANIFEST = ".manifest.json"
WITHDRAWN = ".withdrawn"
"""What the name of an object ends with that takes a version back, instead of `MANIFEST`: nothing is decided on it."""


def folder_day(key: str) -> date | None:
    """Return the session of whose version an object is a part; None for other objects."""
    versions, _, rest = key.partition("/")
    text = rest.partition("/")[0]
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if f"{versions}/" == VERSIONS and day.isoformat() == text else None


class PublishedVersions:
    """The manifests of a profile, each read once: a picture of the stores at one time.

    Parameters
    ----------
    latest
        Key of the manifest to start from.
    root
        The store with the versions, which may be another one than that of `latest`.
    pinned
        Whether no other is taken in its place.
    alone
        Whether versions are taken where there is no `latest`.
    """

    def __init__(
        self,
        store: SnapshotStore,
        latest: str,
        root: SnapshotStore,
        profile: str,
        *,
        pinned: bool = False,
        alone: bool = False,
    ) -> None:
        self._store, self._root, self._profile = store, root, profile
        self._latest_key, self._pinned, self._alone = latest, pinned, alone
        self._read: dict[date, tuple[Published, ...]] = {}

    @property
    def latest(self) -> Published | None:
        """The manifest to start from, None where there is none; `InvalidInput` where an object is no manifest."""
        if isinstance(self._found, InvalidInput):
            raise self._found
        return self._found

    def manifest_for(self, session: date) -> Published | None:
        """Return the manifest that a session is decided on; None where there is none at all.

        `latest` is taken up to its own session, whatever else there is: what lies beyond it was withdrawn. Sessions
        before it are decided on the newest version up to them that was not withdrawn, and of two of one session on the
        one made last.

        Raises
        ------
        InvalidInput
            `latest`, or a manifest among those to choose from, cannot be read as one.
        """
        latest = self.latest
        if latest is None:
            return self.version_for(session) if self._alone else None
        if self._pinned or self._is_strange(latest.manifest) or latest.manifest.snapshot_as_of <= session:
            return latest
        return self.version_for(session) or latest

    @cached_property
    def _found(self) -> Published | InvalidInput | None:
        stored = self._store.get(self._latest_key)
        try:
            return published(stored.data) if stored else None
        except InvalidInput as error:
            return error

    def version_for(self, session: date) -> Published | None:
        """Return the newest version up to a session that was not withdrawn."""
        for day in reversed([day for day in self._keys if day <= session]):
            if found := [each for each in self._of(day) if not self.is_withdrawn(each)]:
                return max(found, key=lambda each: (each.manifest.generated_at, each.digest))
        return None

    def every(self) -> tuple[Published, ...]:
        """Return all versions, ascending by session and then by when they were made."""
        found = (each for day in self._keys for each in self._of(day))
        return tuple(sorted(found, key=lambda each: (each.manifest.snapshot_as_of, each.manifest.generated_at)))

    def is_withdrawn(self, version: Published) -> bool:
        """Whether a version was taken back."""
        return f"{VERSIONS}{version.manifest.snapshot_as_of}/{version.digest}{WITHDRAWN}" in self._all

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset(self._root.keys(VERSIONS))

    @cached_property
    def _keys(self) -> Mapping[date, tuple[str, ...]]:
        """The keys of manifests, by the session of their folder, ascending."""
        found: dict[date, tuple[str, ...]] = {}
        for key in sorted(self._all):
            if key.endswith(MANIFEST) and (day := folder_day(key)):
                found[day] = (*found.get(day, ()), key)
        return found

    def _of(self, day: date) -> tuple[Published, ...]:
        if day not in self._read:
            read = ((key, self._root.get(key)) for key in self._keys[day])
            manifests = [_version(key, stored.data) for key, stored in read if stored]
            self._read[day] = tuple(each for each in manifests if each.manifest.strategy_profile == self._profile)
        return self._read[day]

    def _is_strange(self, manifest: SnapshotManifest) -> bool:
        return (manifest.manifest_type, manifest.strategy_profile) != (MANIFEST_TYPE, self._profile)


def _version(key: str, data: bytes) -> Published:
    try:
        found = published(data)
    except InvalidInput as error:
        raise InvalidInput(f"{key}: {error}; if nobody made it, remove that object") from None
    if key != f"{VERSIONS}{found.manifest.snapshot_as_of}/{found.digest}{MANIFEST}":
        raise InvalidInput(f"{key} is not what its name says: remove that object, and publish the snapshot again")
    return found
