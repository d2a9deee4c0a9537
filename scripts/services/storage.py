"""The Cloud Storage emulator of venue-sandbox, unless TEST_GS_ENDPOINT names a server."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.signals import undisturbed

from .supply import say

__all__ = ["VARIABLE", "serve"]

VARIABLE = "TEST_GS_ENDPOINT"


@contextmanager
def serve() -> Generator[dict[str, str]]:
    """Yield the variable that tells tests of the emulator."""
    server = Server("venue_sandbox.cloud.storage", "--write-interval", "0")
    try:
        say(f"Cloud Storage emulator: started on port {server.port}")
        yield {VARIABLE: f"http://127.0.0.1:{server.port}"}
    finally:
        with undisturbed():
            server.stop()
            say("Cloud Storage emulator: stopped")
