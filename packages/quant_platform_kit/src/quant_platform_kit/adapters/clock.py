"""Clocks: the machine's, and one that stands still."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["FrozenClock", "SystemClock"]


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return datetime.fromtimestamp(time.time(), UTC)

    def monotonic(self) -> float:
        """Return seconds since the machine started, suspensions included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(slots=True)
class FrozenClock:
    """Returns the same instant (aware UTC) until it is set to another or slept on: time on a price file."""

    instant: datetime

    def now(self) -> datetime:
        """Return the instant."""
        return self.instant

    def monotonic(self) -> float:
        """Return the instant as seconds."""
        return self.instant.timestamp()

    def sleep(self, seconds: float) -> None:
        """Move the instant on, without waiting."""
        self.instant += timedelta(seconds=seconds)
