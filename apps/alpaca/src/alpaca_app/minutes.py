"""Minute bars as Alpaca writes them, as bars of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.dp20.bars import FloatArray, IntArray, SessionBars
from trading_playbook.sources.bar_checks import regular_hours
from trading_playbook.sources.bar_files import PRICES, RawBars, utc_offsets

from alpaca_app.api import Asked, Rows

__all__ = ["BAR_MINUTES", "sessions_of"]

BAR_MINUTES = 1
PLACE = "Alpaca"
_MINUTE = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Sessions = Mapping[date, SessionBars]


def sessions_of(bars: Rows, asked: Asked, calendar: ExchangeCalendar) -> Sessions:
    """Return the bars of regular hours by session; those of other hours are dropped.

    Raises
    ------
    InvalidInput
        A bar cannot be meant, or is none of those that were asked for; the message names its symbol and time.
    """
    if not bars:
        return {}
    starts = _starts([str(bar.get("t")) for bar in bars], asked.symbol, calendar.timezone)
    order = np.argsort(starts, kind="stable")
    prices = {name: _column(bars, name, asked.symbol)[order] for name in PRICES}
    raw = RawBars(PLACE, asked.symbol, starts[order], prices)
    first, last = (_local_minute(at, calendar.timezone) for at in (asked.first, asked.last))
    if strange := np.flatnonzero((raw.starts < first) | (raw.starts > last)).tolist():
        raise InvalidInput(f"{PLACE}: bar of {raw.named(strange[0])} is none of those that were asked for")
    return regular_hours(raw, calendar, BAR_MINUTES).sessions


def _local_minute(instant: datetime, timezone: tzinfo) -> int:
    """Return an aware instant in exchange-local minutes since 1970."""
    return (instant.astimezone(timezone).replace(tzinfo=UTC) - _EPOCH) // timedelta(minutes=1)


def _starts(texts: Sequence[str], symbol: str, timezone: tzinfo) -> IntArray:
    """Return starts in exchange-local minutes since 1970."""
    try:
        instants = np.array([text.removesuffix("Z") for text in texts], dtype="datetime64[us]").astype(np.int64)
    except ValueError as error:
        raise InvalidInput(f"{PLACE}: column t of {symbol}: {error}") from error
    if odd := np.flatnonzero(instants % _MINUTE).tolist():
        raise InvalidInput(f"{PLACE}: column t of {symbol}: {texts[odd[0]]} is not a full minute")
    return (instants + utc_offsets(instants, timezone)) // _MINUTE


def _column(bars: Rows, name: str, symbol: str) -> FloatArray:
    """Return a column of prices, NaN where a bar has none."""
    try:
        return np.array([bar.get(name[0]) for bar in bars], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{PLACE}: column {name[0]} of {symbol}: {error}") from error
