"""A base image made of Debian's packages, which stands in for the one that Dockerfiles name."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from .machine import Failed, run

__all__ = ["NAME", "base_of", "import_base", "make_base"]

NAME = "localhost/quant-base:1"
PACKAGES = "ca-certificates,python3,python3-pip,python-is-python3"
HOOKS = (
    'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
    'mkdir -p "$1"/etc/uv && echo "system-certs = true" > "$1"/etc/uv/uv.toml',
)
"""As in the image it stands in for, pip may install; uv trusts whom the system trusts, as pip here does."""


def base_of(dockerfile: str) -> str:
    """Return the reference of the one image that every stage of a Dockerfile begins with."""
    found = set(re.findall(r"(?m)^FROM (\S+)", dockerfile))
    if len(found) != 1:
        raise Failed(f"stages begin with {', '.join(sorted(found))}; one base is expected")
    return found.pop()


def make_base(reference: str, cache: Path) -> Path:
    """Return the root file system for a base such as ``python:3.11.16-slim-bookworm@sha256:...``, made once.

    ``IMAGES_MMDEBSTRAP_OPTIONS`` has more options of mmdebstrap, such as a mirror's.
    """
    found = re.search(r"^python:3\.\d+\.\d+-slim-(?P<suite>[a-z]+)@", reference)
    if found is None:
        raise Failed(f"the base is {reference}; expected python:3.X.Y-slim-SUITE@sha256:...")
    file = cache / f"base-{found['suite']}.tar"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        hooks = [f"--customize-hook={hook}" for hook in HOOKS]
        more = shlex.split(os.environ.get("IMAGES_MMDEBSTRAP_OPTIONS", ""))
        begun = file.with_suffix(".begun.tar")
        begun.unlink(missing_ok=True)
        run("mmdebstrap", "--variant=apt", f"--include={PACKAGES}", *hooks, *more, found["suite"], str(begun))
        begun.rename(file)
    return file


def import_base(file: Path) -> None:
    """Make the image `NAME` of a root file system."""
    container = run("buildah", "from", "scratch").strip()
    run("buildah", "add", "--quiet", container, str(file), "/")
    run("buildah", "commit", "--quiet", "--rm", container, NAME)
