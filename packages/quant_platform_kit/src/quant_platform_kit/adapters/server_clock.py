"""The time of a server: this machine's, corrected by how far the server's is from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.errors import BrokerError

__all__ = ["ServerClock", "http_time"]

TOLERANCE = timedelta(seconds=2)
"""Servers tell whole seconds; a difference within this is none."""


class ServerClock:
    """A clock that asks a server once, when it is first read.

    Parameters
    ----------
    ask
        Returns what time it is at the server, aware, in whole seconds; raises `BrokerError` while it does not answer.
    """

    def __init__(self, ask: Callable[[], datetime]) -> None:
        self._ask = ask
        self._real = SystemClock()
        self._ahead: timedelta | None = None

    def now(self) -> datetime:
        """Return the present instant, aware UTC; raises as ``ask``."""
        if self._ahead is None:
            ahead = self._ask() - self._real.now()
            self._ahead = ahead if abs(ahead) > TOLERANCE else timedelta(0)
        return self._real.now() + self._ahead

    def monotonic(self) -> float:
        """Return the machine's seconds."""
        return self._real.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._real.sleep(seconds)


def http_time(url: str, seconds: float) -> Callable[[], datetime]:
    """Return what asks an HTTP server for the ``Date`` of an answer, and waits no longer than some seconds for it.

    For venues of the sandbox, whose time is not this machine's. A real broker's is, and a clock that asked for it would
    be one more thing to fail.
    """

    def ask() -> datetime:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
        try:
            connection.request("HEAD", "/")
            header = connection.getresponse().headers["Date"]
            return parsedate_to_datetime(header or "").astimezone(UTC)
        except (OSError, HTTPException, ValueError) as error:
            raise BrokerError(f"{url} does not tell its time: {error or type(error).__name__}") from error
        finally:
            connection.close()

    return ask
