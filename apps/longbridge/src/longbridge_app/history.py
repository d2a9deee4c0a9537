"""Daily candlesticks of LongBridge, as they were traded or adjusted forward."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from quant_platform_kit.adapters.longbridge_inputs import market_symbol

from longbridge_app.rows import DayBar
from longbridge_app.worker import LongBridgeError, Worker

__all__ = ["MOST", "bars_between", "newest_bars"]

MOST = 1000
"""Candlesticks that LongBridge tells at once."""
PAGE = timedelta(days=1200)
"""Fewer sessions than `MOST`."""
NOT_LISTED = 301600
WHAT = "daily candlesticks"


def newest_bars(worker: Worker, symbol: str, count: int, adjusted: bool) -> Sequence[DayBar]:
    """Return the newest candlesticks, none for a symbol that is not listed; raises as `Worker.look`."""
    return _asked(worker, "bars", symbol, count, adjusted)


def bars_between(worker: Worker, symbol: str, first: date, last: date, adjusted: bool) -> Sequence[DayBar]:
    """Return the candlesticks between two days, both included, ascending; else as `newest_bars`."""
    found: list[DayBar] = []
    while first <= last:
        end = min(first + PAGE, last)
        found += _asked(worker, "bars_between", symbol, first, end, adjusted)
        first = end + timedelta(days=1)
    return found


def _asked(worker: Worker, method: str, symbol: str, *arguments: Any) -> Sequence[DayBar]:
    with worker.turn(WHAT) as deadline:
        try:
            return worker.look(method, market_symbol(symbol), *arguments, what=WHAT, deadline=deadline)
        except LongBridgeError as error:
            if error.code == NOT_LISTED:
                return ()
            raise
