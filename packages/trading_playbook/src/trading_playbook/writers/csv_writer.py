"""The journal in a CSV file of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from quant_platform_kit.adapters.durable_files import locked, store_errors, sync_folder, written_beside
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import InvalidInput

from trading_playbook.journal.cells import cells_of
from trading_playbook.journal.csv_form import parse, render
from trading_playbook.journal.merging import Merged, Written, merge
from trading_playbook.journal.record import COLUMNS, TradeRecord

__all__ = ["LOCK_SECONDS", "CSVTradeWriter"]

LOCK_SECONDS = 10.0


class CSVTradeWriter:
    """Merges rows into a journal, whole or not at all.

    Writers of one folder wait for each other's lock in it. The new journal is a complete, synced file before it takes
    the old one's name; a reader sees one or the other. A journal in any other form is refused, never repaired.

    Parameters
    ----------
    filepath
        The journal; its folder is made when there is something to write.
    replace
        Why rows that differ take the place of the journal's; None keeps the journal's. Each replacement is a line of
        ``NAME.replaced.jsonl`` beside the journal, written before it happens: reason, old row, new row.
    lock_seconds
        How long the lock is waited for.
    """

    def __init__(self, filepath: Path | str, replace: str | None = None, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self.path = Path(filepath)
        self._replace = replace
        self._lock_seconds = lock_seconds
        self._records: list[TradeRecord] = []

    def write_trade(self, record: TradeRecord) -> None:
        """Take a row; see `TradeWriter.write_trade`."""
        self._records.append(record)

    def finalize(self) -> Merged:
        """Write all rows taken so far; see `TradeWriter.finalize`.

        Raises
        ------
        InvalidInput
            The file is a folder, or no journal.
        StoreError
            It is locked for too long, or the operating system refuses.
        """
        with store_errors(str(self.path)), locked(self.path.parent, self._lock_seconds):
            merged = merge(self._read(), self._records, replace=self._replace is not None)
            if merged.is_changed:
                self._record_replacements(merged)
                written_beside(self.path, render(merged.rows)).replace(self.path)
                sync_folder(self.path.parent)
        self._records = []
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
        lines = b"".join(
            canonical_json({"reason": self._replace, "old": _row(result.kept), "new": _row(result.record)}) + b"\n"
            for result in merged.results
            if result.outcome is Written.REPLACED and result.kept is not None
        )
        if lines:
            with self.path.with_name(f"{self.path.name}.replaced.jsonl").open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())


def _row(record: TradeRecord) -> dict[str, str]:
    return dict(zip(COLUMNS, cells_of(record), strict=True))
