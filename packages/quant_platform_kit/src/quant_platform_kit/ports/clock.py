"""Where the services learn what time it is."""

from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """A source of time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow and never stand still, suspensions included."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
