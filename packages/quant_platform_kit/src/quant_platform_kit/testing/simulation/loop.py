"""Virtual time: tasks that take turns, and nothing that really waits.

A task is a greenlet. It goes on until it pauses; whoever is due next goes on then, and time jumps to that instant.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from greenlet import getcurrent, greenlet

__all__ = ["Loop", "instant", "micros"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return an aware instant as whole microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def instant(at: int) -> datetime:
    """Return microseconds since 1970 as an aware UTC instant."""
    return EPOCH + timedelta(microseconds=at)


class Loop:
    """What is due, and when.

    Attributes
    ----------
    now
        Microseconds since 1970.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self._due: list[tuple[int, int, Callable[[], object]]] = []
        self._number = 0
        self._hub = getcurrent()

    def at(self, when: int, act: Callable[[], object]) -> None:
        """Let something happen at an instant, after all that was to happen then before."""
        self._number += 1
        heappush(self._due, (when, self._number, act))

    def start(self, when: int, body: Callable[[], None]) -> None:
        """Begin a task at an instant; its body lets no exception out."""
        self.at(when, greenlet(body).switch)

    def run(self) -> None:
        """Go on until nothing is due any more."""
        self._hub = getcurrent()
        while self._due:
            when, _, act = heappop(self._due)
            self.now = max(self.now, when)
            act()

    def pause(self, span: int) -> None:
        """Let a span of microseconds pass in the task that calls; others go on meanwhile."""
        when = self.now + span
        if not self._due or self._due[0][0] > when:
            self.now = when
            return
        self.at(when, getcurrent().switch)
        self._hub.switch()

    def park(self, most: int) -> Callable[[], None]:
        """Return what wakes the task that calls, which happens after ``most`` microseconds anyhow; then `rest`."""
        sleeping = getcurrent()
        awake: list[bool] = []

        def wake() -> None:
            if not awake:
                awake.append(True)
                sleeping.switch()

        self.at(self.now + most, wake)
        return lambda: self.at(self.now, wake)

    def rest(self) -> None:
        """Stand still until woken; see `park`."""
        self._hub.switch()
