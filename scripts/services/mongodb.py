"""A server that speaks MongoDB's protocol, unless TEST_MONGODB_URL names one."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from venue_sandbox.servers import mongodb as private

from .supply import say

__all__ = ["VARIABLE", "serve"]

VARIABLE = "TEST_MONGODB_URL"


@contextmanager
def serve() -> Generator[dict[str, str]]:
    """Yield the variables that tell tests of the server; TEST_MONGODB_RESTART is the command that restarts it."""
    with private.mongodb(lambda line: say(f"MongoDB: {line}")) as server:
        yield {VARIABLE: server.url, "TEST_MONGODB_RESTART": server.restart}
