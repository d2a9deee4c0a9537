"""Secret values this process has been given, and their removal from every text that leaves it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

__all__ = ["hide", "redact"]

HIDDEN = "***"
SHORTEST = 4
"""Shorter values are not looked for: they would be found in every text."""

_known: list[str] = []


def hide(secrets: Iterable[str]) -> None:
    """Remember values that no text may contain, also in the forms they take in URLs and in JSON."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            _known.extend({secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]} - {*_known})
    _known.sort(key=len, reverse=True)


def redact(text: str) -> str:
    """Return ``text`` with three stars in place of every hidden value."""
    for secret in _known:
        text = text.replace(secret, HIDDEN)
    return text
