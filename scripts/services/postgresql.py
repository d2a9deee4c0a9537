"""PostgreSQL, unless TEST_POSTGRES_URL names a server."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from venue_sandbox.servers import postgresql as private

from .supply import say

__all__ = ["VARIABLE", "serve"]

VARIABLE = "TEST_POSTGRES_URL"


@contextmanager
def serve() -> Generator[dict[str, str]]:
    """Yield the variables that tell tests of the server; TEST_POSTGRES_RESTART is the command that restarts it."""
    with private.postgresql(lambda line: say(f"PostgreSQL: {line}")) as server:
        yield {VARIABLE: server.url, "TEST_POSTGRES_RESTART": server.restart}
