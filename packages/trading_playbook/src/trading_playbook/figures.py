"""The figures of a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from trading_playbook.dp20.outcome import Note
from trading_playbook.journal.record import TradeRecord

__all__ = ["TRAILING", "Figures", "drawdown", "figures", "longest_without_entry", "mean", "win_rate"]

TRAILING = timedelta(days=30)
"""Calendar days of the trailing figures; the last one is the day they are of, the one before the first is not."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a journal says of its strategy; a figure that nothing was closed for is None, never 0.

    Attributes
    ----------
    closed
        Trades with a result.
    trades_per_day
        Entries per session.
    wins
        Closed trades that won more than nothing.
    win_rate
        Share of the closed trades, a fraction.
    trailing_closed, trailing_wins, trailing_win_rate
        The same of trades in the 30 calendar days up to the last row.
    expectancy, total
        Mean and sum of the results of closed trades, in R.
    drawdown
        Largest fall of the cumulative result from its highest so far, in R; 0 or positive.
    longest_without_entry
        Sessions in a row.
    notes
        Sessions by how they ended.
    """

    sessions: int
    entries: int
    closed: int
    trades_per_day: float | None
    wins: int
    win_rate: float | None
    trailing_closed: int
    trailing_wins: int
    trailing_win_rate: float | None
    expectancy: float | None
    total: float | None
    drawdown: float | None
    longest_without_entry: int
    notes: Mapping[Note, int]


def figures(records: Sequence[TradeRecord], as_of: date | None = None) -> Figures:
    """Return the figures of the rows of one strategy and symbol, ascending by date.

    Parameters
    ----------
    as_of
        The day of the trailing figures; None for that of the last row.
    """
    day = as_of or (records[-1].trade_date if records else date.min)
    results = _results(records)
    trailing = _results([record for record in records if timedelta() <= day - record.trade_date < TRAILING])
    entries = sum(record.entered is True for record in records)
    return Figures(
        sessions=len(records),
        entries=entries,
        closed=len(results),
        trades_per_day=entries / len(records) if records else None,
        wins=_wins(results),
        win_rate=win_rate(results),
        trailing_closed=len(trailing),
        trailing_wins=_wins(trailing),
        trailing_win_rate=win_rate(trailing),
        expectancy=mean(results),
        total=sum(results) if results else None,
        drawdown=drawdown(results),
        longest_without_entry=longest_without_entry(records),
        notes=Counter(record.notes for record in records),
    )


def win_rate(results: Sequence[float]) -> float | None:
    """Return the share of results above 0; None without any."""
    return _wins(results) / len(results) if results else None


def mean(results: Sequence[float]) -> float | None:
    """Return the mean of results; None without any."""
    return sum(results) / len(results) if results else None


def drawdown(results: Sequence[float]) -> float | None:
    """Return the largest fall of the running sum from its highest so far, which starts at 0; None without results."""
    if not results:
        return None
    sums = list(accumulate(results, initial=0.0))
    return max(peak - total for peak, total in zip(accumulate(sums, max), sums, strict=True))


def longest_without_entry(records: Sequence[TradeRecord]) -> int:
    """Return the longest run of sessions in which nothing was entered."""
    runs = accumulate(records, lambda run, record: 0 if record.entered else run + 1, initial=0)
    return max(runs)


def _results(records: Sequence[TradeRecord]) -> list[float]:
    return [record.r_multiple for record in records if record.r_multiple is not None]


def _wins(results: Sequence[float]) -> int:
    return sum(result > 0 for result in results)
