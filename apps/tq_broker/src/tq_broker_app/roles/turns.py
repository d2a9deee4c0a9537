"""Work that gets ready side by side and leaves in the order in which it began: as many at a time as are ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["AT_HAND", "Carry", "Leaving", "Turn", "Turns"]

AT_HAND = 32
"""So many may get ready at a time."""


@dataclass(slots=True, eq=False)
class Leaving:
    """Something that is ready to leave.

    Attributes
    ----------
    what
        The thing itself.
    waited
        Whether it has to wait for others: what was seen before may have changed until it leaves.
    is_last
        Whether nothing more of its turn leaves.
    done
        What became of it; cancelled where nobody wants it to leave any more.
    """

    what: Any
    waited: bool
    is_last: bool
    done: asyncio.Future[Any]


Carry = Callable[[Sequence[Leaving]], Awaitable[Sequence[Any]]]
"""Lets things leave, in their order, and returns what became of each."""


class Turn:
    """A place in a line; one that is made without a line is alone in its own."""

    def __init__(self, line: Turns | None = None) -> None:
        self._line = line or Turns()
        self._line.turns.append(self)
        self.leaving: Leaving | None = None
        self.moved = asyncio.Event()

    @property
    def is_first(self) -> bool:
        """Whether there is no older one."""
        return self._place == 0

    @property
    def is_near(self) -> bool:
        """Whether it is among the next of the line."""
        return self._place < AT_HAND

    async def near(self) -> None:
        """Wait until it is."""
        while not self.is_near:
            self.moved.clear()
            await self.moved.wait()

    async def leave(self, what: Any, carry: Carry, *, last: bool = True) -> Any:
        """Let something leave once all that is older has; return what became of it.

        Parameters
        ----------
        carry
            Lets it leave, together with what is ready behind it. All of a line have the same.
        last
            Whether the turn is given back with it.
        """
        done = asyncio.get_running_loop().create_future()
        self.leaving = Leaving(what, self._line.is_moving or not self.is_first, last, done)
        self._line.move(carry)
        return await done

    @property
    def _place(self) -> int:
        return self._line.turns.index(self) if self in self._line.turns else 0

    def give_back(self) -> None:
        """Let the next one take its turn."""
        self._line.remove(self)


class Turns:
    """Turns, handed out in order; the oldest comes first."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._carry: Carry | None = None
        self._moving: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Turn]:
        """Take a turn; it is given back at the end at the latest."""
        turn = Turn(self)
        try:
            yield turn
        finally:
            turn.give_back()

    @property
    def is_moving(self) -> bool:
        """Whether something leaves just now."""
        return self._moving is not None and not self._moving.done()

    def move(self, carry: Carry | None = None) -> None:
        """Let leave whatever is ready and has its turn."""
        self._carry = carry or self._carry
        if self._carry is not None and not self.is_moving and self._ready():
            self._moving = asyncio.create_task(self._move(self._carry))

    def remove(self, turn: Turn) -> None:
        """Forget a turn."""
        if turn in self.turns:
            self.turns.remove(turn)
            for near in self.turns[:AT_HAND]:
                near.moved.set()
            self.move()

    async def _move(self, carry: Carry) -> None:
        while group := self._ready():
            leaving = [each for turn in group if (each := turn.leaving) is not None]
            try:
                results = await carry(leaving)
            except BaseException as error:
                for each in leaving:
                    if not each.done.done():
                        each.done.set_exception(error)
                if not isinstance(error, Exception):
                    raise
            else:
                for each, result in zip(leaving, results, strict=True):
                    if not each.done.done():
                        each.done.set_result(result)
            self._gone(group, leaving)

    def _ready(self) -> list[Turn]:
        """Return the turns at the head of the line that have something ready, up to one that goes on after it."""
        ready: list[Turn] = []
        for turn in self.turns:
            if turn.leaving is None or turn.leaving.done.done():
                break
            ready.append(turn)
            if not turn.leaving.is_last:
                break
        return ready

    def _gone(self, group: Sequence[Turn], leaving: Sequence[Leaving]) -> None:
        for turn, each in zip(group, leaving, strict=True):
            if turn.leaving is each:
                turn.leaving = None
            if each.is_last:
                self.remove(turn)
