"""Indicators over a price history: the same few rows give the same bits live and in a back-test.

Every function reads only the last rows it needs, reduces down axis 0 of C-ordered arrays, and lets a missing bar
(NaN) make the result NaN. Nothing is filled. Where a value is made of single prices, and of no sum of many, those of
all sessions are made at once: the bits are the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable

__all__ = ["highest", "indicator", "momentum_13612w", "month_closes", "realised_volatility", "sma", "total_return"]

SESSIONS_PER_YEAR = 252
_NAMED = re.compile(r"(sma|realised_vol)_([1-9]\d*)")


def month_closes(history: PriceHistory, months: int) -> FloatArray | None:
    """Return the closes of the last ``months`` month ends before the running month, then the newest close.

    Parameters
    ----------
    history
        Holds every calendar session, so that a month's last row is the calendar's last session of that month.
    months
        How many completed months to go back.

    Returns
    -------
    array of shape (months + 1, n_symbols), oldest first, NaN = no bar; None when the history is too short.
    """
    ends = history.month_ends(months)
    if len(ends) < months:
        return None
    return history.close.take([*ends, history.stop - 1], axis=0)


def total_return(history: PriceHistory, months: int) -> FloatArray | None:
    """Return newest close / close ``months`` month ends before - 1, shape (n_symbols,); None if too short."""
    closes = month_closes(history, months)
    return None if closes is None else closes[-1] / closes[0] - 1


def momentum_13612w(history: PriceHistory) -> FloatArray | None:
    """Return Keller and Keuning's 13612W, (12 r1 + 4 r3 + 2 r6 + r12) / 19, shape (n_symbols,); None if too short."""
    return history.newest_of(_momentum_13612w) if len(history.month_ends(12)) == 12 else None


def _momentum_13612w(table: PriceTable) -> FloatArray:
    """Return 13612W of every session, NaN where fewer than 12 months were complete."""
    close, ends = table.fields["close"], np.array(table.month_ends, dtype=np.intp)
    before = np.searchsorted(ends, np.arange(len(close)))
    rows = np.flatnonzero(before >= 12)
    score = np.zeros((len(rows), close.shape[1]))
    for weight, months in ((12, 1), (4, 3), (2, 6), (1, 12)):
        score += weight * (close[rows] / close[ends[before[rows] - months]] - 1)
    grid = np.full(close.shape, np.nan)
    grid[rows] = score / 19
    return grid


def sma(history: PriceHistory, sessions: int) -> FloatArray | None:
    """Return the mean of the last ``sessions`` closes, shape (n_symbols,); None if too short."""
    if len(history) < sessions:
        return None
    return history.close[-sessions:].mean(axis=0)


def highest(history: PriceHistory, sessions: int) -> FloatArray | None:
    """Return the highest of the last ``sessions`` closes, shape (n_symbols,); None if too short."""
    if len(history) < sessions:
        return None
    return history.close[-sessions:].max(axis=0)


def realised_volatility(history: PriceHistory, sessions: int) -> FloatArray | None:
    """Return the annualised sample deviation (ddof 1, x sqrt 252) of the last simple returns, shape (n_symbols,)."""
    if len(history) < sessions + 1:
        return None
    closes = history.close[-sessions - 1 :]
    returns = closes[1:] / closes[:-1] - 1
    return returns.std(axis=0, ddof=1) * math.sqrt(SESSIONS_PER_YEAR)


def indicator(history: PriceHistory, symbol: str, names: Sequence[str]) -> dict[str, float]:
    """Return the named indicators of one symbol.

    Parameters
    ----------
    names
        ``close``, ``sma_N`` or ``realised_vol_N`` with N sessions.

    Returns
    -------
    name -> value; NaN where the history is too short or a bar is missing.

    Raises
    ------
    InvalidInput
        A name of another form.
    """
    column = history.column(symbol)
    return {name: _value(history, column, name) for name in names}


def _value(history: PriceHistory, column: int, name: str) -> float:
    if name == "close":
        return float(history.close[-1, column]) if len(history) else math.nan
    matched = _NAMED.fullmatch(name)
    if matched is None:
        raise InvalidInput(f"indicator {name!r} is not known; use close, sma_N or realised_vol_N")
    rule = sma if matched[1] == "sma" else realised_volatility
    values = rule(history, int(matched[2]))
    return math.nan if values is None else float(values[column])
