"""Minute bars as Alpaca writes them, as bars of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, tzinfo
from typing import Any

import numpy as np
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.dp20.bars import FloatArray, IntArray, SessionBars
from trading_playbook.sources.bar_checks import regular_hours
from trading_playbook.sources.bar_files import PRICES, RawBars, utc_offsets

__all__ = ["BAR_MINUTES", "sessions_of"]

BAR_MINUTES = 1
PLACE = "Alpaca"
_MINUTE = 60_000_000


def sessions_of(
    bars: Sequence[Mapping[str, Any]], symbol: str, calendar: ExchangeCalendar
) -> Mapping[date, SessionBars]:
    """Return the bars of regular hours by session; those of other hours are dropped.

    Raises
    ------
    InvalidInput
        A bar cannot be meant; the message names its symbol, time and column.
    """
    if not bars:
        return {}
    starts = _starts([str(bar.get("t")) for bar in bars], symbol, calendar.timezone)
    order = np.argsort(starts, kind="stable")
    prices = {name: _column(bars, name, symbol)[order] for name in PRICES}
    return regular_hours(RawBars(PLACE, symbol, starts[order], prices), calendar, BAR_MINUTES).sessions


def _starts(texts: Sequence[str], symbol: str, timezone: tzinfo) -> IntArray:
    """Return starts in exchange-local minutes since 1970."""
    try:
        instants = np.array([text.removesuffix("Z") for text in texts], dtype="datetime64[us]").astype(np.int64)
    except ValueError as error:
        raise InvalidInput(f"{PLACE}: column t of {symbol}: {error}") from error
    if odd := np.flatnonzero(instants % _MINUTE).tolist():
        raise InvalidInput(f"{PLACE}: column t of {symbol}: {texts[odd[0]]} is not a full minute")
    return (instants + utc_offsets(instants, timezone)) // _MINUTE


def _column(bars: Sequence[Mapping[str, Any]], name: str, symbol: str) -> FloatArray:
    """Return a column of prices, NaN where a bar has none."""
    try:
        return np.array([bar.get(name[0]) for bar in bars], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{PLACE}: column {name[0]} of {symbol}: {error}") from error
