"""Versions in a folder of plain files: all of a build or nothing, and nothing twice."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from quant_platform_kit.adapters.snapshot_versions import MANIFEST, VERSIONS
from quant_platform_kit.domain.digests import plain, sha256
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest, parse

from snapshot_pipelines.build.builder import Version

__all__ = ["SUMMARY", "Written", "write_versions"]

SUMMARY = ".summary.json"
"""What a reader should know of a version stands beside its manifest, under the same SHA-256."""
_STAGING = ".build-"
_STALE = 24 * 3600.0
"""Seconds after which what a build left that was killed is removed by another."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a version.

    Attributes
    ----------
    version
        As it was built.
    manifest
        The file of its manifest.
    new
        False if it was there already: the same in every field but ``generated_at``.
    """

    version: Version
    manifest: Path
    new: bool


def write_versions(root: Path, versions: Iterable[Version]) -> list[Written]:
    """Write versions below a root; they appear when the last of them is complete, rows before their manifest.

    Raises
    ------
    InvalidInput
        The root is no folder that can be written.
    StoreError
        The disk is full or fails: no manifest of this build is there.
    """
    written: list[Written] = []
    with _staging(root) as staging:
        staged: list[Path] = []
        for version in versions:
            manifest = version.manifest
            folder = Path(VERSIONS, str(manifest.snapshot_as_of))
            same = _same(root / folder, manifest)
            written.append(Written(version, same or root / folder / f"{version.digest}{MANIFEST}", not same))
            if not same:
                staged += _staged(root, staging, folder, version)
        _put(root, staging, staged)
    return written


def _staged(root: Path, staging: Path, folder: Path, version: Version) -> Sequence[Path]:
    """Make the files of a version in the staging folder that the root lacks; return them in the order they appear."""
    summary = json.dumps({"manifest_sha256": version.digest, **plain(version.summary)}, indent=1) + "\n"
    contents = {
        Path(version.manifest.snapshot_path): version.rows,
        folder / f"{version.digest}{SUMMARY}": summary.encode(),
        folder / f"{version.digest}{MANIFEST}": version.encoded,
    }
    lacking = {path: content for path, content in contents.items() if not _holds(root / path, content)}
    try:
        (staging / folder).mkdir(parents=True, exist_ok=True)
        for path, content in lacking.items():
            with (staging / path).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise _failed(root, error) from error
    return list(lacking)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _put(root: Path, staging: Path, paths: Sequence[Path]) -> None:
    """Move files to their places; after a failure take away again what was moved."""
    moved: list[Path] = []
    try:
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / path, root / path)
            moved.append(root / path)
    except OSError as error:
        for path in reversed(moved):
            path.unlink(missing_ok=True)
        raise _failed(root, error) from error


def _failed(root: Path, error: OSError) -> StoreError:
    return StoreError(f"{root}: {error.strerror}; nothing was written: make room, or give another --out")


def _same(folder: Path, manifest: SnapshotManifest) -> Path | None:
    """Return the manifest that says the same of rows that are still there, whenever it was made."""
    for path in sorted(folder.glob(f"*{MANIFEST}")):
        try:
            found = parse(path.read_bytes())
        except InvalidInput:
            continue
        rows = folder / f"{found.snapshot_sha256}.parquet"
        if replace(found, generated_at=manifest.generated_at) == manifest and rows.is_file():
            return path if sha256(rows.read_bytes()) == found.snapshot_sha256 else None
    return None


@contextmanager
def _staging(root: Path) -> Generator[Path]:
    """Give a folder on the disk of the root that is gone afterwards; a root that was made for nothing is gone too."""
    made = not root.exists()
    try:
        root.mkdir(parents=True, exist_ok=True)
        for left in root.glob(f"{_STAGING}*"):
            if time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=root))
    except OSError as error:
        raise InvalidInput(f"--out {root}: {error.strerror}; give a folder that can be written") from None
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if made and not any(root.iterdir()):
            root.rmdir()
