"""The rows of a snapshot: who is in it, the labels of each, and its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from snapshot_pipelines.build.issuers import LINES, secondary_lines
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
    held
        Name of a price file -> its symbols; empty where the bars are from no file.
    """

    grid: Grid
    sectors: Mapping[str, SectorLabel]
    membership: Membership | None = None
    fundamentals: Fundamentals | None = None
    own: Sequence[Feature] = ()
    held: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those of the catalog, then one's own."""
        return (*FEATURES, *self.own)

    @cached_property
    def stocks(self) -> frozenset[str]:
        """The universe: every symbol with a sector label."""
        return frozenset(self.sectors)

    @cached_property
    def symbols(self) -> NDArray[np.str_]:
        """Every symbol of the grid, ascending: the order of all that follows."""
        return np.sort(np.array(self.grid.table.symbols))

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """Where the grid has each symbol."""
        return np.argsort(np.array(self.grid.table.symbols))

    @cached_property
    def is_stock(self) -> NDArray[np.bool_]:
        """Whether a symbol is a stock and no benchmark."""
        return ~np.isin(self.symbols, BENCHMARKS)

    @cached_property
    def labels(self) -> tuple[NDArray[np.str_], NDArray[np.int16]]:
        """Name and code of each symbol's sector."""
        found = [self.sectors.get(symbol, _UNLABELLED) for symbol in self.symbols.tolist()]
        return np.array([label.name for label in found]), np.array([label.code for label in found], dtype=np.int16)

    def are_members(self, day: date) -> NDArray[np.bool_]:
        """Whether a symbol was a member on ``day`` (exchange-local date)."""
        return self._with_stay(self.membership.covering(day)) if self.membership else self.is_stock

    def may_have_rows(self, day: date) -> NDArray[np.bool_]:
        """Whether a symbol has a row on ``day`` if it has a bar: members, those that were until lately, benchmarks."""
        return ~self.is_stock | (self._with_stay(self.membership.recent(day)) if self.membership else True)

    def _with_stay(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = np.zeros(len(self.symbols) + 1, dtype=bool)
        found[self._of_stays[chosen]] = True
        return found[:-1] & self.is_stock

    @cached_property
    def _of_stays(self) -> NDArray[np.int64]:
        """The symbol of each stay, by its place; one behind the last where there are no bars of it."""
        place = {symbol: at for at, symbol in enumerate(self.symbols.tolist())}
        of: list[str] = self.membership.symbols.tolist() if self.membership else []
        return np.array([place.get(symbol, len(place)) for symbol in of], dtype=np.int64)


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
    chosen = np.flatnonzero(market.may_have_rows(as_of) & window.seen[market.columns])
    member, at = market.are_members(as_of)[chosen], market.columns[chosen]
    if not member.any():
        raise InvalidInput(f"no member on {as_of} has prices and a sector; give a membership that covers the session")
    symbols: list[str] = market.symbols[chosen].tolist()
    features = {one.name: one(window)[at] for one in market.features}
    history = window.history[at]
    sectors, codes = market.labels
    return {
        "as_of": np.full(len(symbols), np.datetime64(as_of, "D")),
        "symbol": symbols,
        "is_stock": market.is_stock[chosen].astype(np.int8),
        "member": member.astype(np.int8),
        "primary": _primary(symbols, features[dvol63_usd.name], member & (history > 0)),
        "sector": sectors[chosen].tolist(),
        "sector_code": codes[chosen],
        "history": history,
        **features,
        **(_facts(market.fundamentals, symbols, as_of) if market.fundamentals else {}),
    }


def _primary(symbols: list[str], dollars: FloatArray, trading: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return 0 for a line behind another one of its issuer that trades, else 1."""
    at = {symbol: number for number, symbol in enumerate(symbols) if symbol in LINES}
    behind = secondary_lines(
        {symbol: float(dollars[number]) for symbol, number in at.items()},
        [symbol for symbol, number in at.items() if trading[number]],
    )
    primary = np.ones(len(symbols), dtype=np.int8)
    primary[[at[symbol] for symbol in behind]] = 0
    return primary


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
    stocks = market.columns[market.is_stock]
    if window.prices.last_session == as_of and window.history[stocks].any():
        return
    dates = market.grid.table.dates[~market.grid.missing[:, stocks].all(axis=1)]
    raise InvalidInput(
        f"no stock has a bar on {as_of}; bars of the stocks reach from {dates[0]} to {dates[-1]}: give prices "
        "that reach the session, or choose sessions that they reach"
    )
