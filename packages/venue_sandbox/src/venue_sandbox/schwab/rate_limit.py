"""How many orders an account may send, change and cancel in a minute of real time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["RateLimit"]

WINDOW_SECONDS = 60.0


class RateLimit:
    """At most so many requests of an account in any minute; zero means no limit."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = per_minute
        self._now = now
        self._taken: dict[str, deque[float]] = {}

    def admits(self, account: str) -> bool:
        """Take note of a request; whether it is not one too many."""
        if not self._most:
            return True
        now, taken = self._now(), self._taken.setdefault(account, deque())
        while taken and taken[0] <= now - WINDOW_SECONDS:
            taken.popleft()
        if len(taken) >= self._most:
            return False
        taken.append(now)
        return True
