"""What is counted while listening: connections, gaps between them, and what was heard before."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

__all__ = ["Counts", "Recent"]

REMEMBERED = 10_000


class Recent:
    """Remembers so many ids, the newest ones."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._most = most

    def heard(self, name: str) -> bool:
        """Return whether an id is remembered; from now on it is."""
        known = name in self._ids
        self._ids[name] = None
        self._ids.move_to_end(name)
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)
        return known


@dataclass(slots=True)
class Counts:
    """Figures since the start.

    Attributes
    ----------
    events
        By kind; duplicates are among them, as all of them are passed on.
    duplicates
        Events that were heard before.
    connections
        How often the bus was reached, and all subscriptions were answered.
    gaps
        How often nobody listened after that; what was told then is lost.
    gap_seconds
        For how long altogether.
    failures
        Attempts to connect that failed, by reason.
    connected
        Whether all subscriptions stand now.
    """

    events: Counter[str] = field(default_factory=Counter[str])
    duplicates: int = 0
    connections: int = 0
    gaps: int = 0
    gap_seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter[str])
    connected: bool = False
    _lost_at: float | None = None

    def opened(self, now: float) -> None:
        """Take note that all subscriptions stand; ``now`` in monotonic seconds."""
        self.connections += 1
        self.connected = True
        if self._lost_at is not None:
            self.gap_seconds += now - self._lost_at
            self._lost_at = None

    def lost(self, now: float) -> None:
        """Take note that the connection has ended; one that never stood makes no gap."""
        if self.connected:
            self.gaps += 1
            self.connected = False
            self._lost_at = now
