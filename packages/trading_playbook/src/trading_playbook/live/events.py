"""What is recorded of a live session: its terms, and everything that a step of it may depend on, in order.

Whoever reads the events in their order comes to the same state and the same decisions. The steps of orders are recorded
beside them, by `quant_platform_kit.services.record.order_steps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from quant_platform_kit.domain.identity import RunKey, client_order_id
from quant_platform_kit.domain.orders import Order, Side

from trading_playbook.dp20.bars import Bar
from trading_playbook.dp20.outcome import Decision, Step
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts

__all__ = [
    "BarSeen",
    "Decided",
    "Event",
    "Happening",
    "Noted",
    "Planned",
    "Role",
    "SlotEnded",
    "Terms",
    "Way",
]


class Way(StrEnum):
    """How a bar came."""

    STREAM = "stream"
    REST = "rest"
    """Asked for, to fill a gap."""
    UPDATED = "updated"
    """A later word about a bar that was told before."""


class Role(StrEnum):
    """What an order of a session is for."""

    ENTRY = "entry"
    STOP = "stop"
    EXIT = "exit"

    @property
    def side(self) -> Side:
        """Which side it is on."""
        return Side.BUY if self is Role.ENTRY else Side.SELL


class Happening(StrEnum):
    """What was noted."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    """A call to the broker or to the source of bars got no answer."""
    STALE = "stale bars"
    MISSED = "missed"
    """A confirmed signal that may not be entered any more."""
    REFUSED = "refused"
    """A confirmed signal that something forbids to enter."""
    LEAVING = "leaving"
    FINDING = "finding"
    BREAKER = "breaker"
    NOT_FLAT = "not flat"
    FLAT = "flat"
    CLOSED = "closed"

    @property
    def alerts(self) -> bool:
        """Whether somebody is told at once."""
        return self in _ALERTS


_ALERTS = frozenset(
    {Happening.STALE, Happening.MISSED, Happening.REFUSED, Happening.FINDING, Happening.BREAKER, Happening.NOT_FLAT}
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session goes by, recorded before anything else of it.

    Attributes
    ----------
    key
        Whose session it is: account, date and mode; its slot names strategy and symbol.
    opens
        When the session opens, aware UTC.
    minutes
        From the open to the close.
    bar_minutes
        Length of a source bar.
    sma
        Mean of the daily closes before it; None where one is missing.
    parameters
        Of DP20, by name.
    feed
        Whose trades the bars are made of.
    risk
        Share of the equity that a trade puts at risk; a fraction.
    most_notional
        What an entry may cost at most, in the symbol's currency; None for no bound.
    """

    key: RunKey
    service: str
    symbol: str
    opens: datetime
    minutes: int
    bar_minutes: int
    sma: float | None
    parameters: Mapping[str, object]
    feed: str
    risk: Decimal
    most_notional: Decimal | None = None

    @property
    def session(self) -> date:
        """The New York date."""
        return self.key.session

    @property
    def numbers(self) -> Dp20Parameters:
        """The parameters, checked."""
        return Dp20Parameters.model_validate(dict(self.parameters))

    @property
    def facts(self) -> SessionFacts:
        """What DP20 knows of the session before it opens."""
        return SessionFacts(self.minutes, self.sma)

    @property
    def leaves(self) -> datetime:
        """From when on a trade is left, aware UTC."""
        return self.at(self.facts.leaves(self.numbers))

    @property
    def closes(self) -> datetime:
        """When the session closes, aware UTC."""
        return self.at(self.minutes)

    def at(self, minute: int) -> datetime:
        """Return the instant of a minute since the open."""
        return self.opens + timedelta(minutes=minute)

    def order(self, role: Role, number: int, quantity: Decimal, stop: Decimal | None = None) -> Order:
        """Return the order that is the session's ``number``-th: its id is the same however often it is made."""
        identity = client_order_id(self.key, self.symbol, role.side.value, number)
        return Order(identity, self.symbol, role.side, quantity, stop_price=stop)


@dataclass(frozen=True, slots=True)
class BarSeen:
    """A source bar as it came, whether it counts or not; ``minute`` is its start in minutes since the open."""

    at: datetime
    way: Way
    minute: int
    open: float
    high: float
    low: float
    close: float
    kind: Literal["bar"] = "bar"

    @property
    def bar(self) -> Bar:
        """The bar."""
        return Bar(self.minute, self.open, self.high, self.low, self.close)


@dataclass(frozen=True, slots=True)
class SlotEnded:
    """The clock closed a slot that lacks source bars; ``minute`` is its end in minutes since the open."""

    at: datetime
    minute: int
    kind: Literal["slot"] = "slot"


@dataclass(frozen=True, slots=True)
class Decided:
    """A step that DP20 decided on the bars before it; see `trading_playbook.dp20.outcome.Decision`."""

    at: datetime
    step: Step
    minute: int
    price: float
    kind: Literal["decision"] = "decision"

    @property
    def decision(self) -> Decision:
        """The decision."""
        return Decision(self.step, self.minute, self.price)


@dataclass(frozen=True, slots=True)
class Planned:
    """An order that is about to be sent: nothing is sent that is not recorded so."""

    at: datetime
    role: Role
    order: Order
    kind: Literal["order"] = "order"


@dataclass(frozen=True, slots=True)
class Noted:
    """Something else that happened; ``text`` is for people, with value and bound."""

    at: datetime
    what: Happening
    text: str = ""
    kind: Literal["note"] = "note"


Event = BarSeen | SlotEnded | Decided | Planned | Noted
