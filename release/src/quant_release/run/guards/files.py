"""Guards of the commits of packages and apps: nothing foreign goes in, nothing foreign goes along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quant_release.run.reading import Reading
from quant_release.steps.machine import Subject

__all__ = ["aligned", "foreign_edits", "own", "uncommitted", "unstaged"]


def aligned(reading: Reading, subject: Subject) -> str | None:
    """Return what came between origin and HEAD that is not of this release."""
    observed = reading.observed
    if not observed.git.contains(observed.head, observed.remote_head):
        return (
            f"origin/{observed.branch} moved to {observed.remote_head[:12]}, which HEAD does not contain: "
            "`release abandon`, git pull, then plan again"
        )
    return own(reading, subject)


def own(reading: Reading, _subject: Subject) -> str | None:
    """Return what HEAD adds to the origin's branch that is not of this release."""
    observed = reading.observed
    foreign = [
        f"{commit[:12]} {text!r}"
        for commit, text, paths in observed.git.log(observed.remote_head, observed.head)
        if not reading.desired.is_own_commit(text, paths)
    ]
    if not foreign:
        return None
    return f"commits that are neither at the origin nor of this release: {_some(foreign)}; push them first"


def unstaged(reading: Reading, subject: Subject) -> str | None:
    """Return what is staged beside the subject's own files."""
    own = reading.desired.files(subject)
    foreign = [path for path in reading.observed.staged if path not in own]
    if not foreign:
        return None
    return f"staged, and not part of this commit: {_some(foreign)}: git restore --staged, or git stash"


def foreign_edits(reading: Reading, subject: Subject, folders: Sequence[str]) -> set[str]:
    """Return the paths below folders that were edited by others than this release."""
    own = reading.desired.files(subject)
    dirty = {path for path in reading.observed.changed if any(_is_below(path, folder) for folder in folders)}
    return {path for path in dirty if path not in own or reading.observed.on_disk(path) != own[path]}


def uncommitted(foreign: set[str]) -> str | None:
    """Return how foreign edits are refused, None without any."""
    return f"uncommitted edits in {_some(foreign)}: commit, split or stash them" if foreign else None


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _some(names: Iterable[str]) -> str:
    """Write a few names out of many."""
    listed = sorted(names)
    rest = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + rest
