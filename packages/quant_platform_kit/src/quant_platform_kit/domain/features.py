"""Feature snapshots as a strategy is given them: published once, read as of one session, never filled in.

A snapshot-backed profile declares a `FeatureContract`. For every session that is decided on, a run takes a
`FeatureReading`: the snapshot, or in words why there is none, which makes the decision BLOCKED.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np

from quant_platform_kit.domain.prices import FloatArray

__all__ = ["IS_STOCK", "FeatureContract", "FeatureReading", "FeatureSnapshot", "FeatureTable", "RankedRow"]

IS_STOCK = "is_stock"
"""The label that tells stocks, which a profile may trade, from the rows it only compares with."""


class FeatureTable(Mapping[str, Mapping[str, float]]):
    """Rows of features, symbol -> column -> value, and the same by column.

    Parameters
    ----------
    symbols
        Unique, length n.
    columns
        Name -> values as float64, shape (n,), read-only from now on; NaN where a feature cannot be known.
    """

    def __init__(self, symbols: Sequence[str], columns: Mapping[str, FloatArray]) -> None:
        self.symbols = tuple(symbols)
        self.columns = dict(columns)
        self._row = {symbol: row for row, symbol in enumerate(self.symbols)}
        for values in self.columns.values():
            values.setflags(write=False)

    @classmethod
    def of(cls, rows: Mapping[str, Mapping[str, float]]) -> FeatureTable:
        """Return rows as a table: the same where they are one."""
        if isinstance(rows, FeatureTable):
            return rows
        names = next((list(row) for row in rows.values()), list[str]())
        return cls(list(rows), {name: np.array([row[name] for row in rows.values()], float) for name in names})

    def __getitem__(self, symbol: str) -> Mapping[str, float]:
        row = self._row[symbol]
        return {name: float(values[row]) for name, values in self.columns.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def ascending(self) -> FeatureTable:
        """The same rows by ascending symbol, so that no result depends on their order."""
        order = sorted(range(len(self)), key=self.symbols.__getitem__)
        if order == list(range(len(self))):
            return self
        columns = {name: values[order] for name, values in self.columns.items()}
        return FeatureTable([self.symbols[row] for row in order], columns)

    @cached_property
    def stocks(self) -> frozenset[str]:
        """The symbols that may be traded."""
        is_stock = self.columns.get(IS_STOCK, np.zeros(len(self)))
        return frozenset(self.symbols[row] for row in np.flatnonzero(is_stock))


@dataclass(frozen=True, slots=True)
class FeatureSnapshot:
    """Published features of a snapshot-backed profile.

    Attributes
    ----------
    as_of
        The session they are of (exchange-local date): nothing later is in them.
    digest
        SHA-256 of the manifest that names them.
    rows
        symbol -> column -> value, the same columns in every row; NaN where a feature cannot be known. Rows of other
        kinds become a `FeatureTable`.
    newest_due
        The newest session, up to the one decided on, on which the profile decides; None where nobody says.
    age
        Sessions from ``as_of`` to the session decided on.
    """

    as_of: date
    digest: str
    rows: Mapping[str, Mapping[str, float]]
    newest_due: date | None = None
    age: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", FeatureTable.of(self.rows))

    @property
    def table(self) -> FeatureTable:
        """The rows by column."""
        return FeatureTable.of(self.rows)

    @property
    def stocks(self) -> frozenset[str]:
        """The symbols that may be traded."""
        return self.table.stocks


@dataclass(frozen=True, slots=True)
class FeatureContract:
    """What a snapshot-backed profile asks of its snapshot.

    Attributes
    ----------
    reads
        Columns that the rule reads of stocks, labels left out: each has to be there, and known for most members.
    benchmarks
        Symbols whose rows the rule reads.
    benchmark_reads
        Columns of these rows that must be known.
    version
        Of formulas, columns and types: another one is another contract.
    """

    reads: tuple[str, ...]
    benchmarks: tuple[str, ...] = ()
    benchmark_reads: tuple[str, ...] = ()
    version: int = 1

    def name(self, profile: str) -> str:
        """Return the contract's name for a profile."""
        return f"{profile}.feature_snapshot.v{self.version}"


@dataclass(frozen=True, slots=True)
class FeatureReading:
    """What there was to read for one session.

    Attributes
    ----------
    session
        The completed session decided on (exchange-local date).
    snapshot
        None if and only if ``refused`` says why.
    refused
        In words, with what to do.
    """

    session: date
    snapshot: FeatureSnapshot | None
    refused: str = ""


class RankedRow(NamedTuple):
    """A stock in the ranking of a profile; rank 1 is the best."""

    rank: int
    symbol: str
    score: float
