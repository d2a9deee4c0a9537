"""Where the services learn what time it is."""

from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """A source of time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        ...
