"""What cannot be right in daily prices, and what is only odd: pure checks, the same for files and for runs.

A `Doubt` keeps a service from deciding until a person believes the price; a remark keeps nobody from anything. What the
bounds were measured on stands in ``docs/reference/price-gates.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from math import log

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.prices import FloatArray, PriceHistory

__all__ = [
    "Doubt",
    "DoubtKind",
    "Remark",
    "SeriesFigures",
    "doubts",
    "listed_by_symbol",
    "nearest_split",
    "ratio_text",
    "remarks",
]

SPIKE_LEAST, SPIKE_DEVIATIONS, SPIKE_WINDOW, SPIKE_LEFT = 0.20, 8.0, 60, 0.25
"""A spike is beyond the larger of a share and so many deviations of the sessions before; a quarter of it is left."""
JUMP_LEAST = 0.40
"""A move of one session that no fund of the sample made."""
OUTSIDE_TOLERANCE = 1e-4
"""How far a close may be outside low and high, as a share of them."""
STALE_SESSIONS = 5
STEP_LEAST, MISSING_MOST = 0.05, 0.05
SHOWN = 3
"""So many of one sort are named; the others are counted."""

_SPLITS = (
    *(Fraction(n) for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 100)),
    *(Fraction(*pair) for pair in ((3, 2), (4, 3), (5, 2), (5, 3), (5, 4), (6, 5), (7, 2))),
)


class DoubtKind(StrEnum):
    """What is doubted."""

    SPIKE = "spike"
    JUMP = "jump"
    OUTSIDE = "outside_low_high"
    STALE = "stale"
    BASIS = "basis"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A price that is not believed until a person says so.

    Attributes
    ----------
    day
        The session of the price, exchange-local.
    text
        What is wrong with it and the figures; begins with the symbol.
    """

    symbol: str
    day: date
    kind: DoubtKind
    text: str


def nearest_split(ratio: float) -> str:
    """Return the split that changes a price by nearly the factor ``ratio``, as ``3:2``; a reverse one as ``2:3``."""
    size = max(ratio, 1 / ratio)
    near = min(_SPLITS, key=lambda split: abs(log(float(split) / size)))
    many, few = near.numerator, near.denominator
    return f"{many}:{few}" if ratio < 1 else f"{few}:{many}"


def ratio_text(ratio: float) -> str:
    """Return the factor between two prices and the split nearest to it, in words."""
    return f"ratio {ratio:.4g}, the nearest split is {nearest_split(ratio)}"


def _first(texts: Iterable[str]) -> list[str]:
    """Return the first few of some sentences, and how many more there are."""
    every = list(texts)
    more = [f"and {len(every) - SHOWN} more of this kind"] if len(every) > SHOWN else []
    return [*every[:SHOWN], *more]


def listed_by_symbol(found: Iterable[Doubt], say: Callable[[Doubt], str] = lambda doubt: doubt.text) -> list[str]:
    """Return doubts in words, of each symbol the first few."""
    by_symbol: dict[str, list[str]] = {}
    for doubt in found:
        by_symbol.setdefault(doubt.symbol, []).append(say(doubt))
    return [text for texts in by_symbol.values() for text in _first(texts)]


def suspects(history: PriceHistory) -> list[int]:
    """Return the rows, ascending, with closes that may be doubted in a history that ends there or later.

    It is cheap, and never leaves one out that `doubts` names as a spike or jump.
    """
    found: set[int] = set()
    for column in _columns_that_jump(history.close):
        rows = np.flatnonzero(~np.isnan(history.close[:, column]))
        close = history.close[rows, column]
        moves = close[1:] / close[:-1] - 1
        for at in (np.flatnonzero(np.abs(moves) > SPIKE_LEAST) + 1).tolist():
            move = float(moves[at - 1])
            if abs(move) > JUMP_LEAST or _comes_back(close, at, move):
                found.add(int(rows[at]))
    return sorted(found)


def doubts(history: PriceHistory) -> list[Doubt]:
    """Return what cannot be right in a history, ascending by symbol and day.

    Closes are judged; lows, highs and volumes too where the history has them. A missing bar is passed over: the next
    one is held against the last there is.
    """
    found: list[Doubt] = []
    close = history.close
    for column in _columns_that_jump(close):
        rows = np.flatnonzero(~np.isnan(close[:, column]))
        found += _jumps(history.symbols[column], history.dates[rows], close[rows, column])
    return sorted([*found, *_outside(history), *_stale(history)], key=lambda one: (one.symbol, one.day, one.kind))


def _columns_that_jump(close: FloatArray) -> list[int]:
    """Return the columns with a move that may be one to doubt; those with missing bars are looked at in any case."""
    if len(close) < 2:
        return []
    moves = np.abs(close[1:] / close[:-1] - 1)
    return np.flatnonzero((~(moves <= SPIKE_LEAST)).any(axis=0)).tolist()


