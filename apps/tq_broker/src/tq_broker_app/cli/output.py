"""What commands print: lines and columns for people, JSON for machines; no secret is in either."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.redaction import redact

__all__ = ["columns", "notice", "print_json", "say", "shortened", "told_if_slow"]


SLOW_SECONDS = 2.0
"""What takes longer is told of."""


def say(text: str) -> None:
    """Print a line on standard output."""
    sys.stdout.write(f"{redact(text)}\n")
    sys.stdout.flush()


def notice(text: str) -> None:
    """Print a line on standard error: what is under way, or a remark."""
    sys.stderr.write(f"{redact(text)}\n")
    sys.stderr.flush()


@contextmanager
def told_if_slow(text: str) -> Generator[None]:
    """Say on a terminal what is under way, once it takes long."""
    timer = threading.Timer(SLOW_SECONDS, notice, (text,))
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def print_json(document: object) -> None:
    """Print a document as one line of canonical JSON."""
    say(canonical_json(document).decode())


def columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns; the last one is as wide as it is."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head) - 1)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        say("  ".join([*cells, line[-1]]).rstrip())


def shortened(text: str, longest: int) -> str:
    """Return a text on one line, and its beginning where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."
