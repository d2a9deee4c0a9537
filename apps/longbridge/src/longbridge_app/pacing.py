"""LongBridge takes 30 calls about orders and the account in any 30 seconds; who has made many waits a little."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Pace"]

CALLS, WINDOW_SECONDS = 30, 32.0
"""What LongBridge allows, in two seconds more than it says: calls arrive a little after they were made."""
APART_SECONDS = 0.02
"""Its least time between two calls."""
RESERVE = 5
"""How many of the calls that may come at once those that can wait leave to the others."""


class Pace:
    """At most so many calls of one account in any window, by everybody who shares this.

    Half of them may come at once. While so many lie within the last window, what is left of it is spread over the time
    until the oldest call leaves it: so all of the limit is used, and nobody ever waits for long, as everybody would
    after a burst of all.

    Parameters
    ----------
    calls
        How many in a window; zero means any number.
    """

    def __init__(
        self,
        calls: int = CALLS,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._now, self._sleep = now, sleep
        self._lock = threading.Lock()
        self._calls, self._at_once = calls, calls // 2
        self._made: deque[float] = deque()

    def take(self, seconds: float) -> bool:
        """Take a turn, and wait for it no longer than some seconds; return whether there was one."""
        end = self._now() + seconds
        while True:
            with self._lock:
                wait = self._wait(self._at_once, self._calls)
                if wait <= 0:
                    self._made.append(self._now())
                    return True
            if self._now() + wait > end:
                return False
            self._sleep(wait)

    def has_room(self) -> bool:
        """Whether a call that can wait may be made now: those that come at once and cannot wait keep a reserve."""
        with self._lock:
            return self._wait(self._at_once - RESERVE, max(1, self._calls - RESERVE)) <= 0

    def _wait(self, at_once: int, calls: int) -> float:
        """Return the seconds until there may be another call, zero or less if it may be now.

        Parameters
        ----------
        at_once, calls
            How many in a window may come at once, and how many at all.
        """
        now, made = self._now(), self._made
        while made and made[0] <= now - WINDOW_SECONDS:
            made.popleft()
        if not (self._calls and made):
            return 0.0
        if (left := calls - len(made)) <= 0:
            return made[-left] + WINDOW_SECONDS - now
        apart = (made[0] + WINDOW_SECONDS - made[-1]) / left
        return made[-1] + (APART_SECONDS if len(made) < at_once else max(APART_SECONDS, apart)) - now
