"""The venue's own time: real time, or a time it was set to, running on from there."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["VenueClock"]


class VenueClock:
    """Real time plus a number of seconds.

    Attributes
    ----------
    ahead
        That number; negative for a venue that lives in the past.
    """

    def __init__(self, ahead: float = 0.0, real: Callable[[], float] = time.time) -> None:
        self.ahead = ahead
        self._real = real

    def now(self) -> datetime:
        """Return the venue's instant, aware UTC."""
        return datetime.fromtimestamp(self._real(), UTC) + timedelta(seconds=self.ahead)

    def ahead_at(self, instant: datetime) -> float:
        """Return how far ahead of real time the venue would have to run for ``instant`` to be now."""
        return instant.timestamp() - self._real()
