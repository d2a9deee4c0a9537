"""What the scripts that write a page below docs/reference share: tables, and writing or checking the page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["ROOT", "table", "write_or_check"]

ROOT = Path(__file__).resolve().parent.parent


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in lines)


def write_or_check(name: str, text: str) -> int:
    """Write the page, or with ``--check`` compare it; return the exit status, 1 where it differs."""
    parser = argparse.ArgumentParser(description=f"Write docs/reference/{name}.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page differs")
    page = ROOT / "docs" / "reference" / name
    if not parser.parse_args().check:
        page.write_text(text, "utf-8")
        return 0
    if page.exists() and page.read_text("utf-8") == text:
        return 0
    print(f"{page} is out of date; run {sys.argv[0]}", file=sys.stderr)
    return 1
