"""The time of an HTTP server: this machine's, corrected by how far the server's is from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.errors import BrokerError

__all__ = ["ServerClock"]

TOLERANCE = timedelta(seconds=2)
"""The server tells whole seconds; a difference within this is none."""


class ServerClock:
    """A clock that asks a server on this machine once, for the ``Date`` of an answer.

    For venues of the sandbox, whose time is not this machine's. A real broker's is, and a clock that asked for it would
    be one more thing to fail.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._url, self._seconds = url, seconds
        self._real = SystemClock()
        self._ahead: timedelta | None = None

    def now(self) -> datetime:
        """Return the present instant, aware UTC; raises `BrokerError` while the server does not answer."""
        if self._ahead is None:
            ahead = self._told() - self._real.now()
            self._ahead = ahead if abs(ahead) > TOLERANCE else timedelta(0)
        return self._real.now() + self._ahead

    def monotonic(self) -> float:
        """Return the machine's seconds."""
        return self._real.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._real.sleep(seconds)

    def _told(self) -> datetime:
        parts = urlsplit(self._url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=self._seconds)
        try:
            connection.request("HEAD", "/")
            told = connection.getresponse().headers["Date"]
            return parsedate_to_datetime(told or "").astimezone(UTC)
        except (OSError, HTTPException, ValueError) as error:
            raise BrokerError(f"{self._url} does not tell its time: {error or type(error).__name__}") from error
        finally:
            connection.close()
