"""Schwab takes 120 orders a minute from an account, and 120 questions about prices: who has more waits a little."""

from __future__ import annotations

from quant_platform_kit.adapters.pacing import Pacer

__all__ = ["for_orders", "for_prices"]

BURST, PER_MINUTE = 20, 100
"""Together at most 120 in any minute."""
PRICE_BURST, PRICES_PER_MINUTE = 60, 60
"""The same for prices: a run asks for the newest closes of all that it holds and buys, one question each."""


def for_orders() -> Pacer:
    """Return a pacer of an account's orders."""
    return Pacer(burst=BURST, per_minute=PER_MINUTE)


def for_prices() -> Pacer:
    """Return a pacer of questions about prices."""
    return Pacer(burst=PRICE_BURST, per_minute=PRICES_PER_MINUTE)
