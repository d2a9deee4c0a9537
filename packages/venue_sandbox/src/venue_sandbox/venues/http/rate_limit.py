"""How many requests an account may send within some seconds of real time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["RateLimit"]


class RateLimit:
    """At most so many requests of an account in any so many seconds; zero requests mean no limit."""

    def __init__(self, most: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds = most, seconds
        self._now = now
        self._taken: dict[str, deque[float]] = {}

    def admits(self, account: str) -> bool:
        """Take note of a request; whether it is not one too many."""
        if not self._most:
            return True
        now, taken = self._now(), self._taken.setdefault(account, deque())
        while taken and taken[0] <= now - self._seconds:
            taken.popleft()
        if len(taken) >= self._most:
            return False
        taken.append(now)
        return True
