"""The program promtool, unless TEST_PROMTOOL names it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from venue_sandbox.servers.promtool import promtool

from .supply import say

__all__ = ["VARIABLE", "serve"]

VARIABLE = "TEST_PROMTOOL"


@contextmanager
def serve() -> Generator[dict[str, str]]:
    """Yield the variable that tells tests of the program."""
    yield {VARIABLE: promtool(lambda line: say(f"promtool: {line}"))}
