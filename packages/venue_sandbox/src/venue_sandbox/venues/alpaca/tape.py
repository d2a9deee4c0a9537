"""Prices out of files, as they were traded and adjusted for what has happened since."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from quant_platform_kit.adapters.price_columns import days_of, floats_of, open_columns
from quant_platform_kit.domain.sessions import ExchangeCalendar

from venue_sandbox.exchange.market import VOLUME
from venue_sandbox.exchange.series import Series

__all__ = ["ADJUSTMENTS", "Bar", "Split", "Tape", "read_tape"]

ADJUSTMENTS = ("raw", "split", "dividend", "all")
DECIMALS = 4
"""Alpaca rounds prices that it adjusts."""
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar as a file has it: ``start`` in UTC, ``ends`` when it is finished, prices in the symbol's currency.

    Attributes
    ----------
    day
        Of the exchange.
    """

    start: datetime
    ends: datetime
    day: date
    prices: list[float]
    volume: float

    def closing_at(self, close: float) -> Bar:
        """Return the bar with another close."""
        opened, high, low, _ = self.prices
        return replace(self, prices=[opened, max(high, close), min(low, close), close])


@dataclass(frozen=True, slots=True)
class Split:
    """One unit became ``ratio`` units when a session began."""

    session: date
    ratio: float


@dataclass
class Tape:
    """Every bar by symbol, ascending.

    Attributes
    ----------
    minutes, days
        As they were traded, but for the splits that were added since.
    dividends
        By symbol and day, the factor of a price that is adjusted for dividends.
    """

    minutes: Mapping[str, list[Bar]]
    days: dict[str, list[Bar]]
    dividends: dict[str, Mapping[date, float]]

    def add_days(self, symbol: str, series: Series, calendar: ExchangeCalendar) -> None:
        """Take the days of a symbol from the prices that it is traded at."""
        bars: list[Bar] = []
        for day, opened, close in zip(series.sessions, series.open.tolist(), series.close.tolist(), strict=True):
            prices = [opened, max(opened, close), min(opened, close), close]
            start = datetime.combine(day, time(), calendar.timezone).astimezone(UTC)
            bars.append(Bar(start, calendar.hours(day).close, day, prices, float(VOLUME)))
        self.days[symbol] = bars
        factors = (series.adjusted / series.close).tolist()
        self.dividends[symbol] = dict(zip(series.sessions, factors, strict=True))

    def adjusted(
        self, symbol: str, bar: Bar, adjustment: str, today: date, splits: Sequence[Split]
    ) -> tuple[list[float], float]:
        """Return prices and volume of a bar, adjusted for what has happened up to a day."""
        until = today if adjustment in ("split", "all") else bar.day
        units = math.prod(each.ratio for each in splits if each.session <= until)
        factor = self.dividends.get(symbol, {}).get(bar.day, 1.0) if adjustment in ("dividend", "all") else 1.0
        prices = [price * factor / units for price in bar.prices]
        return (prices if adjustment == "raw" else [round(price, DECIMALS) for price in prices]), bar.volume * units


def read_tape(minutes: Path | None, days: Path | None, calendar: ExchangeCalendar) -> Tape:
    """Read the files of a venue.

    Parameters
    ----------
    minutes
        Columns symbol, bar_start_et, open, high, low, close, volume; starts are exchange-local.
    days
        Long format: date, symbol, open, high, low, close, volume, adj_close.

    Raises
    ------
    InvalidInput
        A file cannot be read, or lacks a column.
    """
    daily, dividends = ({}, {}) if days is None else _daily(days, calendar)
    return Tape({} if minutes is None else _minutes(minutes, calendar), daily, dividends)


def _minutes(path: Path, calendar: ExchangeCalendar) -> dict[str, list[Bar]]:
    found: dict[str, list[Bar]] = {}
    table = open_columns(path).read(("symbol", "bar_start_et", *PRICES, "volume"))
    values = _values(path, table)
    for symbol, start, row in zip(_cells(table, "symbol"), _cells(table, "bar_start_et"), values, strict=True):
        begins = start.replace(tzinfo=calendar.timezone).astimezone(UTC)
        bar = Bar(begins, begins + timedelta(minutes=1), start.date(), row[:4], row[4])
        found.setdefault(symbol, []).append(bar)
    return _ascending(found)


def _daily(path: Path, calendar: ExchangeCalendar) -> tuple[dict[str, list[Bar]], dict[str, Mapping[date, float]]]:
    found: dict[str, list[Bar]] = {}
    dividends: dict[str, dict[date, float]] = {}
    table = open_columns(path).read(("symbol", "date", *PRICES, "volume", "adj_close"))
    values = _values(path, table, "adj_close")
    for symbol, day, row in zip(_cells(table, "symbol"), days_of(path, table["date"]).tolist(), values, strict=True):
        start = datetime.combine(day, time(), calendar.timezone).astimezone(UTC)
        found.setdefault(symbol, []).append(Bar(start, calendar.hours(day).close, day, row[:4], row[4]))
        dividends.setdefault(symbol, {})[day] = row[5] / row[3]
    return _ascending(found), {**dividends}


def _cells(table: Any, name: str) -> list[Any]:
    return table[name].to_pylist()


def _values(path: Path, table: Any, *more: str) -> list[list[float]]:
    """Return prices, volume and further columns by row."""
    return np.column_stack([floats_of(path, name, table[name]) for name in (*PRICES, "volume", *more)]).tolist()


def _ascending(bars: dict[str, list[Bar]]) -> dict[str, list[Bar]]:
    return {symbol: sorted(several, key=lambda bar: bar.start) for symbol, several in bars.items()}
