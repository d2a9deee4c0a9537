"""What commands print: lines and columns for people, JSON for machines; no secret is in either."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

from quant_platform_kit.domain.redaction import redact

__all__ = ["notice", "shortened", "told_if_slow"]


SLOW_SECONDS = 2.0
"""What takes longer is told of."""


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


def shortened(text: str, longest: int) -> str:
    """Return a text on one line, and its beginning where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."
