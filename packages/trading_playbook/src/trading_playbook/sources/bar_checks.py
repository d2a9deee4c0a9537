"""What bars have to be before anything is computed from them, and the regular hours of each session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.days import TradingDay, days_between
from trading_playbook.dp20.bars import IntArray, SessionBars
from trading_playbook.sources.bar_files import PRICES, RawBars

__all__ = ["RegularHours", "regular_hours"]

_UTC_SHIFTS = (240, 300)
"""Minutes by which New York is behind UTC, in summer and in winter."""
_REGULAR = (570, 960)
"""Regular hours of a full session, minutes since midnight: when they begin, and when they end."""


@dataclass(frozen=True, slots=True)
class RegularHours:
    """The bars of each session that has any, and how many minutes each of them lasts."""

    sessions: Mapping[date, SessionBars]
    length: int

    def of(self, day: date) -> SessionBars:
        """Return the bars of a session, none where it has none."""
        found = self.sessions.get(day)
        return SessionBars.none(self.length) if found is None else found


def regular_hours(bars: RawBars, calendar: ExchangeCalendar, length: int | None = None) -> RegularHours:
    """Return the bars of regular hours by session; all others are dropped unseen.

    Parameters
    ----------
    length
        Minutes of a bar; None where only their starts can tell.

    Raises
    ------
    InvalidInput
        Naming symbol, time and column: a price that is none, a high or low within open and close, two bars of one
        start, a bar on a day without session, bars named by their end or by the time of another zone.
    """
    days = bars.days
    first, last = days[0].item(), days[-1].item()
    sessions = days_between(calendar, first, last)
    _check_clock(bars, sessions)
    _check_days(bars, sessions)
    minutes, kept = _since_open(bars, sessions)
    _check_prices(bars, kept)
    _check_duplicates(bars, kept)
    length = length or _length(minutes[kept])
    return RegularHours(_split(bars, minutes, kept, length), length)


def _check_clock(bars: RawBars, sessions: tuple[TradingDay, ...]) -> None:
    """Refuse starts that are those of another zone, or the ends of bars."""
    days, minutes = bars.days, bars.minutes
    at_open = minutes == _REGULAR[0]
    if at_open.any() or not len(sessions):
        return
    starts = np.flatnonzero(np.diff(days.astype(np.int64), prepend=-1))
    firsts, lasts = minutes[starts], minutes[np.append(starts[1:], len(days)) - 1]
    shifted = np.isin(firsts - _REGULAR[0], _UTC_SHIFTS) & (lasts >= _REGULAR[1])
    if 2 * shifted.sum() >= len(starts):
        row = int(shifted.argmax())
        at = int(firsts[row])
        raise InvalidInput(
            f"{bars.place}: bars of {bars.symbol} look shifted by {(at - _REGULAR[0]) // 60} h: none starts at 09:30, "
            f"and the first of {days[starts[row]]} at {at // 60}:{at % 60:02}, as most days begin; write New York "
            "time, or times with their zone"
        )
    if (lasts == _REGULAR[1]).any() and (firsts > _REGULAR[0]).all() and (lasts <= _REGULAR[1]).all():
        raise InvalidInput(
            f"{bars.place}: bars of {bars.symbol} are named by their end: the last one of "
            f"{days[starts[lasts == _REGULAR[1]][0]]} is 16:00, and none is 09:30; name each bar by its start"
        )


def _check_days(bars: RawBars, sessions: tuple[TradingDay, ...]) -> None:
    regular = (bars.minutes >= _REGULAR[0]) & (bars.minutes < _REGULAR[1])
    known = np.array([day.date for day in sessions], dtype="datetime64[D]")
    strange = np.flatnonzero(regular & ~np.isin(bars.days, known))
    if len(strange):
        raise InvalidInput(
            f"{bars.place}: bar_start_et: {bars.named(int(strange[0]))} is a bar on a day without session; remove it"
        )


def _since_open(bars: RawBars, sessions: tuple[TradingDay, ...]) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return minutes since the open of each bar's session, and which bars are of regular hours."""
    known = np.array([day.date for day in sessions], dtype="datetime64[D]")
    if not len(known):
        return bars.minutes, np.zeros(len(bars.starts), dtype=np.bool_)
    of = np.minimum(np.searchsorted(known, bars.days), len(known) - 1)
    opens = np.array([60 * day.opens.hour + day.opens.minute for day in sessions], dtype=np.int64)
    minutes = bars.minutes - opens[of]
    lasting = np.array([day.minutes for day in sessions], dtype=np.int64)
    return minutes, (known[of] == bars.days) & (minutes >= 0) & (minutes < lasting[of])


def _check_prices(bars: RawBars, kept: NDArray[np.bool_]) -> None:
    for name in PRICES:
        column = bars.prices[name]
        _refuse(bars, name, kept & ~(np.isfinite(column) & (column > 0)), "a price is positive and finite")
    opens, highs, lows, closes = (bars.prices[name] for name in PRICES)
    _refuse(bars, "high", kept & (highs < np.maximum(opens, closes)), "no open or close is above a bar's high")
    _refuse(bars, "low", kept & (lows > np.minimum(opens, closes)), "no open or close is below a bar's low")


def _refuse(bars: RawBars, name: str, wrong: NDArray[np.bool_], bound: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise InvalidInput(
            f"{bars.place}: {name} of {bars.named(row)} is {bars.prices[name][row]:.10g}; {bound}: correct the bar "
            "or leave it out"
        )


def _check_duplicates(bars: RawBars, kept: NDArray[np.bool_]) -> None:
    rows = np.flatnonzero(kept)
    twice = np.flatnonzero(np.diff(bars.starts[rows]) == 0)
    if len(twice):
        raise InvalidInput(
            f"{bars.place}: bar_start_et: {bars.named(int(rows[twice[0]]))} is there twice; keep one of the bars"
        )


def _length(minutes: IntArray) -> int:
    """Return the minutes of a bar: the longest that all starts are multiples of, 1 where they tell nothing."""
    return max(1, int(np.gcd.reduce(minutes))) if len(minutes) else 1


def _split(bars: RawBars, minutes: IntArray, kept: NDArray[np.bool_], length: int) -> dict[date, SessionBars]:
    rows = np.flatnonzero(kept)
    days = bars.days[rows]
    edges = [*np.flatnonzero(np.diff(days.astype(np.int64), prepend=-1)).tolist(), len(rows)]
    opens, highs, lows, closes = (bars.prices[name][rows] for name in PRICES)
    together = SessionBars(minutes[rows], opens, highs, lows, closes, length)
    return {days[start].item(): together.part(slice(start, stop)) for start, stop in pairwise(edges) if stop > start}
