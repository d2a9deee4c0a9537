"""What the machine of a session asks to be done: one thing at a time, protection first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading_playbook.dp20.outcome import Decision
from trading_playbook.live.events import Happening, Role

__all__ = ["Ask", "Cancel", "Declare", "Drop", "EndSlot", "Enter", "Note", "Plan", "Send", "Todo"]


@dataclass(frozen=True, slots=True)
class Declare:
    """Record a decision that the recorded bars lead to."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class EndSlot:
    """Ask once for the bars that are missing, then end the slots up to a minute since the open."""

    minute: int


@dataclass(frozen=True, slots=True)
class Enter:
    """Plan the entry, if account, switches and limits allow it; not after ``until``."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """Record an order that reduces, before it is sent."""

    role: Role
    quantity: Decimal
    stop: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a recorded order; one that was sent before is not known to the broker."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Drop:
    """End an order that never left, or that the broker never got."""

    order_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the broker where an order stands."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask the broker to cancel an order."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Note:
    """Record that something happened."""

    what: Happening
    text: str


Todo = Declare | EndSlot | Enter | Plan | Send | Drop | Ask | Cancel | Note
