"""Daily candlesticks of LongBridge, as they were traded or adjusted forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from quant_platform_kit.adapters.longbridge_inputs import market_symbol

from longbridge_app.beliefs import BAR
from longbridge_app.rows import DayBar
from longbridge_app.worker import Worker

__all__ = ["MOST", "bars_between", "newest_bars"]

MOST = 1000
"""Candlesticks that LongBridge tells at once."""
PAGE = timedelta(days=1200)
"""Fewer sessions than `MOST`."""
AT_ONCE = 20
"""Symbols that the worker process is asked for at a time; LongBridge takes 10 questions a second."""
WHAT = "daily candlesticks"


def newest_bars(worker: Worker, symbols: Sequence[str], count: int, adjusted: bool) -> Mapping[str, Sequence[DayBar]]:
    """Return the newest candlesticks by symbol, none of one that is not listed; raises as `Worker.look`."""
    found: dict[str, Sequence[DayBar]] = {}
    for start in range(0, len(symbols), AT_ONCE):
        chunk = symbols[start : start + AT_ONCE]
        told: Sequence[Sequence[DayBar]] = _asked(worker, "bars", [*map(market_symbol, chunk)], count, adjusted)
        bars = (worker.seen.take_all(BAR.subject, each) for each in told)
        found.update(zip(chunk, bars, strict=True))
    return found


def bars_between(worker: Worker, symbol: str, first: date, last: date, adjusted: bool) -> Sequence[DayBar]:
    """Return the candlesticks of a symbol between two days, both included, ascending; else as `newest_bars`."""
    found: list[DayBar] = []
    while first <= last:
        end = min(first + PAGE, last)
        told: Sequence[DayBar] = _asked(worker, "bars_between", market_symbol(symbol), first, end, adjusted)
        found += worker.seen.take_all(BAR.subject, told)
        first = end + timedelta(days=1)
    return found


def _asked(worker: Worker, method: str, *arguments: Any) -> Any:
    with worker.turn(WHAT) as deadline:
        return worker.look(method, *arguments, what=WHAT, deadline=deadline)
