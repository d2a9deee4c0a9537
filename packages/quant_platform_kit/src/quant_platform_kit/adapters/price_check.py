"""What of a price file is usable, for whom, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from quant_platform_kit.adapters.price_files import EVIDENCE_COLUMNS, LongPrices, price_table, read_prices
from quant_platform_kit.adapters.strategies import catalog, find_strategy
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.plausibility import Doubt, SeriesFigures, doubts, remarks
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment, StrategyManifest

__all__ = ["PRICE_COLUMNS", "PriceCheck", "ProfileUse", "SeriesCheck", "check_prices"]

PRICE_COLUMNS = ("close", "adj_close")
_OPTIONAL = ("adj_close", "open", *EVIDENCE_COLUMNS)


@dataclass(frozen=True, slots=True)
class SeriesCheck:
    """One symbol's closes.

    Attributes
    ----------
    missing
        Calendar sessions without a bar between first and last.
    doubts
        Prices that cannot be right unless a person says so: no service decides on them.
    remarks
        What is odd, and keeps nobody from anything.
    """

    symbol: str
    first: date
    last: date
    bars: int
    missing: int
    doubts: tuple[Doubt, ...]
    remarks: tuple[str, ...]


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
        The price columns found, and what each carries.
    problems
        What makes a symbol unusable, one sentence each.
    usable
        Whether the profile asked about can use it; without one, whether any symbol can be used.
    """

    file: str
    columns: tuple[str, ...]
    carried: dict[str, Adjustment]
    series: tuple[SeriesCheck, ...]
    problems: tuple[str, ...]
    profiles: tuple[ProfileUse, ...]
    usable: bool

    @property
    def doubts(self) -> list[Doubt]:
        """Every doubt, by symbol and day."""
        return [doubt for series in self.series for doubt in series.doubts]

    @property
    def remarks(self) -> list[str]:
        """Every remark, by symbol."""
        return [remark for series in self.series for remark in series.remarks]


def check_prices(path: Path, calendar: ExchangeCalendar, profile: str | None = None) -> PriceCheck:
    """Check every symbol of a price file, and which profiles can use it.

    Raises
    ------
    InvalidInput
        The file cannot be read or lacks a needed column, or ``profile`` is not known.
    """
    manifests = [s.manifest for s in ([find_strategy(profile)] if profile else catalog().values())]
    prices = read_prices(path, ("close",), _OPTIONAL)
    series: list[SeriesCheck] = []
    problems: dict[str, None] = {}
    for symbol in prices.symbols:
        try:
            series.append(_series(prices, symbol, calendar))
        except InvalidInput as error:
            problems[str(error)] = None
    uses = tuple(_use(manifest, series, prices) for manifest in manifests)
    return PriceCheck(
        file=str(path),
        columns=tuple(prices.columns),
        carried={name: prices.carried(name) for name in PRICE_COLUMNS if name in prices.columns},
        series=tuple(series),
        problems=tuple(problems),
        profiles=uses,
        usable=uses[0].usable if profile else bool(series),
    )


def _series(prices: LongPrices, symbol: str, calendar: ExchangeCalendar) -> SeriesCheck:
    adjusted = "adj_close" in prices.columns and prices.carried("adj_close") is Adjustment.TOTAL_RETURN
    fields = PRICE_COLUMNS if adjusted else PRICE_COLUMNS[:1]
    tables = {field: price_table(prices, [symbol], field, calendar) for field in fields}
    bars = {field: int(np.count_nonzero(~np.isnan(table.fields["close"]))) for field, table in tables.items()}
    if empty := [field for field, count in bars.items() if not count]:
        raise InvalidInput(f"{prices.path}: {symbol} has no {empty[0]} at all")
    sessions, count = tables["close"].sessions, min(bars.values())
    found = {(d.day, d.kind): d for table in reversed(tables.values()) for d in doubts(PriceHistory(table))}
    missing = len(sessions) - count
    return SeriesCheck(
        symbol,
        sessions[0],
        sessions[-1],
        count,
        missing,
        tuple(doubt for _, doubt in sorted(found.items())),
        tuple(remarks(_figures(symbol, tables, missing))),
    )


def _figures(symbol: str, tables: dict[str, PriceTable], missing: int) -> SeriesFigures:
    table = tables["close"]
    rows = np.flatnonzero(~np.isnan(table.fields["close"][:, 0]))
    volume, adjusted = table.fields.get("volume"), tables.get("adj_close")
    return SeriesFigures(
        symbol,
        table.dates[rows].tolist(),
        table.fields["close"][rows, 0],
        None if adjusted is None else adjusted.fields["close"][rows, 0],
        None if volume is None else volume[rows, 0],
        missing,
    )


def _use(manifest: StrategyManifest, series: list[SeriesCheck], prices: LongPrices) -> ProfileUse:
    found = {one.symbol: one for one in series}
    if absent := [symbol for symbol in manifest.symbols if symbol not in found]:
        return ProfileUse(manifest.profile, False, f"no usable prices of {', '.join(absent)}")
    carried = {name: prices.carried(name) for name in PRICE_COLUMNS if name in prices.columns}
    if manifest.reads_prices and manifest.adjustment not in carried.values():
        return ProfileUse(manifest.profile, False, _lacking(manifest, carried))
    if doubted := {doubt.symbol: doubt for symbol in manifest.symbols for doubt in found[symbol].doubts}:
        first = next(iter(doubted.values()))
        return ProfileUse(
            manifest.profile,
            False,
            f"doubtful prices of {', '.join(doubted)}: {first.text}; correct the file, or see `quant believe`",
        )
    shortest = min((found[symbol].bars for symbol in manifest.history_symbols), default=None)
    if shortest is not None and shortest <= manifest.history_sessions:
        reads = f"the rule reads {manifest.history_sessions} sessions"
        return ProfileUse(manifest.profile, False, f"short history: {shortest} bars, {reads}")
    return ProfileUse(manifest.profile, True, "; ".join(_remarks(manifest, found)))


def _lacking(manifest: StrategyManifest, carried: dict[str, Adjustment]) -> str:
    text = f"needs {manifest.adjustment.value} prices: a column adj_close"
    if "adj_close" in carried:
        return f"{text}, and the file says that it is {carried['adj_close'].value}"
    return text


def _remarks(manifest: StrategyManifest, found: dict[str, SeriesCheck]) -> Iterator[str]:
    first = max(found[symbol].first for symbol in manifest.symbols)
    last = min(found[symbol].last for symbol in manifest.symbols)
    reads = f"{manifest.history_sessions} sessions" if manifest.reads_prices else "a feature snapshot"
    yield f"all {len(manifest.symbols)} symbols from {first} to {last}, rule reads {reads}"
    gaps = [f"{symbol} {found[symbol].missing}" for symbol in manifest.symbols if found[symbol].missing]
    if gaps:
        yield f"missing bars: {', '.join(gaps)}"
