"""Kafka, unless TEST_KAFKA_URL names a server."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from venue_sandbox.servers import kafka as private

from .supply import say

__all__ = ["VARIABLE", "serve"]

VARIABLE = "TEST_KAFKA_URL"


@contextmanager
def serve() -> Generator[dict[str, str]]:
    """Yield the variables that tell tests of the server; TEST_KAFKA_RESTART is the command that restarts it."""
    with private.kafka(lambda line: say(f"Kafka: {line}")) as server:
        yield {VARIABLE: server.url, "TEST_KAFKA_RESTART": server.restart}