def _jumps(symbol: str, days: NDArray[np.datetime64], close: FloatArray) -> Iterator[Doubt]:
    """Name spikes and jumps of one series without missing bars; the way back from a spike is not named again."""
    moves = np.zeros(len(close))
    moves[1:] = close[1:] / close[:-1] - 1
    ordinary = np.ones(len(close), dtype=bool)
    ordinary[:1] = False
    for row in np.flatnonzero(np.abs(moves) > SPIKE_LEAST).tolist():
        if not ordinary[row]:
            continue
        was, is_now = float(close[row - 1]), float(close[row])
        figures = f"{symbol} closes at {is_now:.8g} on {days[row]} after {was:.8g} ({ratio_text(is_now / was)})"
        if _comes_back(close, row, float(moves[row])) and _beyond_deviations(moves, ordinary, row):
            ordinary[row : row + 2] = False
            text = f"{figures} and at {close[row + 1]:.8g} a session later: a spike"
            yield Doubt(symbol, days[row].item(), DoubtKind.SPIKE, text)
        elif abs(moves[row]) > JUMP_LEAST:
            text = f"{figures}: a split that was not applied, or a wrong price"
            yield Doubt(symbol, days[row].item(), DoubtKind.JUMP, text)


def _comes_back(close: FloatArray, row: int, move: float) -> bool:
    return row + 1 < len(close) and abs(close[row + 1] / close[row - 1] - 1) <= SPIKE_LEFT * abs(move)


def _beyond_deviations(moves: FloatArray, ordinary: NDArray[np.bool_], row: int) -> bool:
    """Whether a move is beyond the deviations of the sessions before it; spikes are left out of them."""
    before = slice(max(0, row - SPIKE_WINDOW), row)
    window = moves[before][ordinary[before]]
    deviation = float(np.std(window, ddof=1)) if len(window) > 1 else 0.0
    return abs(float(moves[row])) > SPIKE_DEVIATIONS * deviation


def _outside(history: PriceHistory) -> Iterator[Doubt]:
    low, high, close, sessions = history.field("low"), history.field("high"), history.close, history.sessions
    if low is None and high is None:
        return
    below = np.zeros(close.shape, bool) if low is None else close < low * (1 - OUTSIDE_TOLERANCE)
    above = np.zeros(close.shape, bool) if high is None else close > high * (1 + OUTSIDE_TOLERANCE)
    for row, column in np.argwhere(below | above).tolist():
        symbol, day = history.symbols[column], sessions[row]
        bound = low if below[row, column] else high
        assert bound is not None, "it is outside of one"
        name = "below its low" if below[row, column] else "above its high"
        text = f"{symbol} closes at {close[row, column]:.8g} on {day}, {name} of {bound[row, column]:.8g}"
        yield Doubt(symbol, day, DoubtKind.OUTSIDE, text)


def _stale(history: PriceHistory) -> Iterator[Doubt]:
    """Name series whose last sessions are flat and without volume; a volume that is never told says nothing."""
    volume, close = history.field("volume"), history.close
    if volume is None:
        return
    for column, symbol in enumerate(history.symbols):
        rows = np.flatnonzero(~np.isnan(close[:, column]))
        prices, traded = close[rows, column], volume[rows, column]
        if len(rows) < STALE_SESSIONS or np.isnan(traded).all():
            continue
        alive = np.flatnonzero((prices != prices[-1]) | (traded > 0))
        count = len(rows) - 1 - (int(alive[-1]) if len(alive) else -1)
        if count >= STALE_SESSIONS:
            first, last = history.sessions[int(rows[len(rows) - count])], history.sessions[int(rows[-1])]
            text = f"{symbol} is stale: {count} sessions at {prices[-1]:.8g} without volume, {first} to {last}"
            yield Doubt(symbol, last, DoubtKind.STALE, text)


@dataclass(frozen=True, slots=True)
class SeriesFigures:
    """One symbol's bars, for remarks.

    Attributes
    ----------
    days
        Exchange-local dates of its bars, shape (n_bars,).
    close, adj_close, volume
        Shape (n_bars,), NaN where the cell is empty; None where there is no such column.
    missing
        Sessions without a bar between the first and the last one.
    """

    symbol: str
    days: NDArray[np.datetime64]
    close: FloatArray
    adj_close: FloatArray | None
    volume: FloatArray | None
    missing: int


@dataclass(frozen=True, slots=True)
class Remark:
    """What is odd about a symbol; ``kind`` says it in words that hold for other symbols too."""

    symbol: str
    kind: str
    text: str


def remarks(series: SeriesFigures) -> list[Remark]:
    """Return what is odd about a series and keeps nobody from using it."""
    symbol, found = series.symbol, list[Remark]()
    if series.adj_close is not None and len(series.days):
        found += _about_dividends(symbol, series.days, series.adj_close / series.close)
    if series.volume is not None and (idle := int(np.count_nonzero(series.volume == 0))):
        text = f"{symbol}: volume is 0 in {idle} of {len(series.days)} sessions"
        found.append(Remark(symbol, "sessions without volume", text))
    sessions = len(series.days) + series.missing
    if series.missing > MISSING_MOST * sessions:
        text = f"{symbol}: {series.missing} of {sessions} sessions are missing"
        found.append(Remark(symbol, "missing sessions", text))
    return found


def _about_dividends(symbol: str, days: NDArray[np.datetime64], adjustment: FloatArray) -> Iterator[Remark]:
    if np.all(np.abs(adjustment[~np.isnan(adjustment)] - 1) < 1e-9):
        yield Remark(symbol, "no dividends", f"{symbol}: adj_close equals close throughout: no dividends in it")
        return
    steps = np.abs(adjustment[1:] / adjustment[:-1] - 1)
    large = (
        f"{symbol}: adj_close / close steps by {steps[row]:.1%} on {days[row + 1]}: a special dividend, or a wrong one"
        for row in np.flatnonzero(steps > STEP_LEAST).tolist()
    )
    yield from (Remark(symbol, "steps of adj_close / close", text) for text in _first(large))
