"""Which code built a snapshot."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from importlib.metadata import distribution
from json import loads
from pathlib import Path

from snapshot_pipelines.settings import setting

__all__ = ["code_version"]

DISTRIBUTION = "snapshot-pipelines"
HERE = Path(__file__)


@cache
def code_version() -> str:
    """Return distribution, version and commit, as ``snapshot-pipelines 0.1.0+g1279be5``.

    The commit is what the package was installed from, or that of the checkout it stands in, with ``-dirty`` where files
    of the checkout were changed, or the one that its image was built from. Without any of them there is none.
    """
    found = distribution(DISTRIBUTION)
    commit = _installed_commit(found.read_text("direct_url.json")) or _checkout_commit() or _commit_of_image()
    return f"{DISTRIBUTION} {found.version}{f'+g{commit}' if commit else ''}"


def _installed_commit(origin: str | None) -> str:
    """Return the commit that a package manager noted down."""
    return str(loads(origin or "{}").get("vcs_info", {}).get("commit_id", ""))[:7]


def _commit_of_image() -> str:
    """Return the commit that is baked into an image."""
    baked = setting("COMMIT_SHA")
    return baked[:7] if re.fullmatch(r"[0-9a-f]{7,40}", baked) else ""


def _checkout_commit() -> str:
    """Return the commit of the checkout that this file belongs to; empty if it only lies within one."""
    if not _git("ls-files", "--error-unmatch", HERE.name):
        return ""
    return _git("describe", "--always", "--dirty", "--abbrev=7", "--exclude=*")


def _git(*arguments: str) -> str:
    """Return what git says beside this file; empty if it fails or is not there."""
    command = ["git", "-C", str(HERE.parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
