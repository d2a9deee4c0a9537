"""Answers over HTTP, as flows judge them. Needs the standard library only."""

from __future__ import annotations

from typing import Any

from verdicts import Refused, Wrong

__all__ = ["answered"]


def answered(response: Any) -> Any:
    """Return the document of an answer; `Refused` for an error in Schwab's shape, `Wrong` for any other."""
    if response.status_code < 400:
        return response.json() if response.text else response.headers.get("Location", "")
    try:
        document = response.json()
    except ValueError:
        raise Wrong(f"{response.status_code} without a document: {response.text[:80]}") from None
    if not isinstance(document, dict) or not ("message" in document or "errors" in document):
        raise Wrong(f"{response.status_code} in another shape: {document}")
    raise Refused(f"{response.status_code} {document}")
