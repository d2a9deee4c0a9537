"""Work that overlaps, with one step that is taken in the order in which it began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

__all__ = ["AT_HAND", "Turn", "Turns"]

AT_HAND = 8
"""So many may get ready for the step at a time."""


class Turn:
    """A place in a line; one that is in no line never waits."""

    def __init__(self, line: list[Turn] | None = None) -> None:
        self._line = [] if line is None else line
        self._moved = asyncio.Event()

    @property
    def is_first(self) -> bool:
        """Whether there is no older one."""
        return self._place == 0

    async def near(self) -> None:
        """Wait until it is among the first of the line."""
        await self._first(AT_HAND)

    async def come(self) -> bool:
        """Wait until all older ones were given back; whether there were any."""
        waits = not self.is_first
        await self._first(1)
        return waits

    def give_back(self) -> None:
        """Let the next one take its turn."""
        if self in self._line:
            self._line.remove(self)
            for turn in self._line[:AT_HAND]:
                turn._moved.set()

    @property
    def _place(self) -> int:
        return self._line.index(self) if self in self._line else 0

    async def _first(self, places: int) -> None:
        while self._place >= places:
            self._moved.clear()
            await self._moved.wait()


class Turns:
    """Turns, handed out in order; the oldest comes first."""

    def __init__(self) -> None:
        self._line: list[Turn] = []

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Turn]:
        """Take a turn; it is given back at the end at the latest."""
        turn = Turn(self._line)
        self._line.append(turn)
        try:
            yield turn
        finally:
            turn.give_back()
