"""Where a profile's snapshots are looked for: as a service is told, or below one root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from quant_platform_kit.adapters.snapshot_reading import latest_key
from quant_platform_kit.adapters.snapshot_stores import open_snapshots, split_address
from quant_platform_kit.adapters.snapshot_versions import PublishedVersions, folder_day
from quant_platform_kit.adapters.store_keys import is_key
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.ports.snapshot_store import SnapshotStore

__all__ = ["PlaceOf", "SnapshotPlace", "SnapshotRoot", "SnapshotSettings"]

_TABLES = (".parquet", ".csv")


@dataclass(frozen=True, slots=True)
class SnapshotPlace:
    """Where the manifests of one profile and their files are.

    Attributes
    ----------
    address
        What is to be there, for people.
    manifests, latest
        The store with the manifest to start from, and its key there.
    rows
        The root: the store that versions are in, and that the path of a manifest is looked up in.
    pinned
        Whether ``latest`` is one version, and no other takes its place.
    versions_alone
        Whether versions are taken without a `latest`.
    config_setting
        What names the configuration of the strategy.
    """

    address: str
    manifests: SnapshotStore
    latest: str
    rows: SnapshotStore
    pinned: bool = False
    versions_alone: bool = False
    config_setting: str = "--config"

    def versions(self, profile: str) -> PublishedVersions:
        """Return the manifests as they are now."""
        return PublishedVersions(
            self.manifests, self.latest, self.rows, profile, pinned=self.pinned, alone=self.versions_alone
        )


class PlaceOf(Protocol):
    """What knows where the snapshots of a profile are."""

    def place(self, profile: str, endpoint: str | None) -> SnapshotPlace:
        """Return it; `InvalidInput` where nobody said, or where it can be no place."""
        ...


@dataclass(frozen=True, slots=True)
class SnapshotRoot:
    """A root as it is published to or built in; see `quant_platform_kit.adapters.snapshot_stores` for its address.

    A root that was built in and never published to has no `latest`: its versions stand for themselves.
    """

    root: str

    def place(self, profile: str, endpoint: str | None) -> SnapshotPlace:
        """Return where the snapshots of a profile are."""
        store, root = open_snapshots(self.root, endpoint=endpoint), self.root.rstrip("/")
        address = f"{root}/{latest_key(profile)} or below {root}/versions"
        return SnapshotPlace(address, store, latest_key(profile), store, versions_alone=True)


@dataclass(frozen=True, slots=True)
class SnapshotSettings:
    """What a service is told about its snapshots; addresses are paths, ``file://`` or ``gs://``.

    Attributes
    ----------
    prefix
        What the names of the settings begin with, such as ``IBKR``.
    manifest_path
        The manifest to start from: `latest`, or one version, which is then the only one.
    snapshot_path
        The root of versions and files; empty for that of the manifest. A file in it stands for it.
    """

    prefix: str
    manifest_path: str
    snapshot_path: str = ""

    def place(self, profile: str, endpoint: str | None) -> SnapshotPlace:
        """Return where the snapshots of a profile are.

        Raises
        ------
        InvalidInput
            A setting is missing, or is no place of snapshots.
        """
        setting = self._named("FEATURE_SNAPSHOT_MANIFEST_PATH")
        if not self.manifest_path:
            raise InvalidInput(
                f"{setting} is not set; {profile} reads a snapshot: set it to the address of its latest manifest"
            )
        root, name = split_address(self.manifest_path)
        if not is_key(name):
            raise InvalidInput(f"{setting} is {self.manifest_path}; name a manifest, which ends in .manifest.json")
        pinned = (version := _version_of(root)) is not None
        if version is not None:
            root, name = split_address(split_address(root)[0])[0], f"{version}/{name}"
        rows_root, rows_setting = self._rows_root(root), self._named("FEATURE_SNAPSHOT_PATH")
        return SnapshotPlace(
            self.manifest_path,
            _opened(setting, root, endpoint),
            name,
            _opened(rows_setting if self.snapshot_path else setting, rows_root, endpoint),
            pinned=pinned,
            config_setting=self._named("STRATEGY_CONFIG_PATH"),
        )

    def _named(self, name: str) -> str:
        return f"{self.prefix.rstrip('_')}_{name}"

    def _rows_root(self, root: str) -> str:
        path = self.snapshot_path
        return (split_address(path)[0] if path.endswith(_TABLES) else path) or root


def _version_of(folder: str) -> str | None:
    """Return the end of a folder's address that is the folder of a version; None where it is none."""
    end = "/".join(folder.rstrip("/").rsplit("/", 2)[-2:])
    return end if folder_day(f"{end}/x") else None


def _opened(setting: str, root: str, endpoint: str | None) -> SnapshotStore:
    try:
        return open_snapshots(root, endpoint=endpoint)
    except InvalidInput as error:
        raise InvalidInput(f"{setting}: {error}") from None
