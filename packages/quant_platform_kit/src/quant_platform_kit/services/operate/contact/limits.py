"""How many calls the broker takes, and how long a rebalance of the profile takes under that."""

from __future__ import annotations

from collections.abc import Iterator

from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["limit_lines"]

LONG_SECONDS = 1800.0
"""Prices move on: a rebalance that may take longer should be triggered earlier in the session."""
PHASES = 2
"""Sells come first, and buys once these have filled."""


def limit_lines(reading: Reading) -> Iterator[Line]:
    """Yield what the broker takes, and what follows from it for a rebalance."""
    limits = reading.told.limits
    if limits is None:
        why = reading.failed.get("limits", "how many calls the broker takes is not told")
        yield Line("limits", State.NOT_TOLD, why)
        yield Line("rebalance", State.NOT_TOLD, "how long a rebalance takes cannot be told without the limits")
        return
    yield Line("limits", State.GOOD, limits.stated)
    orders = len(reading.asked.manifest.managed)
    if not orders:
        yield Line("rebalance", State.NOT_TOLD, "how many orders a rebalance has depends on the snapshot")
        return
    sending = orders * 60 / limits.orders_a_minute
    most = sending + PHASES * (reading.asked.fill_timeout + reading.traits.visibility_window).total_seconds()
    figures = {"orders": str(orders), "sending": f"{sending:.0f} s", "longest": f"{most:.0f} s"}
    said = f"up to {orders} orders: {sending:.0f} s to send them, {most:.0f} s at most with waits for fills"
    if most > LONG_SECONDS:
        yield Line("rebalance", State.CAUTION, said, "trigger the run earlier in the session", figures)
        return
    yield Line("rebalance", State.GOOD, said, "", figures)
