"""Daily bars of the Gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from quant_platform_kit.domain.strategy import Adjustment

from ibkr_app.beliefs import BAR
from ibkr_app.connection import Connection

__all__ = ["SYMBOLS_AT_ONCE", "WHAT_TO_SHOW", "daily_bars"]

WHAT_TO_SHOW = {Adjustment.TOTAL_RETURN: "ADJUSTED_LAST", Adjustment.SPLIT: "TRADES"}
"""The series of the API by the adjustment it carries."""
SYMBOLS_AT_ONCE = 20
"""The Gateway serves so many history requests side by side without slowing down; of more than 50 it refuses some."""


def daily_bars(
    connection: Connection, contracts: Mapping[str, Any], span: str, adjustment: Adjustment
) -> dict[str, Sequence[Any]]:
    """Return daily bars up to now by symbol, the unfinished one included; none for a symbol without any.

    Parameters
    ----------
    span
        How far back, as the API writes it: ``30 D``, ``2 Y``.
    """
    symbols, bars = list(contracts), dict[str, Sequence[Any]]()

    async def fetch(ib: Any, chunk: Sequence[str]) -> list[Any]:
        asked = (
            ib.reqHistoricalDataAsync(contracts[symbol], "", span, "1 day", WHAT_TO_SHOW[adjustment], True, 1)
            for symbol in chunk
        )
        return await asyncio.gather(*asked)

    for start in range(0, len(symbols), SYMBOLS_AT_ONCE):
        chunk = symbols[start : start + SYMBOLS_AT_ONCE]
        answers = connection.ask(partial(fetch, chunk=chunk), "daily bars")
        told = (connection.seen.take_all(BAR.subject, found or ()) for found in answers)
        bars |= {symbol: list(found) for symbol, found in zip(chunk, told, strict=True)}
    return bars
