"""New rows into a journal, by key: a row that is there is kept unless a reason is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trading_playbook.journal.cells import differences
from trading_playbook.journal.csv_form import sorted_rows
from trading_playbook.journal.record import TradeRecord

__all__ = ["Merged", "RowResult", "Written", "merge"]


class Written(StrEnum):
    """What became of a row."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row.

    Attributes
    ----------
    kept
        The row that the journal had, where it differs.
    """

    outcome: Written
    record: TradeRecord
    kept: TradeRecord | None = None

    @property
    def differs(self) -> dict[str, tuple[str, str]]:
        """The cells that differ, by column: the journal's, and the new row's."""
        return {} if self.kept is None else differences(self.kept, self.record)


@dataclass(frozen=True, slots=True)
class Merged:
    """A journal after new rows, and what became of each of them, in their order."""

    rows: Sequence[TradeRecord]
    results: Sequence[RowResult]

    @property
    def is_changed(self) -> bool:
        """Whether the journal is another one than before."""
        return any(result.outcome in (Written.WRITTEN, Written.REPLACED) for result in self.results)

    def count(self, outcome: Written) -> int:
        """Return how many of the new rows became that."""
        return sum(result.outcome is outcome for result in self.results)


def merge(journal: Iterable[TradeRecord], new: Iterable[TradeRecord], *, replace: bool = False) -> Merged:
    """Return a journal with new rows, sorted.

    Parameters
    ----------
    replace
        Whether a row that differs takes the place of the journal's; otherwise the journal keeps its own.
    """
    rows = {record.key: record for record in journal}
    results: list[RowResult] = []
    for record in new:
        result = _result(rows.get(record.key), record, replace=replace)
        if result.outcome in (Written.WRITTEN, Written.REPLACED):
            rows[record.key] = record
        results.append(result)
    return Merged(sorted_rows(rows.values()), results)


def _result(present: TradeRecord | None, record: TradeRecord, *, replace: bool) -> RowResult:
    if present is None:
        return RowResult(Written.WRITTEN, record)
    if not differences(present, record):
        return RowResult(Written.UNCHANGED, record)
    return RowResult(Written.REPLACED if replace else Written.CONFLICT, record, present)
