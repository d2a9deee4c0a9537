"""Redis, unless TEST_REDIS_URL names a server."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from venue_sandbox.servers import redis as private

from .supply import say

__all__ = ["VARIABLE", "serve"]

VARIABLE = "TEST_REDIS_URL"


@contextmanager
def serve() -> Generator[dict[str, str]]:
    """Yield the variables that tell tests of the server; TEST_REDIS_RESTART is the command that restarts it."""
    with private.redis(lambda line: say(f"Redis: {line}")) as server:
        yield {VARIABLE: server.url, "TEST_REDIS_RESTART": server.restart}
