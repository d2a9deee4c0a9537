#!/usr/bin/env python3
"""Write docs/changelog.md, what changed in every package, from docs/history; ``--check`` fails where it differs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from checkout import ROOT
from generated_files import write_or_check

HEAD = """\
# Changelog

Made by `scripts/generate_changelog.py` from the histories of all packages. Each has versions of its own; a release
bundle names which belong together. What is not released yet comes first.
"""
SECTION = re.compile(r"^## (?P<version>[^\n]+)\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^- ", re.MULTILINE)


def page() -> str:
    """Return the page: what is unreleased of each package in full, and the sizes of its releases."""
    histories = sorted((ROOT / "docs" / "history").glob("*.md"))
    return HEAD + "".join(part for history in histories for part in _of(history))


def _of(history: Path) -> Iterator[str]:
    yield f"\n## [{history.stem}](history/{history.name})\n"
    for section in SECTION.finditer(history.read_text("utf-8")):
        if section["version"] == "Unreleased":
            text = re.sub(r"^### ", "#### ", section["text"], flags=re.MULTILINE).strip()
            yield f"\n### Unreleased\n\n{_links(text)}\n" if text else ""
        else:
            count = len(ENTRY.findall(section["text"]))
            entries = "1 entry" if count == 1 else f"{count} entries"
            yield f"\n### {section['version']}\n\n{entries}, in the package's history.\n"


def _links(text: str) -> str:
    """Return a text of docs/history with its links as docs/ has them."""
    return re.sub(r"\]\(\.\./", "](", text)


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__ or "", {"docs/changelog.md": page()}))
