"""The page of a contact: the checklist of each account, to be read and printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput, Refused

__all__ = ["write_contact"]


def write_contact(path: Path, contacts: Sequence[Mapping[str, Any]]) -> None:
    """Write the documents of contacts as one HTML page that loads nothing.

    Raises
    ------
    InvalidInput
        The extra that makes pages is not installed.
    Refused
        The file cannot be written.
    """
    try:
        from quant_platform_kit.report.page import template
    except ImportError as error:
        raise InvalidInput(f"the page needs {error.name}: install quant-platform-kit[report]") from error
    shown = [{**contact, "made": _at(contact["made"]), "sentence": _sentence(contact["lines"])} for contact in contacts]
    page = template("contact.html.j2").render(contacts=shown, data={})
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Refused(f"--page {path}: {error.strerror}; name a file that can be written") from error


def _at(made: str) -> str:
    """Return an instant for people."""
    return f"{datetime.fromisoformat(made):%Y-%m-%d %H:%M} UTC"


def _sentence(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return what came of a contact in one sentence."""
    counts = Counter(str(line["state"]) for line in lines)
    told = ", ".join(f"{counts[state]} {state}" for state in ("blocks", "caution", "not told", "good") if counts[state])
    return f"{'Something blocks' if counts['blocks'] else 'Nothing blocks'}: {told}."
