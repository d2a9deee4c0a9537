"""Schwab takes 120 orders a minute from an account; who sends more waits a little instead of being refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Pacer"]

BURST, PER_MINUTE = 20, 100
"""Together at most 120 in any minute."""


class Pacer:
    """A bucket of permissions that fills up steadily; nobody waits longer than `PER_MINUTE` makes one."""

    def __init__(self, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self._now, self._sleep = now, sleep
        self._lock = threading.Lock()
        self._left, self._at = float(BURST), now()

    def take(self) -> None:
        """Take one permission, when there is one."""
        with self._lock:
            now = self._now()
            self._left = min(float(BURST), self._left + (now - self._at) * PER_MINUTE / 60)
            self._at = now
            wait = max(0.0, (1 - self._left) * 60 / PER_MINUTE)
            self._left -= 1
        if wait:
            self._sleep(wait)
