"""Breakers of a session: after what went wrong often or for long, nothing is entered until a person says so."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal

from trading_playbook.live.events import BarSeen, Decided, Event, Happening, Noted, Planned, SlotEnded, Terms, Way

__all__ = ["MOST_DRIFT", "Breakers"]

MOST_LOSS = Decimal(-2)
"""What a day may lose, in R."""
MOST_ERRORS = 3
LONGEST_IDLE = timedelta(minutes=10)
MOST_RECONNECTS, WITHIN = 3, timedelta(minutes=5)
MOST_DRIFT = timedelta(seconds=2)
"""How far the clock may be from the broker's."""
DRIFT = "clock"


class Breakers:
    """Counts errors in a row, reconnects and bars of a session, and says which bound was passed.

    Attributes
    ----------
    last_bar
        When the last bar came, aware UTC.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._errors = 0
        self._reconnects: deque[datetime] = deque(maxlen=MOST_RECONNECTS)
        self._connected = False
        self._tripped: set[str] = set()
        self.last_bar: datetime | None = None

    def take(self, event: Event) -> None:
        """Count a recorded event."""
        match event:
            case BarSeen():
                self.last_bar = event.at
                self._errors = 0 if event.way is Way.STREAM else self._errors
            case Planned() | Decided() | SlotEnded():
                pass
            case Noted(what=Happening.ERROR):
                self._errors += 1
            case Noted(what=Happening.CONNECTED):
                if self._connected:
                    self._reconnects.append(event.at)
                self._connected = True
            case Noted(what=Happening.BREAKER):
                self._tripped.add(_name(event.text))
            case Noted():
                pass

    def answered(self) -> None:
        """Learn that the broker answered: errors are no longer in a row."""
        self._errors = 0

    def tripped(self, now: datetime, idle: timedelta, won: Decimal | None) -> str | None:
        """Return the breaker that trips, with value and bound; None where none does that has not before.

        Parameters
        ----------
        idle
            How long ago the newest bar ended.
        won
            What the day won, in R; None before a sale.
        """
        return next((text for text in self._bounds(now, idle, won) if _name(text) not in self._tripped), None)

    def _bounds(self, now: datetime, idle: timedelta, won: Decimal | None) -> list[str]:
        found: list[str] = []
        if won is not None and won <= MOST_LOSS:
            found.append(f"loss: {won:.2f} R, the bound is {MOST_LOSS} R")
        if self._errors >= MOST_ERRORS:
            found.append(f"errors: {self._errors} in a row, the bound is {MOST_ERRORS}")
        if self._terms.opens <= now < self._terms.closes and idle > LONGEST_IDLE:
            found.append(f"bars: none for {idle.total_seconds():.0f} s, the bound is {LONGEST_IDLE.seconds} s")
        if len(self._reconnects) == MOST_RECONNECTS and now - self._reconnects[0] <= WITHIN:
            found.append(f"reconnects: {MOST_RECONNECTS} in {WITHIN.seconds} s, the bound is {MOST_RECONNECTS}")
        return found


def _name(text: str) -> str:
    return text.partition(":")[0]
