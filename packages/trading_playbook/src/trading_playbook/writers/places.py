"""Which writers the places of a journal name, and what becomes of rows in each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.ports.secrets import Secrets

from trading_playbook.config import Config
from trading_playbook.journal.merging import Merged, Written
from trading_playbook.journal.record import TradeRecord
from trading_playbook.writers.csv_writer import CSVTradeWriter
from trading_playbook.writers.gcs_writer import GCSTradeWriter
from trading_playbook.writers.mongo_writer import COLLECTION, DATABASE, MongoTradeWriter
from trading_playbook.writers.writer import TradeWriter

__all__ = ["Result", "open_writer", "write_all", "writers_of"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the rows in one journal: what they were merged to, or why that failed."""

    place: str
    merged: Merged | None = None
    error: QuantError | None = None

    def count(self, outcome: Written) -> int:
        """Return how many rows became that."""
        return 0 if self.merged is None else self.merged.count(outcome)


def open_writer(place: str, replace: str | None = None, *, endpoint: str | None = None) -> TradeWriter:
    """Return the writer of a place: a file, ``gs://bucket/object`` or ``mongodb://...``.

    Parameters
    ----------
    replace
        Why rows that differ are replaced; None keeps the journal's.
    endpoint
        The server of ``gs://`` places instead of Google's.
    """
    scheme, mark, rest = place.partition("://")
    if mark and scheme == "gs":
        bucket, _, name = rest.partition("/")
        return GCSTradeWriter(bucket, name, replace, endpoint=endpoint)
    if mark and scheme in ("mongodb", "mongodb+srv"):
        return MongoTradeWriter(place, DATABASE, COLLECTION, replace)
    return CSVTradeWriter(place, replace)


def writers_of(
    config: Config, output: str | None = None, replace: str | None = None, secrets: Secrets | None = None
) -> list[TradeWriter]:
    """Return the writers that settings and options name.

    Parameters
    ----------
    output
        The journal instead of the settings'; None for theirs.
    replace
        Why rows that differ are replaced; None keeps the journal's.
    secrets
        Where references lead; Google's Secret Manager if not given.

    Raises
    ------
    InvalidInput
        The settings name no place, or a password stands where none may.
    StoreError
        A secret cannot be read.
    """
    places = config.places(secrets or GoogleSecrets(), output)
    return [open_writer(place, replace, endpoint=config.storage_emulator_host) for place in places]


def write_all(writers: Iterable[TradeWriter], records: Sequence[TradeRecord]) -> list[Result]:
    """Write rows into several journals; each is finished or fails on its own."""
    return [_written(writer, records) for writer in writers]


def _written(writer: TradeWriter, records: Sequence[TradeRecord]) -> Result:
    for record in records:
        writer.write_trade(record)
    try:
        return Result(writer.place, writer.finalize())
    except QuantError as error:
        return Result(writer.place, error=error)
