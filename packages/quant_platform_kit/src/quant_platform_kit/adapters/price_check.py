"""What of a price file is usable, for whom, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from quant_platform_kit.adapters.price_files import PRICE_FIELDS, LongPrices, price_table, read_prices
from quant_platform_kit.adapters.strategies import catalog, find_strategy
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import StrategyManifest

__all__ = ["PriceCheck", "ProfileUse", "SeriesCheck", "check_prices"]

_OPTIONAL = ("adj_close", "open")


@dataclass(frozen=True, slots=True)
class SeriesCheck:
    """One symbol's closes; ``missing`` counts calendar sessions without a bar between first and last."""

    symbol: str
    first: date
    last: date
    bars: int
    missing: int


@dataclass(frozen=True, slots=True)
class ProfileUse:
    """Whether a profile can use the file, and from when or why not."""

    profile: str
    usable: bool
    remark: str


@dataclass(frozen=True, slots=True)
class PriceCheck:
    """The verdict on a file.

    Attributes
    ----------
    columns
        The price columns found.
    problems
        What makes a symbol unusable, one sentence each.
    usable
        Whether the profile asked about can use it; without one, whether any symbol can be used.
    """

    file: str
    columns: tuple[str, ...]
    series: tuple[SeriesCheck, ...]
    problems: tuple[str, ...]
    profiles: tuple[ProfileUse, ...]
    usable: bool


def check_prices(path: Path, calendar: ExchangeCalendar, profile: str | None = None) -> PriceCheck:
    """Check every symbol of a price file, and which profiles can use it.

    Raises
    ------
    InvalidInput
        The file cannot be read or lacks a needed column, or ``profile`` is not known.
    """
    manifests = [s.manifest for s in ([find_strategy(profile)] if profile else catalog().values())]
    prices = _read(path)
    series: list[SeriesCheck] = []
    problems: dict[str, str] = {}
    for symbol in prices.symbols:
        try:
            series.append(_series(prices, symbol, calendar))
        except InvalidInput as error:
            problems[symbol] = str(error)
    uses = tuple(_use(manifest, series, prices) for manifest in manifests)
    return PriceCheck(
        file=str(path),
        columns=tuple(prices.columns),
        series=tuple(series),
        problems=tuple(problems.values()),
        profiles=uses,
        usable=uses[0].usable if profile else bool(series),
    )


def _read(path: Path) -> LongPrices:
    """Read ``close`` and as many of the optional columns as the file has."""
    for fields in (("close", *_OPTIONAL), *(("close", name) for name in _OPTIONAL)):
        try:
            return read_prices(path, fields)
        except InvalidInput:
            continue
    return read_prices(path, ("close",))


def _series(prices: LongPrices, symbol: str, calendar: ExchangeCalendar) -> SeriesCheck:
    fields = [name for name in ("close", "adj_close") if name in prices.columns]
    tables = [price_table(prices, [symbol], field, calendar) for field in fields]
    bars = [int(np.count_nonzero(~np.isnan(table.fields["close"]))) for table in tables]
    if 0 in bars:
        raise InvalidInput(f"{prices.path}: {symbol} has no {fields[bars.index(0)]} at all")
    sessions = tables[0].sessions
    return SeriesCheck(symbol, sessions[0], sessions[-1], min(bars), len(sessions) - min(bars))


def _use(manifest: StrategyManifest, series: list[SeriesCheck], prices: LongPrices) -> ProfileUse:
    found = {one.symbol: one for one in series}
    if absent := [symbol for symbol in manifest.symbols if symbol not in found]:
        return ProfileUse(manifest.profile, False, f"no usable prices of {', '.join(absent)}")
    fields = [name for name in prices.columns if PRICE_FIELDS.get(name) is manifest.adjustment]
    if not fields:
        return ProfileUse(manifest.profile, False, f"needs {manifest.adjustment.value} prices: a column adj_close")
    needed = {*manifest.history_symbols}
    shortest = min(found[symbol].bars for symbol in needed)
    if shortest <= manifest.history_sessions:
        reads = f"the rule reads {manifest.history_sessions} sessions"
        return ProfileUse(manifest.profile, False, f"short history: {shortest} bars, {reads}")
    return ProfileUse(manifest.profile, True, "; ".join(_remarks(manifest, found)))


def _remarks(manifest: StrategyManifest, found: dict[str, SeriesCheck]) -> Iterator[str]:
    first = max(found[symbol].first for symbol in manifest.symbols)
    last = min(found[symbol].last for symbol in manifest.symbols)
    yield f"all {len(manifest.symbols)} symbols from {first} to {last}, rule reads {manifest.history_sessions} sessions"
    gaps = [f"{symbol} {found[symbol].missing}" for symbol in manifest.symbols if found[symbol].missing]
    if gaps:
        yield f"missing bars: {', '.join(gaps)}"
