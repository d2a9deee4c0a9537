"""Requests that come no faster than a broker takes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Pacer"]


class Pacer:
    """A bucket of permissions that fills up steadily; nobody waits longer than it takes to make one.

    Parameters
    ----------
    burst, per_minute
        How many it holds, and how many come in a minute.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        burst: int,
        per_minute: int,
    ) -> None:
        self._now, self._sleep = now, sleep
        self._burst, self._per_second = float(burst), per_minute / 60
        self._lock = threading.Lock()
        self._left, self._at = self._burst, now()

    def take(self) -> None:
        """Take one permission, when there is one."""
        with self._lock:
            now = self._now()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
            self._at = now
            wait = max(0.0, (1 - self._left) / self._per_second)
            self._left -= 1
        if wait:
            self._sleep(wait)
