"""How far share counts of a back-test on adjusted prices are from those that an account would hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.domain.performance import TradedOrder
from quant_platform_kit.domain.planning import ExecutionRules

__all__ = ["share_counts"]


def share_counts(
    prices: LongPrices, price_field: str, rules: ExecutionRules, trades: Sequence[TradedOrder]
) -> tuple[str, ...]:
    """Say it of fills at ``adj_close``, where shares count: they are whole, or each pays commission.

    An amount buys ``close / adj_close`` times as many units of the adjusted series.
    """
    counted = rules.quantity_step >= 1 or rules.commission_per_share
    if price_field != "adj_close" or not counted or not trades:
        return ()
    cells = prices.days.astype(np.int64) * len(prices.symbols) + prices.codes
    order = np.argsort(cells)
    code = {symbol: number for number, symbol in enumerate(prices.symbols)}
    days = np.array([trade.session for trade in trades], dtype="datetime64[D]").astype(np.int64)
    filled = days * len(code) + np.array([code[trade.fill.symbol] for trade in trades])
    rows = order[np.minimum(np.searchsorted(cells, filled, sorter=order), len(order) - 1)]
    with np.errstate(invalid="ignore"):
        times = prices.columns["close"][rows] / prices.columns["adj_close"][rows]
    times = np.where(cells[rows] == filled, times, np.nan)  # a holding whose prices ended was closed without a row
    if np.isnan(times).all():
        return ()
    least, most = trades[int(np.nanargmin(times))], trades[int(np.nanargmax(times))]
    return (
        f"share counts are those of adj_close: {np.nanmin(times):.2f} ({least.fill.symbol} on {least.session}) to "
        f"{np.nanmax(times):.2f} ({most.fill.symbol} on {most.session}) times those of an account, which trades at the "
        "close; --price-field close --dividends cash counts real ones",
    )
