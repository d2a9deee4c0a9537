"""RabbitMQ, unless TEST_RABBITMQ_URL names a server."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from venue_sandbox.servers import rabbitmq as private

from .supply import say

__all__ = ["VARIABLE", "serve"]

VARIABLE = "TEST_RABBITMQ_URL"


@contextmanager
def serve() -> Generator[dict[str, str]]:
    """Yield the variables that tell tests of the server; TEST_RABBITMQ_RESTART is the command that restarts it."""
    with private.rabbitmq(lambda line: say(f"RabbitMQ: {line}")) as server:
        yield {VARIABLE: server.url, "TEST_RABBITMQ_RESTART": server.restart}
