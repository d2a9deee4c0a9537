"""Alpaca takes 200 requests in any minute: who has more waits a little."""

from __future__ import annotations

from quant_platform_kit.adapters.pacing import Pacer

__all__ = ["BURST", "PER_MINUTE", "for_requests"]

BURST, PER_MINUTE = 100, 90
"""Together at most 190 in any minute."""


def for_requests() -> Pacer:
    """Return a pacer of the requests of a key."""
    return Pacer(burst=BURST, per_minute=PER_MINUTE)
