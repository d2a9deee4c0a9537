"""The rows of a snapshot: who is in it, the labels of each, and its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sectors import SECTOR_NAMES, UNKNOWN_SECTOR
from quant_platform_kit.domain.snapshot_manifest import Column

from snapshot_pipelines.build.feature import Feature
from snapshot_pipelines.build.features import FEATURES, dvol63_usd
from snapshot_pipelines.build.fundamentals import Fundamentals
from snapshot_pipelines.build.grid import Grid, Window
from snapshot_pipelines.build.issuers import secondary
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

    def is_member(self, symbol: str, day: date) -> bool:
        """Whether a stock was a member on ``day`` (exchange-local date)."""
        return symbol in self.sectors and (self.membership is None or self.membership.is_member(symbol, day))

    def has_row(self, symbol: str, day: date) -> bool:
        """Whether a symbol with a bar has a row on ``day``: benchmarks, members, and those that were until lately."""
        return symbol in BENCHMARKS or self.membership is None or self.membership.has_row(symbol, day)


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
    chosen = [s for s, seen in zip(window.symbols, window.seen, strict=True) if seen and market.has_row(s, as_of)]
    at = [window.column(symbol) for symbol in chosen]
    features = {one.name: one(window)[at] for one in market.features}
    facts = market.fundamentals.known([s for s in chosen if s not in BENCHMARKS], as_of) if market.fundamentals else {}
    stocks = np.array([symbol not in BENCHMARKS for symbol in chosen])
    return {
        **_labels(market, window, chosen, as_of),
        "history": window.history[at].astype(np.int32),
        **features,
        **{name: _spread(values, stocks) for name, values in facts.items()},
    }


def _labels(
    market: Market, window: Window, chosen: list[str], as_of: date
) -> dict[str, NDArray[np.generic] | list[str]]:
    members = [market.is_member(symbol, as_of) for symbol in chosen]
    dollars = dict(zip(window.symbols, dvol63_usd(window).tolist(), strict=True))
    trading = {s for s, member in zip(chosen, members, strict=True) if member and window.history[window.column(s)]}
    sectors = [market.sectors.get(symbol, _UNLABELLED) for symbol in chosen]
    return {
        "as_of": np.full(len(chosen), np.datetime64(as_of, "D")),
        "symbol": chosen,
        "is_stock": np.array([symbol not in BENCHMARKS for symbol in chosen], dtype=np.int8),
        "member": np.array(members, dtype=np.int8),
        "primary": np.array([not secondary(symbol, dollars, trading) for symbol in chosen], dtype=np.int8),
        "sector": [sector.name for sector in sectors],
        "sector_code": np.array([sector.code for sector in sectors], dtype=np.int16),
    }


def _spread(values: list[float], stocks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return facts of the stocks on all rows, NaN for the others."""
    spread = np.full(len(stocks), np.nan)
    spread[stocks] = values
    return spread


def _refuse_without_bars(market: Market, window: Window, as_of: date) -> None:
    """Refuse a session in which no stock has a bar: prices end before it, or begin after it."""
    stocks = [window.column(symbol) for symbol in window.symbols if symbol in market.sectors]
    known = window.prices.last_session == as_of
    if known and window.history[stocks].any():
        return
    dates = market.grid.table.dates[~market.grid.missing[:, stocks].all(axis=1)]
    raise InvalidInput(
        f"no stock has a bar on {as_of}; bars of the stocks reach from {dates[0]} to {dates[-1]}: give prices up to the "
        "session, or another --as-of"
    )
