"""An invented market: seeded, the same on every machine, and labelled so that nobody takes it for a real one."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date
from pathlib import Path

import numpy as np

from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["LABEL", "synthetic_prices"]

LABEL = "Synthetic market: invented prices, for demonstration only"

CASH_LIKE = frozenset({"BIL"})
CALM = frozenset({"AGG", "IEF", "LQD", "TLT", "HYG"})
LEVERAGE = {"TQQQ": 3.0, "SOXL": 3.0}
CYCLE_SESSIONS = 1100


def synthetic_prices(
    symbols: Collection[str], calendar: ExchangeCalendar, first: date, last: date, seed: int = 7
) -> LongPrices:
    """Return invented daily prices of ``symbols`` on every session from ``first`` to ``last``.

    Shares share a market with long swings, bonds move little, T-bills accrue; leveraged funds triple the market's
    return. Opens lie between neighbouring closes. ``adj_close`` equals ``close``: there are no dividends.
    """
    names = tuple(sorted(symbols))
    sessions = calendar.between(first, last)
    rng = np.random.default_rng(seed)
    swings = 0.0009 * np.sin(np.arange(len(sessions)) * 2 * math.pi / CYCLE_SESSIONS)
    market = swings + 0.0004 + 0.009 * rng.standard_normal(len(sessions))
    closes = np.column_stack([_closes(name, market, rng) for name in names])
    before = np.vstack([closes[:1], closes[:-1]])
    opens = before + (closes - before) * rng.uniform(0.1, 0.5, closes.shape)
    close = np.round(closes, 4).ravel()
    return LongPrices(
        path=Path("synthetic-market"),
        days=np.repeat(np.array(sessions, dtype="datetime64[D]"), len(names)),
        symbols=names,
        codes=np.tile(np.arange(len(names)), len(sessions)),
        columns={"close": close, "adj_close": close, "open": np.round(opens, 4).ravel()},
    )


def _closes(name: str, market: FloatArray, rng: np.random.Generator) -> FloatArray:
    noise = rng.standard_normal(len(market))
    start = float(rng.uniform(40, 160))
    if name in CASH_LIKE:
        returns = 0.00008 + 0.00003 * noise
    elif name in CALM:
        returns = 0.0001 - 0.1 * market + 0.003 * noise
    else:
        returns = np.maximum(LEVERAGE.get(name, 1.0) * market + float(rng.normal(0, 0.0002)) + 0.006 * noise, -0.5)
    return np.asarray(start * np.cumprod(1 + returns), dtype=np.float64)
