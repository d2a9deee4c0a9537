"""A published snapshot out of its store: the manifest, and rows that are what the manifest says."""

from __future__ import annotations

from dataclasses import dataclass

from quant_platform_kit.adapters.snapshot_files import read_rows
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest, parse
from quant_platform_kit.domain.snapshot_rows import SnapshotRows, row_fault
from quant_platform_kit.ports.snapshot_store import SnapshotStore

__all__ = ["MissingRows", "Published", "latest_key", "published", "read_file", "rows_of"]

_SHOWN = 12
"""Digits of a digest that are shown."""


class MissingRows(InvalidInput):
    """The file that a manifest names does not exist."""


@dataclass(frozen=True, slots=True)
class Published:
    """A manifest as it was found.

    Attributes
    ----------
    digest
        SHA-256 of its bytes.
    """

    data: bytes
    manifest: SnapshotManifest
    digest: str


def latest_key(profile: str) -> str:
    """Return the key of the manifest that readers of a profile start from."""
    return f"{profile}_feature_snapshot_latest.parquet.manifest.json"


def published(data: bytes) -> Published:
    """Return the manifest that an object holds; `InvalidInput` where it holds none."""
    try:
        return Published(data, parse(data), sha256(data))
    except InvalidInput as error:
        raise InvalidInput(f"{error}; publish it again") from None


def read_file(store: SnapshotStore, manifest: SnapshotManifest) -> bytes:
    """Return the bytes of the file that a manifest names.

    Raises
    ------
    MissingRows
        There is none.
    InvalidInput
        Its path is no key of a store, or it is another file than the manifest says.
    """
    path = manifest.snapshot_path
    try:
        stored = store.get(path)
    except InvalidInput as error:
        raise InvalidInput(f"snapshot_path: {error}; build and publish it again") from None
    if stored is None:
        raise MissingRows(f"{path} does not exist; publish it again")
    data, name = stored.data, path.replace(manifest.snapshot_sha256, f"{manifest.snapshot_sha256[:_SHOWN]}...")
    todo = "the file was changed or cut; publish it again"
    if len(data) != manifest.snapshot_bytes:
        raise InvalidInput(f"{name} is {len(data)} bytes; manifest says {manifest.snapshot_bytes}: {todo}")
    if (found := sha256(data)) != manifest.snapshot_sha256:
        said = f"{found[:_SHOWN]}...; manifest says {manifest.snapshot_sha256[:_SHOWN]}..."
        raise InvalidInput(f"{name}: sha256 is {said}: {todo}")
    return data


def rows_of(data: bytes, manifest: SnapshotManifest, contract: FeatureContract | None) -> SnapshotRows:
    """Return the rows in the bytes of a file.

    Parameters
    ----------
    contract
        What the profile asks of them; None checks them for themselves.

    Raises
    ------
    InvalidInput
        They are not what the manifest says, or not what the profile can decide on.
    """
    try:
        rows = read_rows(data)
    except InvalidInput as error:
        raise InvalidInput(
            f"{manifest.snapshot_sha256[:_SHOWN]}....parquet {error}; build and publish it again"
        ) from None
    if fault := row_fault(rows, manifest, contract):
        raise InvalidInput(fault)
    return rows
