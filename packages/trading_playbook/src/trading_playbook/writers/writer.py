"""What every writer of a journal does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from trading_playbook.journal.merging import Merged
from trading_playbook.journal.record import TradeRecord

__all__ = ["RowTaker", "TradeWriter"]


class TradeWriter(Protocol):
    """Takes rows one by one and puts them into a journal together, each at most once by its key."""

    @property
    def place(self) -> str:
        """Where the journal is, for people; it holds no secret."""
        ...

    def read(self) -> list[TradeRecord]:
        """Return the rows of the journal, sorted; raises as `finalize`."""
        ...

    def write_trade(self, record: TradeRecord) -> None:
        """Take a row; nothing is written yet."""
        ...

    def finalize(self) -> Merged:
        """Write all rows taken so far, durably, and return what became of each.

        Once it has returned, the rows are taken no more.

        Raises
        ------
        QuantError
            The journal cannot be read, is damaged, or cannot be written; it is as it was.
        """
        ...


class RowTaker(ABC):
    """A writer that keeps the rows until they are written together."""

    def __init__(self) -> None:
        self._records: list[TradeRecord] = []

    def write_trade(self, record: TradeRecord) -> None:
        """Take a row; see `TradeWriter.write_trade`."""
        self._records.append(record)

    def finalize(self) -> Merged:
        """Write all rows taken so far; see `TradeWriter.finalize`."""
        merged = self._write(self._records)
        self._records = []
        return merged

    @abstractmethod
    def _write(self, records: Sequence[TradeRecord]) -> Merged:
        """Merge rows into the journal."""
