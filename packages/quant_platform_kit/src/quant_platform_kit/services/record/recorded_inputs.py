"""The inputs of a run, recorded before anything is decided on them, so that the decision can be proven later.

Objects below ``inputs/``, each zlib-compressed and named by the SHA-256 of its content, so that equal inputs are kept
once and a changed byte shows:

- the document: profile, configuration, session, account, quotes and policy, and the names of
- the history: one line of JSON with its dates and symbols, then the closes as little-endian float64, row by row;
- feature snapshots, if the profile reads them: one line of JSON with symbols and columns, then the values by column.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from quant_platform_kit.domain.balances import BalanceRules
from quant_platform_kit.domain.cycle import ExecutionPolicy, Observation
from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Conflict, Damaged
from quant_platform_kit.domain.features import FeatureReading, FeatureSnapshot, FeatureTable
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.strategy import BoundStrategy, TargetMode
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode

__all__ = ["InputStore", "RecordedInputs", "RecordedReading", "content_of_inputs"]


@dataclass(frozen=True, slots=True)
class RecordedReading:
    """A `FeatureReading` with the name of the object that holds the rows; None where there was no snapshot."""

    session: date
    refused: str
    rows: str | None = None
    as_of: date | None = None
    digest: str = ""
    newest_due: date | None = None
    age: int = 0


@dataclass(frozen=True, slots=True)
class RecordedInputs:
    """Everything a decision followed from.

    Attributes
    ----------
    sessions
        The session before the one decided on, that one, and the one after it (exchange-local dates).
    history
        Name of the history object.
    as_of
        When account and quotes were taken, aware UTC.
    handed_over
        Holdings of an earlier profile that the run was to sell.
    doubts
        Prices that were not believed, in words.
    features
        What there was to read for each session decided on.
    owned
        Holdings that the profile itself had bought.
    """

    profile: str
    config: Mapping[str, object]
    sessions: tuple[date, date, date]
    history: str
    account: AccountState
    quotes: Mapping[str, Quote]
    as_of: datetime
    handed_over: frozenset[str]
    native_mode: TargetMode
    currency: str
    allocation_fraction: Decimal
    doubts: tuple[str, ...] = ()
    balances: BalanceRules = field(default_factory=BalanceRules)
    features: tuple[RecordedReading, ...] = ()
    owned: frozenset[str] = frozenset()

    @property
    def policy(self) -> ExecutionPolicy:
        """The policy as far as a decision depends on it."""
        return ExecutionPolicy(
            self.native_mode,
            currency=self.currency,
            allocation_fraction=self.allocation_fraction,
            balances=self.balances,
        )


class InputStore:
    """Recorded inputs, by the digest of their document."""

    def __init__(self, store: VersionedStore) -> None:
        self._store = store

    def record(self, strategy: BoundStrategy, seen: Observation, policy: ExecutionPolicy) -> str:
        """Keep what a decision is about to be made on; return the digest to read it by."""
        document = RecordedInputs(
            profile=strategy.manifest.profile,
            config=strategy.config_values,
            sessions=(seen.session.previous, seen.session.date, seen.session.next),
            history=self._put(_history_bytes(seen.history)),
            account=seen.account,
            quotes=seen.quotes,
            as_of=seen.as_of,
            handed_over=seen.handed_over,
            native_mode=policy.native_mode,
            currency=policy.currency,
            allocation_fraction=policy.allocation_fraction,
            doubts=seen.doubts,
            balances=policy.balances,
            features=tuple(map(self._put_reading, seen.features)),
            owned=seen.owned,
        )
        return self._put(canonical_json(document))

    def document(self, digest: str) -> RecordedInputs:
        """Return recorded inputs without the history and the feature snapshots that they name; raises as `read`."""
        return decode(RecordedInputs, self._content(digest), _key(digest))

    def read(self, digest: str) -> tuple[RecordedInputs, Observation]:
        """Return recorded inputs, and the same as a strategy is shown them.

        Raises
        ------
        Damaged
            An object is missing or was changed; the message names it.
        """
        recorded = self.document(digest)
        history = _history(self._content(recorded.history), _key(recorded.history))
        before, present, after = recorded.sessions
        session = Session(present, before, after)
        seen = Observation(
            session,
            history,
            recorded.account,
            recorded.quotes,
            recorded.as_of,
            recorded.handed_over,
            recorded.doubts,
            tuple(map(self._reading, recorded.features)),
            recorded.owned,
        )
        return recorded, seen

    def _put_reading(self, reading: FeatureReading) -> RecordedReading:
        snapshot = reading.snapshot
        if snapshot is None:
            return RecordedReading(reading.session, reading.refused)
        rows = self._put(_rows_bytes(snapshot.table))
        return RecordedReading(
            reading.session, "", rows, snapshot.as_of, snapshot.digest, snapshot.newest_due, snapshot.age
        )

    def _reading(self, recorded: RecordedReading) -> FeatureReading:
        if recorded.rows is None or recorded.as_of is None:
            return FeatureReading(recorded.session, None, recorded.refused)
        rows = _rows(self._content(recorded.rows), _key(recorded.rows))
        snapshot = FeatureSnapshot(recorded.as_of, recorded.digest, rows, recorded.newest_due, recorded.age)
        return FeatureReading(recorded.session, snapshot)

    def _put(self, content: bytes) -> str:
        digest = sha256(content)
        try:
            self._store.create(_key(digest), zlib.compress(content))
        except Conflict:
            return digest
        return digest

    def _content(self, digest: str) -> bytes:
        stored = self._store.get(_key(digest))
        if stored is None:
            raise Damaged(f"{_key(digest)} is not in the report store")
        return content_of_inputs(digest, stored.data)


def _key(digest: str) -> str:
    return f"inputs/{digest}"


def content_of_inputs(digest: str, data: bytes) -> bytes:
    """Return the content of an input object; `Damaged` unless it fits its name."""
    content = _decompressed(data)
    if content is None or sha256(content) != digest:
        raise Damaged(f"{_key(digest)} was changed after it was recorded: its content does not fit its name")
    return content


def _decompressed(data: bytes) -> bytes | None:
    """Return the content of a compressed object, None if it is not one from its first byte to its last."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data)
    except zlib.error:
        return None
    return content if stream.eof and not stream.unused_data else None


