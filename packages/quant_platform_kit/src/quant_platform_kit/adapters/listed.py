"""A list of a broker's that many questions are answered from, while it is young enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from quant_platform_kit.adapters.blocking_client import Deadline

__all__ = ["Listed"]

FIRST_FRESH, LONGEST_FRESH, GROWS = 0.005, 3.0, 2.0
"""How long a list is good for, in seconds: each twice as long as the one before, until one is sent or changes.

Most orders are filled soon after they were sent, one soon after another, and calls are few.
"""

_Row = TypeVar("_Row")


class Listed(Generic[_Row]):
    """Today's orders or executions.

    Parameters
    ----------
    ask
        Returns them as of now; raises as a look-up.
    has_room
        Whether a call that can wait may be made; while there is none, a list is good for as long as any ever is.
    """

    def __init__(self, ask: Callable[[Deadline], Sequence[_Row]], has_room: Callable[[], bool]) -> None:
        self._ask, self._has_room = ask, has_room
        self.forget()

    @property
    def steady(self) -> bool:
        """Whether the last two lists were the same."""
        return self._fresh > FIRST_FRESH

    def forget(self) -> None:
        """Know nothing any more: something was sent, which no list that was asked for before can show."""
        self.rows: Sequence[_Row] = ()
        self._at: float | None = None
        self._fresh = FIRST_FRESH

    def refresh(self, deadline: Deadline) -> bool:
        """Ask anew if the list is too old; return whether it was."""
        if self._at is not None:
            age = time.monotonic() - self._at
            if age <= (self._fresh if self._has_room() else LONGEST_FRESH):
                return False
        known, first = self.rows, self._at is None
        self.ask(deadline)
        self._fresh = FIRST_FRESH if first or self.rows != known else min(GROWS * self._fresh, LONGEST_FRESH)
        return True

    def ask(self, deadline: Deadline) -> None:
        """Ask anew, whatever is known."""
        self.rows = self._ask(deadline)
        self._at = time.monotonic()
