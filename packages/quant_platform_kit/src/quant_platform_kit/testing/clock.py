"""A clock that stands still."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["FrozenClock"]


@dataclass(slots=True)
class FrozenClock:
    """Returns the same instant (aware UTC) until it is set to another."""

    instant: datetime

    def now(self) -> datetime:
        """Return the instant."""
        return self.instant
