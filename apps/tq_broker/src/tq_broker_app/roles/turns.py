"""Work that overlaps, with one step that is taken in the order in which it began."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

__all__ = ["Turns"]


class Turns:
    """Tickets, handed out in order; whoever has the oldest takes its turn."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, asyncio.Event] = OrderedDict()
        self._next = 0

    @asynccontextmanager
    async def ticket(self) -> AsyncGenerator[int]:
        """Take a ticket; it is given back at the end at the latest."""
        number, self._next = self._next, self._next + 1
        self._waiting[number] = asyncio.Event()
        self._call()
        try:
            yield number
        finally:
            self.give_back(number)

    async def come(self, number: int) -> None:
        """Wait until all older tickets were given back."""
        await self._waiting[number].wait()

    def give_back(self, number: int) -> None:
        """Let the next one take its turn."""
        if self._waiting.pop(number, None) is not None:
            self._call()

    def _call(self) -> None:
        if self._waiting:
            next(iter(self._waiting.values())).set()
