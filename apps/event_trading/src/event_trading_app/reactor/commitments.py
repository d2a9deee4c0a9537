"""What open commands may still have to give of a token, counted as they come and go."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LISTED", "NOTHING", "Commitments", "Committed"]

LISTED = 100
"""So many open commands are named one by one: thousands may be open, and each command says which were."""
DIGITS = 64
"""Hexadecimal digits of the id of a command."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The open commands that give a token.

    Attributes
    ----------
    commands
        How many there are.
    amount
        What they give at most, all together, in the token's smallest unit.
    ids
        Of their events, ascending, with spaces between them. Of more than `LISTED` it is ``xor:`` and the exclusive or
        of all ids, which whoever has the events can make again.
    """

    commands: int = 0
    amount: int = 0
    ids: str = ""


NOTHING = Committed()
"""No open command."""


class Commitments:
    """The open commands of one token."""

    def __init__(self) -> None:
        self._amounts: dict[str, int] = {}
        self._total = self._mark = 0

    def add(self, command_id: str, amount: int) -> None:
        """Count a command that is not counted."""
        self._amounts[command_id] = amount
        self._total += amount
        self._mark ^= int(command_id, 16)

    def drop(self, command_id: str) -> None:
        """Count a command no more."""
        self._total -= self._amounts.pop(command_id)
        self._mark ^= int(command_id, 16)

    def told(self) -> Committed:
        """Return what there is now."""
        is_listed = len(self._amounts) <= LISTED
        ids = " ".join(sorted(self._amounts)) if is_listed else f"xor:{self._mark:0{DIGITS}x}"
        return Committed(len(self._amounts), self._total, ids)
