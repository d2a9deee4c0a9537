"""Secret values this process has been given, and their removal from every text that leaves it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

__all__ = ["HIDDEN", "hide", "redact"]

HIDDEN = "***"
SHORTEST = 4
"""Shorter values are not looked for: they would be found in every text."""

_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;"))

_known: list[str] = []


def hide(secrets: Iterable[str]) -> None:
    """Remember values that no text may contain, also in the forms they take in URLs, JSON, pages and messages."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            _known.extend(sorted(_forms(secret) - {*_known}))
    _known.sort(key=len, reverse=True)


def _forms(secret: str) -> set[str]:
    in_urls = {quote(secret, safe=""), quote(secret)}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    on_pages = secret
    for character, entity in _ENTITIES:
        on_pages = on_pages.replace(character, entity)
    return {secret, *in_urls, *in_json, on_pages, repr(secret)[1:-1]}


def redact(text: str) -> str:
    """Return ``text`` with three stars in place of every hidden value."""
    for secret in _known:
        text = text.replace(secret, HIDDEN)
    return text
