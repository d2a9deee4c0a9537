"""The clock that the service goes by against the broker's own."""

from __future__ import annotations

from datetime import timedelta

from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["clock_line"]

NOTICED, MOST = timedelta(seconds=5), timedelta(minutes=1)
"""Brokers tell whole seconds; orders are told apart by their times only where clocks are less than a minute apart."""
SET = "set this machine's clock, as by NTP"


def clock_line(reading: Reading) -> Line:
    """Return how far the two clocks are apart."""
    clock, now = reading.told.clock, reading.told.now
    if clock is None:
        return Line("clock", State.BLOCKS, reading.failed.get("clock", "it cannot be read"), SET)
    if why := reading.failed.get("now"):
        return Line("clock", State.CAUTION, why, "compare this machine's clock with another")
    if now is None:
        return Line("clock", State.NOT_TOLD, "the broker does not tell its time")
    apart = now - clock
    said = f"the broker's clock is {abs(apart.total_seconds()):.0f} s {'ahead' if apart > timedelta(0) else 'behind'}"
    figures = {"apart": f"{apart.total_seconds():.1f} s"}
    if abs(apart) >= MOST:
        return Line("clock", State.BLOCKS, said, SET, figures)
    if abs(apart) > NOTICED:
        return Line("clock", State.CAUTION, said, SET, figures)
    return Line("clock", State.GOOD, "the broker's clock and ours agree", "", figures)
