"""Versions in a folder of plain files: all of a build or nothing, and nothing twice."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest, parse

from snapshot_pipelines.build.builder import Version

__all__ = ["Written", "write_versions"]


class Written:
    """What became of a build: which manifests were written, and which were there already but for their time."""

    def __init__(self) -> None:
        self.new: list[Path] = []
        self.unchanged: list[Path] = []


def write_versions(root: Path, versions: Iterable[Version]) -> Written:
    """Write versions below a root; they appear when the last of them is complete, rows before their manifest.

    A version whose manifest is there already in every field but ``generated_at`` is left as it is.

    Raises
    ------
    InvalidInput
        The root is no folder that can be written.
    StoreError
        The disk is full or fails; nothing was written.
    """
    written = Written()
    with _staging(root) as staging:
        try:
            staged = [paths for version in versions for paths in _staged(root, staging, version, written)]
            for path in staged:
                _put(path, root / path.relative_to(staging))
        except OSError as error:
            raise StoreError(f"{root}: {error.strerror}; no manifest was written: make room and build again") from error
    return written


def _staged(root: Path, staging: Path, version: Version, written: Written) -> Iterator[Path]:
    """Yield the files of a version, made in the staging folder, in the order in which they are put in place."""
    manifest = version.manifest
    folder = Path("versions", str(manifest.snapshot_as_of))
    if same := _same(root / folder, manifest):
        written.unchanged.append(same)
        return
    (staging / folder).mkdir(parents=True, exist_ok=True)
    name = folder / f"{version.digest}.manifest.json"
    for path, content in ((Path(manifest.snapshot_path), version.rows), (name, version.encoded)):
        with (staging / path).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield staging / path
    written.new.append(root / name)


def _same(folder: Path, manifest: SnapshotManifest) -> Path | None:
    """Return the manifest that says the same of rows that are still there, whenever it was made."""
    for path in sorted(folder.glob("*.manifest.json")):
        try:
            found = parse(path.read_bytes())
        except InvalidInput:
            continue
        rows = folder / f"{found.snapshot_sha256}.parquet"
        if replace(found, generated_at=manifest.generated_at) == manifest and rows.is_file():
            return path
    return None


def _put(staged: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(staged, path)


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """Give a folder on the disk of the root, which is gone afterwards."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".build-", dir=root))
    except OSError as error:
        raise InvalidInput(f"--out {root}: {error.strerror}; give a folder that can be written") from None
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
