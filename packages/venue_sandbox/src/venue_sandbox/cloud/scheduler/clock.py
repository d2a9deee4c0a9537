"""The scheduler's time: the real one, or one that stands still until it is moved."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "Pace", "RealClock", "VirtualClock"]


class Pace(Protocol):
    """The time within one delivery, which goes on while the delivery waits."""

    def now(self) -> datetime:
        """Return the time."""
        ...

    async def wait(self, seconds: float) -> None:
        """Let so many seconds of that time go by."""
        ...


class Clock(Protocol):
    """The time of the scheduler."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...

    def pace(self) -> Pace:
        """Return the time of a delivery that begins now."""
        ...


class RealClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.fromtimestamp(time.time(), UTC)

    def pace(self) -> Pace:
        """Return the time of a delivery, which is the same."""
        return self

    async def wait(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A time that stands still until it is moved.

    Parameters
    ----------
    start
        The time it shows at first.
    backoff_scale
        How many real seconds a delivery sleeps for each second that it waits.
    """

    def __init__(self, start: datetime, backoff_scale: float = 1.0) -> None:
        self._now = start
        self._scale = backoff_scale

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return self._now

    def move(self, moment: datetime) -> None:
        """Go to a moment, unless it has passed."""
        self._now = max(self._now, moment)

    def pace(self) -> Pace:
        """Return the time of a delivery: this one, and what the delivery has waited."""
        return _VirtualPace(self._now, self._scale)


class _VirtualPace:
    def __init__(self, start: datetime, scale: float) -> None:
        self._now = start
        self._scale = scale

    def now(self) -> datetime:
        return self._now

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._scale)
        self._now += timedelta(seconds=seconds)
