"""Daily bars of the Gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from quant_platform_kit.domain.strategy import Adjustment

from ibkr_app.connection import Connection

__all__ = ["WHAT_TO_SHOW", "daily_bars"]

WHAT_TO_SHOW = {Adjustment.TOTAL_RETURN: "ADJUSTED_LAST", Adjustment.SPLIT: "TRADES"}
"""The series of the API by the adjustment it carries."""


def daily_bars(
    connection: Connection, contracts: Mapping[str, Any], span: str, adjustment: Adjustment
) -> dict[str, Sequence[Any]]:
    """Return daily bars up to now by symbol, the unfinished one included; none for a symbol without any.

    Parameters
    ----------
    span
        How far back, as the API writes it: ``30 D``, ``2 Y``.
    """

    async def fetch(ib: Any) -> list[Any]:
        asked = (
            ib.reqHistoricalDataAsync(contract, "", span, "1 day", WHAT_TO_SHOW[adjustment], True, 1)
            for contract in contracts.values()
        )
        return await asyncio.gather(*asked)

    answers = connection.ask(fetch, "daily bars")
    return {symbol: list(found or ()) for symbol, found in zip(contracts, answers, strict=True)}
