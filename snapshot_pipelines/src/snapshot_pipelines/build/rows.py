"""The rows of a snapshot: who is in it, the labels of each, and its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sectors import SECTOR_NAMES, UNKNOWN_SECTOR
from quant_platform_kit.domain.snapshot_manifest import Column

from snapshot_pipelines.build.feature import Feature
from snapshot_pipelines.build.features import FEATURES, dvol63_usd
from snapshot_pipelines.build.fundamentals import Fundamentals
from snapshot_pipelines.build.grid import Grid, Window
from snapshot_pipelines.build.issuers import secondary_lines
from snapshot_pipelines.build.membership import Membership
from snapshot_pipelines.build.sectors import BENCHMARKS, SectorLabel

__all__ = ["LABELS", "Market", "Values", "columns_of", "rows_at"]

LABELS = (
    Column("as_of", "date", False),
    Column("symbol", "string", False),
    Column("is_stock", "int8", False),
    Column("member", "int8", False),
    Column("primary", "int8", False),
    Column("sector", "string", False),
    Column("sector_code", "int16", False),
    Column("history", "int32", False),
)
"""What each row says of itself, before its features."""

_UNLABELLED = SectorLabel(SECTOR_NAMES[UNKNOWN_SECTOR], UNKNOWN_SECTOR, None)

Values = Mapping[str, NDArray[np.generic] | list[str]]
"""Column name -> one value per row; strings as a list, a date as datetime64[D]."""


@dataclass(frozen=True)
class Market:
    """All that rows are made of.

    Attributes
    ----------
    grid
        Bars of the stocks that have any, and of the benchmarks.
    sectors
        Of every stock of the universe, ascending by symbol.
    membership
        None if every stock is always a member.
    fundamentals
        None without.
    own
        Features beside those of the catalog.
    """

    grid: Grid
    sectors: Mapping[str, SectorLabel]
    membership: Membership | None = None
    fundamentals: Fundamentals | None = None
    own: Sequence[Feature] = ()

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those of the catalog, then one's own."""
        return (*FEATURES, *self.own)

    @cached_property
    def stocks(self) -> frozenset[str]:
        """The universe: every symbol with a sector label."""
        return frozenset(self.sectors)

    @cached_property
    def stock_columns(self) -> NDArray[np.int64]:
        """Where the grid has stocks."""
        return np.array([at for at, symbol in enumerate(self.grid.table.symbols) if symbol in self.sectors])

    def members(self, day: date) -> frozenset[str]:
        """Return the stocks that were members on ``day`` (exchange-local date)."""
        return self.stocks & self.membership.members(day) if self.membership else self.stocks

    def with_rows(self, day: date) -> frozenset[str]:
        """Return the symbols that have a row on ``day`` if they have a bar: members, those of late, benchmarks."""
        stocks = self.stocks & self.membership.with_rows(day) if self.membership else self.stocks
        return stocks.union(BENCHMARKS)


def columns_of(market: Market) -> tuple[Column, ...]:
    """Return the columns of its snapshots."""
    facts = market.fundamentals.columns if market.fundamentals else ()
    return (*LABELS, *(Column(name, "float64", True) for name in (*(f.name for f in market.features), *facts)))


def rows_at(market: Market, as_of: date) -> Values:
    """Return the rows of one session, ascending by symbol, by the columns that `columns_of` returns.

    Raises
    ------
    InvalidInput
        ``as_of`` has no bars, a feature fails, or facts were published later.
    """
    window = market.grid.until(as_of)
    _refuse_without_bars(market, window, as_of)
    wanted = market.with_rows(as_of)
    symbols = sorted(s for s, seen in zip(window.symbols, window.seen.tolist(), strict=True) if seen and s in wanted)
    if market.members(as_of).isdisjoint(symbols):
        raise InvalidInput(f"no member on {as_of} has prices and a sector; give a membership that covers the session")
    at = np.array([window.column(symbol) for symbol in symbols])
    features = {one.name: one(window)[at] for one in market.features}
    history = window.history[at]
    return {
        **_labels(market, symbols, as_of, history, features[dvol63_usd.name]),
        "history": history,
        **features,
        **(_facts(market.fundamentals, symbols, as_of) if market.fundamentals else {}),
    }


def _labels(
    market: Market, symbols: list[str], as_of: date, history: NDArray[np.int32], dollars: FloatArray
) -> dict[str, NDArray[np.generic] | list[str]]:
    members = market.members(as_of)
    trading = {symbol for symbol, run in zip(symbols, history.tolist(), strict=True) if run and symbol in members}
    behind = secondary_lines(dict(zip(symbols, dollars.tolist(), strict=True)), trading)
    sectors = [market.sectors.get(symbol, _UNLABELLED) for symbol in symbols]
    return {
        "as_of": np.full(len(symbols), np.datetime64(as_of, "D")),
        "symbol": symbols,
        "is_stock": np.array([symbol not in BENCHMARKS for symbol in symbols], dtype=np.int8),
        "member": np.array([symbol in members for symbol in symbols], dtype=np.int8),
        "primary": np.array([symbol not in behind for symbol in symbols], dtype=np.int8),
        "sector": [sector.name for sector in sectors],
        "sector_code": np.array([sector.code for sector in sectors], dtype=np.int16),
    }


def _facts(fundamentals: Fundamentals, symbols: list[str], as_of: date) -> dict[str, FloatArray]:
    """Return the facts of the stocks; benchmarks have none."""
    stocks = [symbol not in BENCHMARKS for symbol in symbols]
    known = fundamentals.known([symbol for symbol, stock in zip(symbols, stocks, strict=True) if stock], as_of)
    columns = {name: np.full(len(symbols), np.nan) for name in known}
    for name, column in columns.items():
        column[stocks] = known[name]
    return columns


def _refuse_without_bars(market: Market, window: Window, as_of: date) -> None:
    """Refuse a session in which no stock has a bar: prices end before it, or begin after it."""
    if window.prices.last_session == as_of and window.history[market.stock_columns].any():
        return
    dates = market.grid.table.dates[~market.grid.missing[:, market.stock_columns].all(axis=1)]
    raise InvalidInput(
        f"no stock has a bar on {as_of}; bars of the stocks reach from {dates[0]} to {dates[-1]}: give prices up "
        "to the session, or another --as-of"
    )
