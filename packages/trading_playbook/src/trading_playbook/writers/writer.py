"""What every writer of a journal does."""

from typing import Protocol

from trading_playbook.journal.merging import Merged
from trading_playbook.journal.record import TradeRecord

__all__ = ["TradeWriter"]


class TradeWriter(Protocol):
    """Takes rows one by one and puts them into a journal together, each at most once by its key."""

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
