"""Roots that snapshots are published to or built in, and the one in them that is meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from quant_platform_kit.adapters.snapshot_reading import Published, latest_key, published
from quant_platform_kit.adapters.snapshot_stores import open_snapshots, split_address
from quant_platform_kit.adapters.snapshot_versions import MANIFEST, VERSIONS, WITHDRAWN, folder_day
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest
from quant_platform_kit.ports.snapshot_store import SnapshotStore

from snapshot_pipelines.build.versions import SUMMARY

__all__ = ["LATEST", "Place", "Reference", "Root", "read_reference", "summary_key", "version_key", "withdrawn_key"]

LATEST = "_feature_snapshot_latest.parquet.manifest.json"


def version_key(manifest: SnapshotManifest, digest: str) -> str:
    """Return the key under which a manifest is kept for good."""
    return f"{VERSIONS}{manifest.snapshot_as_of}/{digest}{MANIFEST}"


def withdrawn_key(manifest: SnapshotManifest, digest: str) -> str:
    """Return the key of the object that takes a version back."""
    return version_key(manifest, digest).removesuffix(MANIFEST) + WITHDRAWN


def summary_key(manifest: SnapshotManifest, digest: str) -> str:
    """Return the key of what a reader should know about a version."""
    return version_key(manifest, digest).removesuffix(MANIFEST) + SUMMARY


@dataclass(frozen=True, slots=True)
class Reference:
    """Which snapshot is meant.

    Attributes
    ----------
    root
        A folder, as a path or ``file:///folder``, or ``gs://bucket/prefix``.
    day
        The session of one version; None for the newest.
    key
        Of one manifest; None for any.
    """

    root: str
    day: date | None = None
    key: str | None = None


def read_reference(text: str) -> Reference:
    """Read ``ROOT``, ``ROOT@2018-11-30`` or the address of a manifest."""
    if text.endswith(MANIFEST):
        root, key = split_address(text)
        folder = "/".join(root.rsplit("/", 2)[-2:])
        if folder_day(f"{folder}/{key}"):
            return Reference(split_address(split_address(root)[0])[0], None, f"{folder}/{key}")
        return Reference(root, None, key)
    root, at, tail = text.rpartition("@")
    try:
        return Reference(root, date.fromisoformat(tail)) if at and root else Reference(text)
    except ValueError:
        return Reference(text)


@dataclass(frozen=True, slots=True)
class Place:
    """A manifest and the key it was found under."""

    found: Published
    key: str

    @property
    def order(self) -> tuple[date, object, str]:
        """What versions are sorted by: their session, and when they were made."""
        manifest = self.found.manifest
        return manifest.snapshot_as_of, manifest.generated_at, self.found.digest


class Root:
    """The manifests below a root.

    Parameters
    ----------
    address
        See `Reference.root`.
    endpoint
        The server that ``gs://`` addresses are asked of instead of Google's.
    """

    def __init__(self, address: str, endpoint: str | None = None) -> None:
        self.address = address.rstrip("/") or address
        self.store: SnapshotStore = open_snapshots(address, endpoint=endpoint)

    def at(self, key: str) -> Place | None:
        """Return the manifest under a key; `InvalidInput` where the object is none."""
        stored = self.store.get(key)
        if stored is None:
            return None
        try:
            return Place(published(stored.data), key)
        except InvalidInput as error:
            raise InvalidInput(f"{self.address}/{key}: {error}") from None

    def latest(self, profile: str) -> Place | None:
        """Return the manifest that readers of a profile start from."""
        return self.at(latest_key(profile))

    def keys(self, day: date | None = None) -> list[str]:
        """Return the keys of all version manifests, or of those of a session, ascending."""
        keys = self.store.keys(f"{VERSIONS}{day}/" if day else VERSIONS)
        return [key for key in keys if key.endswith(MANIFEST) and folder_day(key)]

    def versions(self, profile: str | None, day: date | None = None) -> list[Place]:
        """Return the versions of a profile, or of all, by session and then by when they were made."""
        found = [place for key in self.keys(day) if (place := self.at(key))]
        wanted = [place for place in found if profile in (None, place.found.manifest.strategy_profile)]
        return sorted(wanted, key=lambda place: place.order)

    def profile(self, wanted: str | None = None) -> str:
        """Return the one profile that has snapshots here, unless one is wanted.

        Raises
        ------
        InvalidInput
            There is none, or more than one.
        """
        if wanted is not None:
            return wanted
        everything = self.store.keys("") if self.keys() else []
        keys = [key for key in everything if "/" not in key and key.endswith(LATEST)]
        names = {key.removesuffix(LATEST) for key in keys}
        names = names or {place.found.manifest.strategy_profile for place in self.versions(None)}
        if not names:
            raise InvalidInput(f"there is no snapshot at {self.address}; build or publish one, or correct the address")
        if len(names) > 1:
            raise InvalidInput(f"{self.address} has snapshots of {', '.join(sorted(names))}; choose one by --profile")
        return names.pop()

    def meant(self, reference: Reference, profile: str | None) -> Place:
        """Return the manifest that a reference means: `latest`, else the newest version.

        Raises
        ------
        InvalidInput
            There is none.
        """
        if reference.key is not None:
            place = self.at(reference.key)
            if place is None:
                raise InvalidInput(f"no manifest at {self.address}/{reference.key}; correct the address")
            return place
        name, day = self.profile(profile), reference.day
        latest = self.latest(name)
        if latest is not None and day in (None, latest.found.manifest.snapshot_as_of):
            return latest
        if found := self.versions(name, day):
            return found[-1]
        of = f" of {day}" if day else ""
        raise InvalidInput(f"no snapshot{of} of {name} at {self.address}; `snapshots list {self.address}` shows all")
