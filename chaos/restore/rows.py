"""What a drill found, a line for each loss."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Row", "table"]

NAMED = 3


@dataclass(slots=True)
class Row:
    """One loss, and what became of it.

    Attributes
    ----------
    stores
        What was lost and brought back.
    before
        Orders or answers that the venue had when the backup was made.
    after
        Those that it got between the backup and the loss.
    lost
        What came after the backup and is unknown to what was restored, by name.
    while_blocked
        Orders or answers that reached the venue between the restore and the reconciliation.
    settled
        What was open or unknown in the restored ledger, and has been settled since.
    went_on
        Orders or answers after the reconciliation.
    twice
        Orders or answers that the venue has twice.
    unended
        What the restored stores know, and nobody has ended; or was told to have ended as the venue does not have it.
    """

    stores: str
    before: int = 0
    after: int = 0
    lost: Sequence[str] = ()
    while_blocked: int = 0
    settled: int = 0
    went_on: int = 0
    twice: int = 0
    unended: int = 0
    notes: list[str] = field(default_factory=list[str])

    @property
    def good(self) -> bool:
        """Whether nothing was doubled, sent too early or left open, and trading went on."""
        return not (self.twice or self.while_blocked or self.unended) and self.went_on > 0

    def document(self) -> dict[str, Any]:
        """Return all of it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"good": self.good}


COLUMNS = ("before", "after", "lost", "while_blocked", "settled", "went_on", "twice", "unended")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown, and below it some of what was lost by name."""
    head = f"| stores | {' | '.join(name.replace('_', ' ') for name in COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}\n"
    body = "".join(f"| {row.stores} | {' | '.join(_cell(getattr(row, name)) for name in COLUMNS)} |\n" for row in rows)
    named = (f"lost of {row.stores}: {_few(row.lost)}\n" for row in rows if row.lost)
    notes = (f"{row.stores}: {note}\n" for row in rows for note in row.notes)
    return "".join((head, body, *named, *notes))


def _cell(value: object) -> str:
    return str(value if isinstance(value, int) else len(value) if isinstance(value, list | tuple) else value)


def _few(names: Sequence[str]) -> str:
    more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
