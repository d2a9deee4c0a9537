"""The journal in a collection of a MongoDB database (extra ``mongodb``)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.redaction import hide

from trading_playbook.journal.csv_form import sorted_rows
from trading_playbook.journal.documents import document_of, key_of, record_of_document
from trading_playbook.journal.merging import Merged, RowResult, Written, merge
from trading_playbook.journal.record import Key, TradeRecord
from trading_playbook.writers.writer import RowTaker

if TYPE_CHECKING:
    from pymongo.collection import Collection

__all__ = ["COLLECTION", "DATABASE", "INDEX", "MongoTradeWriter"]

T = TypeVar("T")

DATABASE, COLLECTION, INDEX = "trading_playbook", "trades", "one_row_a_session"
TRIES = 3
CHANGES = 10
"""How often a row that others replace meanwhile is read again."""
TIMEOUT_SECONDS = 10.0
TIMEOUTS = ("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS")
"""Options of the client that last as long; those of the connection string win."""


class MongoTradeWriter(RowTaker):
    """Merges rows into a journal, each on its own: a row that is written stays where a later one fails.

    A unique index on strategy, symbol and trade date holds one row for each. It is made with the first row; a journal
    that has rows and not this index is refused. A lost connection is tried again, which the key makes safe.

    Parameters
    ----------
    connection_string
        As MongoDB's clients write it; its password is hidden from every text.
    replace
        Why rows that differ take the place of the journal's; None keeps the journal's. Each replacement is a document
        of the collection ``COLLECTION_replaced``, written before it happens: reason, old row, new row.
    timeout_seconds
        How long a server is looked for, and one answer waited for.
    """

    def __init__(
        self,
        connection_string: str,
        database: str = DATABASE,
        collection: str = COLLECTION,
        replace: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        super().__init__()
        user, _, rest = connection_string.partition("://")[2].rpartition("@")
        password = user.partition(":")[2]
        hide([connection_string, password, unquote(password)] if password else [])
        self._url, self._database, self._collection = connection_string, database, collection
        self._hosts = rest.partition("/")[0].partition("?")[0]
        self._replace, self._timeout = replace, timeout_seconds

    @property
    def place(self) -> str:
        """Where the journal is; see `TradeWriter.place`."""
        return f"mongodb://{self._hosts}/{self._database}.{self._collection}"

    def read(self) -> list[TradeRecord]:
        """Return the rows of the journal; see `TradeWriter.read`.

        Raises
        ------
        InvalidInput
            A document is no row, or there are rows without the index.
        StoreError
            The server cannot be reached, or refuses.
        """
        with self._trades() as trades:
            return self._tried(lambda: self._read(trades))

    def _write(self, records: Sequence[TradeRecord]) -> Merged:
        with self._trades() as trades:
            present = self._tried(lambda: self._read(trades))
            if not present:
                self._tried(lambda: _make_index(trades))
            before = {row.key: row for row in present}
            results = [self._sent(trades, record, before.get(record.key)) for record in records]
        rows = before | {result.record.key: _standing(result) for result in results}
        return Merged(sorted_rows(rows.values()), results)

    @contextmanager
    def _trades(self) -> Generator[Collection[dict[str, Any]]]:
        """Yield the collection, and close all connections afterwards."""
        try:
            from pymongo import MongoClient
            from pymongo.errors import PyMongoError
            from pymongo.write_concern import WriteConcern
        except ImportError as error:
            raise InvalidInput(f"{self.place} needs pymongo: install trading-playbook[mongodb]") from error
        milliseconds = int(1000 * self._timeout)
        durable = WriteConcern("majority", milliseconds, True)
        try:
            own: dict[str, Any] = {name: milliseconds for name in TIMEOUTS if name.lower() not in self._url.lower()}
            with MongoClient[dict[str, Any]](self._url, appname="trading-playbook", **own) as client:
                yield client.get_database(self._database).get_collection(self._collection, write_concern=durable)
        except PyMongoError as error:
            raise StoreError(f"{self.place}: {' '.join(str(error).split())[:300]}") from error

    def _tried(self, action: Callable[[], T]) -> T:
        """Return what an action returns, tried again where the connection was lost, not where there is no server."""
        from pymongo.errors import ConnectionFailure, ServerSelectionTimeoutError

        for _ in range(TRIES - 1):
            try:
                return action()
            except ServerSelectionTimeoutError:
                raise
            except ConnectionFailure:
                continue
        return action()

    def _read(self, trades: Collection[dict[str, Any]]) -> list[TradeRecord]:
        rows: dict[Key, TradeRecord] = {}
        for document in trades.find():
            name = document.pop("_id", None)
            try:
                row = record_of_document(document)
            except ValueError as error:
                raise InvalidInput(
                    f"{self.place}: document {name} {error}; nothing was written; correct or remove it"
                ) from None
            if row.key in rows:
                what = f"{row.strategy} {row.symbol} {row.trade_date}"
                raise InvalidInput(f"{self.place}: document {name} is a second row of {what}; remove one of them")
            rows[row.key] = row
        if rows:
            self._check_index(trades)
        return sorted_rows(rows.values())

    def _check_index(self, trades: Collection[dict[str, Any]]) -> None:
        found = next((index for index in trades.list_indexes() if index["name"] == INDEX), None)
        if found is None or list(found["key"]) != list(Key._fields) or not found.get("unique"):
            has = "no index" if found is None else "another index"
            raise InvalidInput(
                f"{self.place} has rows and {has} named {INDEX}, which keeps each row single; nothing was written; "
                f"make it unique on {', '.join(Key._fields)}"
            )

    def _sent(self, trades: Collection[dict[str, Any]], record: TradeRecord, before: TradeRecord | None) -> RowResult:
        """Write a row, tried again; one that is found after an answer was lost, and was not before, is the one sent."""
        tries: list[TradeRecord] = []

        def row() -> RowResult:
            tries.append(record)
            return self._row(trades, record)

        result = self._tried(row)
        if len(tries) == 1 or result.outcome is not Written.UNCHANGED:
            return result
        (sent,) = merge([] if before is None else [before], [record], replace=True).results
        return sent

    def _row(self, trades: Collection[dict[str, Any]], record: TradeRecord) -> RowResult:
        """Write a row, unless the journal has one of its key; then compare them."""
        for _ in range(CHANGES):
            document, key = document_of(record), key_of(record)
            if _added(trades, key, document):
                return RowResult(Written.WRITTEN, record)
            present = trades.find_one(key)
            if present is None:
                continue
            (result,) = merge([record_of_document(present)], [record], replace=self._replace is not None).results
            if result.outcome is not Written.REPLACED or self._replaced(trades, present, document):
                return result
        raise StoreError(
            f"{self.place}: the row of {record.trade_date} was changed by others {CHANGES} times meanwhile"
        )

    def _replaced(self, trades: Collection[dict[str, Any]], old: dict[str, Any], new: dict[str, object]) -> bool:
        """Replace a document that is still the old one; return whether it was."""
        kept = {name: value for name, value in old.items() if name != "_id"}
        trades.database.get_collection(f"{self._collection}_replaced", write_concern=trades.write_concern).insert_one(
            {"reason": self._replace, "old": kept, "new": dict(new)}
        )
        return trades.replace_one(old, new).matched_count == 1


def _standing(result: RowResult) -> TradeRecord:
    """Return the row that stands in the journal now."""
    return result.kept if result.outcome is Written.CONFLICT and result.kept is not None else result.record


def _added(trades: Collection[dict[str, Any]], key: dict[str, str], document: dict[str, object]) -> bool:
    """Add a document unless there is one of its key; return whether it was added."""
    from pymongo.errors import DuplicateKeyError

    rest = {name: value for name, value in document.items() if name not in key}
    try:
        return trades.update_one(key, {"$setOnInsert": rest}, upsert=True).upserted_id is not None
    except DuplicateKeyError:  # of two upserts at once, one is told so
        return False


def _make_index(trades: Collection[dict[str, Any]]) -> None:
    trades.create_index([(name, 1) for name in Key._fields], unique=True, name=INDEX)
