"""What may happen to a command, and what has to be done next: pure, without a clock, a store or a venue.

RECORDED -> SENT -> ACKNOWLEDGED -> SETTLED | NOT_SELECTED, with REJECTED and EXPIRED for what the venue did not take
and what was too late. UNKNOWN is where nobody knows whether the answer arrived; only a look-up leads out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from quant_platform_kit.domain.orders import OrderState

from event_trading_app.payloads import TradeState
from event_trading_app.ports import Sent

__all__ = [
    "DOUBT",
    "EXPIRED",
    "KIT_STATES",
    "REFUSED",
    "Move",
    "Standing",
    "Times",
    "after_look",
    "after_send",
    "next_move",
]

REFUSED, EXPIRED = "refused: ", "expired: "
"""What the note of a command begins with that was never sent, and so is CANCELLED to the kit: why it was not."""

DOUBT = "it may have been sent, and no answer is recorded"
"""Why a command is UNKNOWN that was found SENT when it was too late to send it again."""

KIT_STATES: Mapping[TradeState, OrderState] = {
    TradeState.RECORDED: OrderState.RECORDED,
    TradeState.SENT: OrderState.SENT,
    TradeState.ACKNOWLEDGED: OrderState.ACKNOWLEDGED,
    TradeState.SETTLED: OrderState.FILLED,
    TradeState.NOT_SELECTED: OrderState.EXPIRED,
    TradeState.REJECTED: OrderState.REJECTED,
    TradeState.EXPIRED: OrderState.CANCELLED,
    TradeState.UNKNOWN: OrderState.UNKNOWN,
}
"""What the kit calls each state. An answer that nobody took before its deadline is an order that expired; one that was
never sent was cancelled here."""


class Move(Enum):
    """What has to be done with a command."""

    SEND = "record the intent, look at all switches, hand the recorded bytes to the venue"
    EXPIRE = "record that it was never sent, as it is too late"
    DOUBT = "record that nobody knows what became of it"
    WAIT = "nothing, until its answer can no more be settled"
    LOOK = "ask the venue whether the answer was settled"
    REST = "nothing any more"


@dataclass(frozen=True, slots=True)
class Times:
    """When what ends for a command, aware UTC.

    Attributes
    ----------
    expires_at
        From then on it is not sent.
    final_at
        From then on the venue's word that the answer was not settled is final: its deadline and the time that the venue
        takes to be sure.
    """

    expires_at: datetime
    final_at: datetime

    @classmethod
    def of(cls, expires_at: datetime, deadline: datetime, finality: timedelta) -> Times:
        """Return the times of a command whose signed answer has a deadline."""
        return cls(expires_at, deadline + finality)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a command stands, and how many intents to send it were recorded."""

    state: TradeState
    sends: int = 0


def next_move(standing: Standing, times: Times, now: datetime) -> Move:
    """Return what has to be done with a command at a time."""
    state, late = standing.state, now >= times.expires_at
    if state.terminal:
        return Move.REST
    if state is TradeState.RECORDED:
        return Move.EXPIRE if late else Move.SEND
    if state is not TradeState.ACKNOWLEDGED and not late:
        return Move.SEND
    if state is TradeState.SENT:
        return Move.DOUBT
    return Move.LOOK if now >= times.final_at else Move.WAIT


def after_send(standing: Standing, said: Sent | None) -> TradeState:
    """Return where a command stands after its bytes were handed to the venue.

    Parameters
    ----------
    standing
        With the intent to send them just now.
    said
        What the venue said; None if it said nothing.
    """
    if said is None:
        return TradeState.UNKNOWN
    if said.acknowledged:
        return TradeState.ACKNOWLEDGED
    # A refusal is the end only of bytes that cannot have arrived before: a used nonce is refused, too.
    return TradeState.REJECTED if standing.sends == 1 else TradeState.UNKNOWN


def after_nothing_left(standing: Standing, end: TradeState) -> TradeState:
    """Return where a command stands after an intent to send it, if certainly nothing has left this time.

    It comes to an end if this was its first intent; before an earlier one its bytes may have left.
    """
    return end if standing.sends == 1 else TradeState.UNKNOWN


def after_look(standing: Standing, times: Times, now: datetime, *, used: bool) -> TradeState:
    """Return where a command stands after the venue has said whether its answer was settled."""
    if used:
        return TradeState.SETTLED
    return TradeState.NOT_SELECTED if now >= times.final_at else standing.state
