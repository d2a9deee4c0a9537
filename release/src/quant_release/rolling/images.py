"""References to images: repository, and digest or tag."""

from __future__ import annotations

import re

__all__ = ["digest_of", "repository_of"]

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")
_TAG = re.compile(r":[\w][\w.-]{0,127}$", re.ASCII)


def digest_of(reference: str) -> str | None:
    """Return the digest that a reference names, None for a tag."""
    found = _DIGEST.search(reference)
    return found[1] if found else None


def repository_of(reference: str) -> str:
    """Return the repository of a reference, without digest and tag."""
    return _TAG.sub("", reference.partition("@")[0])
