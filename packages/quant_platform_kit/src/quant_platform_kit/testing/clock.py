"""A clock that moves only when it is told to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

__all__ = ["FrozenClock"]


@dataclass(slots=True)
class FrozenClock:
    """Returns the same instant (aware UTC) until it is set to another or slept on."""

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
