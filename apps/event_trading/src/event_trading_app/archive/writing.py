"""Writing files: which offsets a file has is decided once, before it is written, so that every event is in one file.

``claims/<topic>/<partition>/<first>`` is created before the file, and says which offsets it has; whoever finds one
without its file writes the same file. ``manifests/...`` is created after it, with its digest. An offset is committed
after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Conflict, LeaseLost
from quant_platform_kit.events.bus import Place
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode, encode

from event_trading_app.archive.files import Row, Span, file_name, parquet_of

__all__ = ["Claim", "Files"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Which offsets a file has, and what it is called."""

    first: int
    last: int
    file: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file that is whole."""

    first: int
    last: int
    file: str
    rows: int
    sha256: str


@dataclass(slots=True)
class Files:
    """The archive, as it is written."""

    store: VersionedStore
    written: int = field(default=0)

    def last_claim(self, place: Place) -> tuple[Claim | None, bool]:
        """Return the last claim of a partition, and whether its file is whole."""
        keys = self.store.keys(_root("claims", place))
        if not keys:
            return None, True
        stored = self.store.get(keys[-1])
        assert stored is not None, "claims are never removed"
        claim = decode(Claim, stored.data, keys[-1])
        return claim, self.store.get(_key("manifests", place, claim.first)) is not None

    def write(self, rows: Sequence[Row], claimed: Claim | None = None) -> Claim:
        """Write a file with rows; durable when it returns.

        Parameters
        ----------
        rows
            Of one partition and hour, in the order of their offsets.
        claimed
            What was claimed for them before.

        Raises
        ------
        LeaseLost
            Another archiver has the partition, and decided on another file.
        """
        if any(row.message.offset >= after.message.offset for row, after in pairwise(rows)):
            raise LeaseLost(f"rows of {rows[0].message.place} are not in the order of their offsets")
        place, first, last = rows[0].message.place, rows[0].message.offset, rows[-1].message.offset
        name = file_name(Span(place, first, last), rows[0].hour)
        claim = Claim(first, last, name)
        if claimed is not None and claimed != claim:
            raise LeaseLost(f"offsets {first} to {last} of {place} do not fill {claimed.file}, which was claimed")
        self._create(_key("claims", place, first), claim)
        data = parquet_of(rows)
        try:
            self.store.create(name, data)
        except Conflict:
            stored = self.store.get(name)  # its writer ended before it could say so
            data = stored.data if stored is not None else data
        self._create(_key("manifests", place, first), Manifest(first, last, name, len(rows), sha256(data)))
        self.written += len(data)
        return claim

    def _create(self, key: str, value: Claim | Manifest) -> None:
        try:
            self.store.create(key, encode(value, key))
        except Conflict:
            stored = self.store.get(key)
            if stored is None or decode(type(value), stored.data, key) != value:
                raise LeaseLost(f"{key} says otherwise: another archiver has the partition") from None


def _root(kind: str, place: Place) -> str:
    return f"{kind}/{place.topic}/{place.partition:05}/"


def _key(kind: str, place: Place, first: int) -> str:
    return f"{_root(kind, place)}{first:020}"
