"""What a broker said in one session, held against what its adapter believes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from quant_platform_kit.domain.beliefs import Difference, How, Table, compare, told_fields
from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["Misread", "Seen"]

_T = TypeVar("_T")


class Seen:
    """Handed every document of a broker by its adapter, before a mapper reads it.

    Parameters
    ----------
    tables
        What is believed; a document is held against the table of its subject. Without any, nothing is held.
    wire
        What may be given away of the exchanges over the wire, by their subjects.

    Attributes
    ----------
    names
        Whether names are looked for too that nobody knows.
    keeps
        Whether the documents are kept too, for a capture.
    documents
        What was kept: subject and document, in order of arrival.
    exchanges
        What was kept of the wire, likewise.
    """

    def __init__(self, tables: Iterable[Table] = (), wire: Iterable[Table] = ()) -> None:
        self.tables: Mapping[str, Table] = {table.subject: table for table in tables}
        self.names = self.keeps = False
        self.wire: Mapping[str, Table] = {table.subject: table for table in wire}
        self.documents: list[tuple[str, object]] = []
        self.exchanges: list[tuple[str, object]] = []
        self._found: dict[Difference, None] = {}

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Where documents were other than believed, each difference once, in order of appearance."""
        return tuple(self._found)

    @property
    def misread(self) -> tuple[Difference, ...]:
        """Those of them in fields that are read."""
        return tuple(each for each in self._found if each.how is not How.NEW)

    def take(self, subject: str, document: _T) -> _T:
        """Hold a document against its table, and return it."""
        if self.tables:
            for difference in compare(self.tables[subject], document, names=self.names):
                self._found.setdefault(difference)
        if self.keeps and self.tables:
            self.documents.append((subject, told_fields(self.tables[subject], document)))
        return document

    def overhear(self, subject: str, exchange: object) -> None:
        """Keep an exchange over the wire, where documents are kept; one that no table knows is passed over."""
        if self.keeps and subject in self.wire:
            self.exchanges.append((subject, exchange))

    def take_all(self, subject: str, documents: Sequence[_T]) -> Sequence[_T]:
        """Take each of several documents."""
        return [self.take(subject, document) for document in documents]


class Misread:
    """Which differences an account's runs have told of: ``misread/<account>/<digest>``, each written once."""

    def __init__(self, store: VersionedStore, account_id: str) -> None:
        self._store, self._root = store, f"misread/{account_id}"

    def new(self, differences: Iterable[Difference]) -> list[Difference]:
        """Return those that were never told of; raises `StoreError`."""
        return [each for each in differences if self._store.get(self._key(each)) is None]

    def told(self, differences: Iterable[Difference]) -> None:
        """Record that they were told of; raises `StoreError`."""
        for difference in differences:
            key = self._key(difference)
            with suppress(Conflict):
                self._store.create(key, encode(difference, key))

    def known(self) -> list[Difference]:
        """Return all that they told of, in no order that says anything; raises `Damaged` and `StoreError`."""
        found = {key: self._store.get(key) for key in self._store.keys(f"{self._root}/")}
        return [decode(Difference, stored.data, key) for key, stored in found.items() if stored]

    def _key(self, difference: Difference) -> str:
        return f"{self._root}/{sha256(canonical_json(difference))[:32]}"
