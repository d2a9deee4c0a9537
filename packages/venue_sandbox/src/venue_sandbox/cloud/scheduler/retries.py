"""How often a failed attempt is made again, and after how long."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Retries"]


@dataclass(frozen=True, slots=True)
class Retries:
    """The retries of one execution.

    Attributes
    ----------
    count
        How many there are; none if zero.
    max_duration
        For how many seconds after the first attempt there are more than ``count``; 0 for none more.
    min_backoff
        The seconds before the first one.
    max_backoff
        The most seconds before any.
    max_doublings
        How often the seconds double before they grow by equal steps.
    """

    count: int = 0
    max_duration: float = 0.0
    min_backoff: float = 5.0
    max_backoff: float = 3600.0
    max_doublings: int = 5

    def backoff(self, failures: int) -> float:
        """Return the seconds to wait after the last of some failures."""
        doublings = min(failures - 1, self.max_doublings)
        steps = failures - doublings
        return min(self.min_backoff * 2.0**doublings * steps, self.max_backoff)

    def allow(self, made: int, elapsed: float) -> bool:
        """Return whether there is one more after some, so many seconds after the first attempt."""
        return self.count > 0 and (made < self.count or elapsed < self.max_duration)
