"""A row as a document of a database: dates and times are strings, prices doubles, and what is not known is absent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time

from trading_playbook.journal.cells import cell_of, record_from
from trading_playbook.journal.record import COLUMNS, TradeRecord

__all__ = ["document_of", "key_of", "record_of_document"]


def document_of(record: TradeRecord) -> dict[str, object]:
    """Return the document of a row, a new one for each call."""
    values = ((name, getattr(record, name)) for name in COLUMNS)
    return {name: _stored(value) for name, value in values if value is not None}


def key_of(record: TradeRecord) -> dict[str, str]:
    """Return the fields that name a row."""
    return {"strategy": record.strategy, "symbol": record.symbol, "trade_date": record.trade_date.isoformat()}


def record_of_document(document: Mapping[str, object]) -> TradeRecord:
    """Return the row of a document; fields that no row has are passed over.

    Raises
    ------
    ValueError
        Naming the field that is in no form of the journal's.
    """
    return record_from([cell_of(document.get(name)) for name in COLUMNS])


def _stored(value: object) -> object:
    return cell_of(value) if isinstance(value, date | time) else str(value) if isinstance(value, str) else value
