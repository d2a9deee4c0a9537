"""Daily closes by day, as brokers' HTTP APIs deliver them, in the terms of the kit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["closes_history"]


def closes_history(
    source: str,
    closes: Mapping[str, Iterable[tuple[date, float]]],
    symbols: Sequence[str],
    until: date,
    sessions: int,
    calendar: ExchangeCalendar,
) -> PriceHistory:
    """Return the closes of the last ``sessions`` sessions up to and including ``until``.

    Parameters
    ----------
    source
        What to call who delivered them.
    closes
        Day and close by symbol, in any order. Those after ``until`` are unfinished and left out; a symbol or session
        without one is NaN.

    Raises
    ------
    InvalidInput
        A bar on a day that is no session, two bars of one day, a price not positive.
    """
    rows = calendar.between(calendar.table.first, until)[-sessions:]
    number = {day: row for row, day in enumerate(rows)}
    table = np.full((len(rows), len(symbols)), np.nan)
    for column, symbol in enumerate(symbols):
        seen: set[date] = set()
        for day, close in closes.get(symbol, ()):
            if day > until:
                continue
            if not calendar.is_session(day):
                raise InvalidInput(f"{source} delivered a bar of {symbol} on {day}, no session of {calendar.name}")
            if day in seen:
                raise InvalidInput(f"{source} delivered two bars of {symbol} on {day}")
            seen.add(day)
            if day in number:
                table[number[day], column] = close
    return PriceHistory(PriceTable(np.array(rows, dtype="datetime64[D]"), symbols, {"close": table}))
