"""The journal in an object of a Cloud Storage bucket."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import closing, suppress

from quant_platform_kit.adapters.stores import open_gs
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Conflict, StoreError
from quant_platform_kit.ports.versioned_store import VersionedStore

from trading_playbook.journal.csv_form import parse, render
from trading_playbook.journal.merging import Merged, merge
from trading_playbook.journal.record import TradeRecord
from trading_playbook.writers.replacements import replacement_lines
from trading_playbook.writers.writer import RowTaker

__all__ = ["TRIES", "GCSTradeWriter"]

TRIES = 10
"""How often the journal is read and written again because others wrote it meanwhile."""
PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 15.0


class GCSTradeWriter(RowTaker):
    """Merges rows into a journal, whole or not at all.

    The object is read with its generation and written on the condition that it still has it, or does not exist. Where
    the answer to a write is lost, the object is read back. A journal in any other form is refused, never repaired.

    Parameters
    ----------
    bucket_name
        The bucket, which must exist.
    blob_name
        The name of the journal in it.
    replace
        Why rows that differ take the place of the journal's; None keeps the journal's. What is replaced stands in an
        object ``BLOB.replaced/...``, written before it happens: reason, old row, new row.
    endpoint
        The server to ask instead of Google's, without credentials.
    timeout_seconds
        How long one call may take, with all that is tried again in it.
    """

    def __init__(
        self,
        bucket_name: str,
        blob_name: str,
        replace: str | None = None,
        *,
        endpoint: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        super().__init__()
        self._bucket, self._blob, self._replace = bucket_name, blob_name, replace
        self._store = open_gs(
            f"gs://{bucket_name}", timeout_seconds=timeout_seconds, endpoint=endpoint, content_type="text/csv"
        )

    @property
    def place(self) -> str:
        """Where the journal is; see `TradeWriter.place`."""
        return f"gs://{self._bucket}/{self._blob}"

    def read(self) -> list[TradeRecord]:
        """Return the rows of the journal; see `TradeWriter.read`.

        Raises
        ------
        InvalidInput
            The object is no journal.
        StoreError
            The bucket cannot be reached, or refuses; of a write, also that others wrote it ten times meanwhile.
        """
        with closing(self._store):
            return self._read()[0]

    def _write(self, records: Sequence[TradeRecord]) -> Merged:
        with closing(self._store) as store:
            for number in range(TRIES):
                if number:
                    time.sleep(PAUSE_SECONDS * number * random.uniform(0.5, 1.5))
                present, generation = self._read()
                merged = merge(present, records, replace=self._replace is not None)
                with suppress(Conflict):
                    if merged.is_changed:
                        self._record_replacements(store, merged, generation)
                        self._put(store, render(merged.rows), generation)
                    return merged
        raise StoreError(f"{self.place} was written by others {TRIES} times meanwhile; nothing was written, try again")

    def _read(self) -> tuple[list[TradeRecord], int]:
        """Return the rows and the generation they have, 0 for no object."""
        stored = self._store.get(self._blob)
        return ([], 0) if stored is None else (parse(stored.data, self.place), stored.generation)

    def _put(self, store: VersionedStore, data: bytes, generation: int) -> None:
        if generation:
            store.replace(self._blob, data, generation)
        else:
            store.create(self._blob, data)

    def _record_replacements(self, store: VersionedStore, merged: Merged, generation: int) -> None:
        if lines := replacement_lines(merged, self._replace):
            with suppress(Conflict):  # an earlier try has recorded the same
                store.create(f"{self._blob}.replaced/{generation}-{sha256(lines)[:16]}.jsonl", lines)
