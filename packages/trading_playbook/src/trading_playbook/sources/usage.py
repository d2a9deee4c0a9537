"""What a source was asked and what it cost."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Usage"]


@dataclass(slots=True)
class Usage:
    """Counts of one source, from its making on.

    Attributes
    ----------
    calls
        Requests that were answered or failed, each try counted.
    call_seconds
        How long they took together.
    cache_hits, cache_misses
        Sessions that were taken out of the cache, and those that were not there.
    """

    calls: int = 0
    call_seconds: float = 0.0
    cache_hits: int = 0
    cache_misses: int = 0

    @property
    def mean_seconds(self) -> float | None:
        """How long a call took on average; None without any."""
        return self.call_seconds / self.calls if self.calls else None

    @property
    def hit_rate(self) -> float | None:
        """Share of sessions that the cache had; None where none was looked for."""
        looked = self.cache_hits + self.cache_misses
        return self.cache_hits / looked if looked else None
