"""The manifest of a published feature snapshot: what the file holds, what it was made from, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

__all__ = ["Column", "SnapshotManifest", "Source"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file; ``type`` is one of date, string, int8, int16, int32, float64."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a snapshot was built from.

    Attributes
    ----------
    role
        prices, benchmarks, sectors, membership or fundamentals.
    name
        The file's name without its folder.
    sha256, bytes
        Of its content.
    """

    role: str
    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """What is published beside the rows of a snapshot.

    Attributes
    ----------
    config_name
        The profile, or what the configuration file calls itself.
    config_path
        Name of the configuration file, for people; None without one.
    config_sha256
        Of the file's bytes; without one, of the default configuration in canonical JSON.
    snapshot_path
        Relative to the root, ends in ``<snapshot_sha256>.parquet``.
    snapshot_sha256, snapshot_bytes
        Of the file's bytes.
    snapshot_as_of
        The session the features are of (exchange-local date).
    columns
        In the file's order.
    generated_at
        When it was built, aware UTC; not before the close of ``snapshot_as_of``.
    code_version
        Distribution, version and commit of the code that built it.
    """

    strategy_profile: str
    contract_version: str
    config_name: str
    config_path: str | None
    config_sha256: str
    snapshot_path: str
    snapshot_sha256: str
    snapshot_bytes: int
    snapshot_as_of: date
    row_count: int
    columns: tuple[Column, ...]
    generated_at: datetime
    sources: tuple[Source, ...]
    code_version: str
    manifest_type: str = "feature_snapshot"
    source_project: str = "snapshot_pipelines"
