"""What of a price file is usable, for whom, and what is wrong with the rest."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from quant_platform_kit.adapters.price_files import (
    EVIDENCE_COLUMNS,
    BadPrices,
    LongPrices,
    price_table,
    read_prices,
)
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.plausibility import Doubt, DoubtKind, Remark, SeriesFigures, doubts, remarks
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment, StrategyManifest

__all__ = ["PRICE_COLUMNS", "PriceCheck", "Problem", "ProfileUse", "SeriesCheck", "check_prices", "check_symbol"]

PRICE_COLUMNS = ("close", "adj_close")
TOGETHER = 64
"""So many symbols are looked at in one table: what is made of them stays small beside the file."""
NAMED = 20
Track = Callable[[Sequence[int]], Iterable[int]]
_OPTIONAL = ("adj_close", "open", *EVIDENCE_COLUMNS, "dividend")


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
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What makes a symbol unusable; ``kind`` says it in words that hold for other symbols too."""

    symbol: str
    kind: str
    text: str


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
        What makes symbols unusable, the first of each symbol.
    usable
        Whether the profile asked about can use it; without one, whether any symbol can be used.
    """

    file: str
    columns: tuple[str, ...]
    carried: dict[str, Adjustment]
    series: tuple[SeriesCheck, ...]
    problems: tuple[Problem, ...]
    profiles: tuple[ProfileUse, ...]
    usable: bool

    @property
    def doubts(self) -> list[Doubt]:
        """Every doubt, by symbol and day."""
        return [doubt for series in self.series for doubt in series.doubts]

    @property
    def remarks(self) -> list[Remark]:
        """Every remark, by symbol."""
        return [remark for series in self.series for remark in series.remarks]


def check_prices(
    path: Path, calendar: ExchangeCalendar, manifest: StrategyManifest | None = None, track: Track = iter
) -> PriceCheck:
    """Check every symbol of a price file, and which profiles can use it.

    Parameters
    ----------
    manifest
        Of the one profile that is asked about; None for all that are installed.
    track
        Shows progress over groups of symbols.

    Raises
    ------
    InvalidInput
        The file cannot be read or lacks a needed column.
    """
    manifests = [manifest] if manifest else [strategy.manifest for strategy in catalog().values()]
    prices = read_prices(path, ("close",), _OPTIONAL)
    series: list[SeriesCheck] = []
    problems: list[Problem] = []
    rows = _BySymbol(prices)
    for first in track(range(0, len(prices.symbols), TOGETHER)):
        for found in _looked_at(rows, first, min(first + TOGETHER, len(prices.symbols)), calendar):
            problems.append(found) if isinstance(found, Problem) else series.append(found)
    uses = tuple(_use(manifest, series, prices) for manifest in manifests)
    return PriceCheck(
        file=str(path),
        columns=tuple(prices.columns),
        carried={name: prices.carried(name) for name in PRICE_COLUMNS if name in prices.columns},
        series=tuple(series),
        problems=tuple(problems),
        profiles=uses,
        usable=uses[0].usable if manifest else bool(series),
    )


def check_symbol(path: Path, symbol: str, calendar: ExchangeCalendar) -> tuple[LongPrices, SeriesCheck | Problem]:
    """Return the rows that a price file has of a symbol, by date, and what is to be said of them.

    Raises
    ------
    InvalidInput
        The file cannot be read, or does not hold the symbol.
    """
    prices = read_prices(path, ("close",), _OPTIONAL)
    if symbol not in prices.symbols:
        held = ", ".join(prices.symbols[:NAMED]) + (" and more" if len(prices.symbols) > NAMED else "")
        raise InvalidInput(f"{path} has no prices of {symbol}; it holds {held}")
    number, rows = prices.symbols.index(symbol), _BySymbol(prices)
    (found,) = _looked_at(rows, number, number + 1, calendar)
    one = rows.of(number, number + 1)
    return one.taking(np.argsort(one.days, kind="stable")), found


class _BySymbol:
    """The rows of a file, to be had symbol by symbol."""

    def __init__(self, prices: LongPrices) -> None:
        self._prices = prices
        count = len(prices.symbols)
        small = prices.codes.astype(np.uint16 if count <= np.iinfo(np.uint16).max else np.uint32)
        self._order = np.argsort(small, kind="stable")
        self._ends = np.concatenate([[0], np.cumsum(np.bincount(small, minlength=count))])

    def of(self, first: int, stop: int) -> LongPrices:
        """Return the rows of some symbols by number, those of one after those of the other."""
        taken = self._prices.taking(self._order[self._ends[first] : self._ends[stop]])
        return replace(taken, symbols=taken.symbols[first:stop], codes=taken.codes - first)


def _looked_at(rows: _BySymbol, first: int, stop: int, calendar: ExchangeCalendar) -> Iterator[SeriesCheck | Problem]:
    """Judge symbols together; where one of them has a problem each half for itself, down to that one."""
    prices = rows.of(first, stop)
    try:
        found: Iterable[SeriesCheck | Problem] = _series(prices, calendar)
    except InvalidInput as error:
        if stop - first == 1:
            kind = error.kind if isinstance(error, BadPrices) else "dates outside the calendar"
            found = [Problem(prices.symbols[0], kind, str(error))]
        else:
            middle = (first + stop) // 2
            found = [*_looked_at(rows, first, middle, calendar), *_looked_at(rows, middle, stop, calendar)]
    yield from found


def _series(prices: LongPrices, calendar: ExchangeCalendar) -> list[SeriesCheck]:
    """Return what is to be said of symbols whose prices can be one table."""
    adjusted = "adj_close" in prices.columns and prices.carried("adj_close") is Adjustment.TOTAL_RETURN
    fields = PRICE_COLUMNS if adjusted else PRICE_COLUMNS[:1]
    tables = {field: price_table(prices, prices.symbols, field, calendar) for field in fields}
    bars = {field: np.count_nonzero(~np.isnan(table.fields["close"]), axis=0) for field, table in tables.items()}
    for field, counts in bars.items():
        if not counts.all():
            symbol = prices.symbols[int(np.argmin(counts))]
            raise BadPrices(f"{prices.path}: {symbol} has no {field} at all", f"no {field} at all")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(prices.codes)) + 1])
    days = prices.days.astype(np.int64)
    firsts, lasts = (each.reduceat(days, starts).astype("datetime64[D]") for each in (np.minimum, np.maximum))
    counted = np.minimum.reduce(list(bars.values()))
    doubted = _doubts(tables)
    return [
        _one(tables, column, (firsts[column].item(), lasts[column].item()), int(counted[column]), doubted)
        for column in range(len(prices.symbols))
    ]


def _doubts(tables: Mapping[str, PriceTable]) -> dict[str, tuple[Doubt, ...]]:
    """Return the doubts of each symbol by day, each kind once a day; what is said of closes is said first."""
    found: dict[str, dict[tuple[date, DoubtKind], Doubt]] = {}
    for table in reversed(list(tables.values())):
        for doubt in doubts(PriceHistory(table)):
            found.setdefault(doubt.symbol, {})[doubt.day, doubt.kind] = doubt
    return {symbol: tuple(doubt for _, doubt in sorted(each.items())) for symbol, each in found.items()}


def _one(
    tables: Mapping[str, PriceTable],
    column: int,
    ends: tuple[date, date],
    count: int,
    doubted: Mapping[str, tuple[Doubt, ...]],
) -> SeriesCheck:
    """Return what is to be said of the symbol in a column; ``ends`` are the days of its first and last row."""
    table = tables["close"]
    first, last = (bisect_left(table.sessions, day) for day in ends)
    missing = last - first + 1 - count
    return SeriesCheck(
        table.symbols[column],
        table.sessions[first],
        table.sessions[last],
        count,
        missing,
        doubted.get(table.symbols[column], ()),
        tuple(remarks(_figures(tables, column, missing))),
    )


def _figures(tables: Mapping[str, PriceTable], column: int, missing: int) -> SeriesFigures:
    table, adjusted = tables["close"], tables.get("adj_close")
    rows = np.flatnonzero(~np.isnan(table.fields["close"][:, column]))
    volume = table.fields.get("volume")
    return SeriesFigures(
        table.symbols[column],
        table.dates[rows],
        table.fields["close"][rows, column],
        None if adjusted is None else adjusted.fields["close"][rows, column],
        None if volume is None else volume[rows, column],
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
