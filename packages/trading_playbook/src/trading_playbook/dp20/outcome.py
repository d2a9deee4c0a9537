"""What DP20 says of a session: one note, what was found on the way, and the trade."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

__all__ = ["Decision", "Note", "Outcome", "Step", "Trade"]


class Note(StrEnum):
    """How a session ended."""

    NO_DATA = "no_data"
    NO_SMA200 = "no_sma200"
    TREND_INVALID = "trend_invalid"
    NO_PULLBACK = "no_pullback"
    NO_REVERSAL = "no_reversal"
    INVALIDATED = "invalidated"
    NO_CONFIRMATION = "no_confirmation"
    NO_ENTRY_BAR = "no_entry_bar"
    ZERO_RISK = "zero_risk"
    STOP = "stop"
    STOP_GAP = "stop_gap"
    EOD = "eod"
    EOD_LAST_CLOSE = "eod_last_close"
    INCOMPLETE_SESSION = "incomplete_session"


class Step(StrEnum):
    """What a decision says."""

    PULLBACK = "pullback"
    REVERSAL = "reversal"
    INVALIDATED = "invalidated"
    CONFIRMED = "confirmed"
    ENTERED = "entered"
    LEFT = "left"


class Decision(NamedTuple):
    """A step of a session.

    Attributes
    ----------
    minute
        Start of the bar it is about, in minutes since the open. A bar of the search has to end before it is judged;
        an entry, a stop and an exit are of a source bar.
    price
        Close of a bar of the search, price of an entry or exit, in the symbol's currency.
    """

    step: Step
    minute: int
    price: float


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade; what is not known of its end is None.

    Attributes
    ----------
    entry, exit
        Starts of the source bars, in minutes since the open.
    entry_price, stop, exit_price
        In the symbol's currency, unrounded.
    atr
        Average true range at the confirmation bar.
    note
        How it ended.
    """

    entry: int
    entry_price: float
    atr: float
    stop: float
    exit: int | None = None
    exit_price: float | None = None
    note: Note | None = None

    @property
    def r_multiple(self) -> float | None:
        """What was won, in units of what the stop put at risk."""
        if self.exit_price is None:
            return None
        return (self.exit_price - self.entry_price) / (self.entry_price - self.stop)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A session as DP20 sees it.

    Attributes
    ----------
    session_open, sma
        In the symbol's currency; None where the session does not come so far.
    trend_valid
        Whether one lies above the other; None where that is not known.
    pullback, reversal, confirmation
        Starts of the bars of the last reversal found, or of the first pullback, in minutes since the open.
    decisions
        All steps, in their order.
    """

    note: Note
    session_open: float | None = None
    sma: float | None = None
    trend_valid: bool | None = None
    pullback: int | None = None
    reversal: int | None = None
    confirmation: int | None = None
    trade: Trade | None = None
    decisions: tuple[Decision, ...] = ()
