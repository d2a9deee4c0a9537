"""One partition that is being worked off: what waits, what is under way, and up to where everything is done."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from quant_platform_kit.events.bus import Place, Received

__all__ = ["Lane"]


class Lane:
    """The messages of a partition, begun in their order, and its offset to commit.

    Parameters
    ----------
    at_once
        How many messages are under way at the same time.

    Attributes
    ----------
    closing
        Set when nothing more is begun: the partition is given back, or lost, or the stage stops.
    ready
        Whether messages may be begun.
    paused
        Whether the client fetches nothing.
    seen
        The offset after the last message that came here.
    next
        The offset before which all messages are done; None as long as none is.
    preparing
        What has to end before messages are begun; None where there is nothing.
    """

    def __init__(self, place: Place, at_once: int) -> None:
        self.place, self._at_once = place, at_once
        self._waiting: deque[Received] = deque()
        self._begun: deque[int] = deque()
        self._done: set[int] = set()
        self._committed: int | None = None
        self.next: int | None = None
        self.seen: int | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.closing = asyncio.Event()
        self.ready = self.paused = False
        self.preparing: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many messages wait here."""
        return len(self._waiting)

    def take(self, messages: Iterable[Received]) -> None:
        """Have messages wait."""
        if not self.closing.is_set():
            self._waiting.extend(messages)
            if self._waiting:
                self.seen = self._waiting[-1].offset + 1

    def begin(self, most: int = 1) -> list[Received]:
        """Return the next messages to begin, so many at most; none while there are none, or there is no room."""
        if not self.ready or self.closing.is_set():
            return []
        room = self._at_once - (len(self._begun) - len(self._done))
        begun = [self._waiting.popleft() for _ in range(min(most, room, len(self._waiting)))]
        self._begun.extend(message.offset for message in begun)
        return begun

    def finish(self, offset: int) -> None:
        """Note that a message that was begun is done, and durably so."""
        self._done.add(offset)
        while self._begun and self._begun[0] in self._done:
            done = self._begun.popleft()
            self._done.discard(done)
            self.next = done + 1

    def close(self) -> None:
        """Begin nothing more."""
        self.closing.set()
        self._waiting.clear()

    def committable(self) -> int | None:
        """Return the offset to commit, all before which are done; None if it was returned before."""
        if self.next == self._committed:
            return None
        self._committed = self.next
        return self.next