def _history_bytes(history: PriceHistory) -> bytes:
    header = {"dates": np.datetime_as_string(history.dates).tolist(), "symbols": history.symbols}
    return canonical_json(header) + b"\n" + history.close.astype("<f8").tobytes()


def _history(content: bytes, key: str) -> PriceHistory:
    line, _, values = content.partition(b"\n")
    header = json.loads(line)
    dates, symbols = np.array(header["dates"], dtype="datetime64[D]"), header["symbols"]
    close = np.frombuffer(values, dtype="<f8")
    if close.size != len(dates) * len(symbols):
        raise Damaged(f"{key} is damaged: {close.size} closes for {len(dates)} dates and {len(symbols)} symbols")
    return PriceHistory(PriceTable(dates, symbols, {"close": close.reshape(len(dates), len(symbols))}))


def _rows_bytes(table: FeatureTable) -> bytes:
    header = {"columns": list(table.columns), "symbols": table.symbols}
    return canonical_json(header) + b"\n" + b"".join(v.astype("<f8").tobytes() for v in table.columns.values())


def _rows(content: bytes, key: str) -> FeatureTable:
    line, _, values = content.partition(b"\n")
    header = json.loads(line)
    symbols, columns = header["symbols"], header["columns"]
    numbers = np.frombuffer(values, dtype="<f8")
    if numbers.size != len(symbols) * len(columns):
        raise Damaged(f"{key} is damaged: {numbers.size} values for {len(symbols)} symbols and {len(columns)} columns")
    by_column = numbers.reshape(len(columns), len(symbols))
    return FeatureTable(symbols, dict(zip(columns, by_column.copy(), strict=True)))
