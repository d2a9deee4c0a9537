"""The journal in a CSV file of this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from quant_platform_kit.adapters.durable_files import locked, store_errors, sync_folder, written_beside
from quant_platform_kit.domain.errors import InvalidInput

from trading_playbook.journal.csv_form import parse, render
from trading_playbook.journal.merging import Merged, merge
from trading_playbook.journal.record import TradeRecord
from trading_playbook.writers.replacements import replacement_lines
from trading_playbook.writers.writer import RowTaker

__all__ = ["LOCK_SECONDS", "CSVTradeWriter"]

LOCK_SECONDS = 10.0


class CSVTradeWriter(RowTaker):
    """Merges rows into a journal, whole or not at all.

    Writers of one folder wait for each other's lock in it. The new journal is a complete, synced file before it takes
    the old one's name; a reader sees one or the other. A journal in any other form is refused, never repaired.

    Parameters
    ----------
    filepath
        The journal; its folder is made when there is something to write. A link stays one: what it leads to is written.
    replace
        Why rows that differ take the place of the journal's; None keeps the journal's. Each replacement is a line of
        ``NAME.replaced.jsonl`` beside the journal, written before it happens: reason, old row, new row.
    lock_seconds
        How long the lock is waited for.
    """

    def __init__(self, filepath: Path | str, replace: str | None = None, *, lock_seconds: float = LOCK_SECONDS) -> None:
        super().__init__()
        self.path = Path(filepath)
        if self.path.is_symlink():
            self.path = self.path.resolve()
        self._replace = replace
        self._lock_seconds = lock_seconds

    @property
    def place(self) -> str:
        """Where the journal is; see `TradeWriter.place`."""
        return str(self.path)

    def read(self) -> list[TradeRecord]:
        """Return the rows of the journal; see `TradeWriter.read`.

        Raises
        ------
        InvalidInput
            The file is a folder, or no journal.
        StoreError
            The operating system refuses; of a write, also that it is locked for too long.
        """
        with store_errors(self.place):
            return self._read()

    def _write(self, records: Sequence[TradeRecord]) -> Merged:
        with store_errors(self.place), locked(self.path.parent, self._lock_seconds):
            merged = merge(self._read(), records, replace=self._replace is not None)
            if merged.is_changed:
                self._record_replacements(merged)
                fresh = written_beside(self.path, render(merged.rows))
                if self.path.exists():
                    fresh.chmod(self.path.stat().st_mode)
                fresh.replace(self.path)
                sync_folder(self.path.parent)
        return merged

    def _read(self) -> list[TradeRecord]:
        if self.path.is_dir():
            raise InvalidInput(f"{self.path} is a folder; give the file of a journal, such as {self.path}/trades.csv")
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        return parse(data, str(self.path))

    def _record_replacements(self, merged: Merged) -> None:
        if lines := replacement_lines(merged, self._replace):
            with self.path.with_name(f"{self.path.name}.replaced.jsonl").open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
