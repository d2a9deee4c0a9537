"""What the endpoints of Alpaca share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from quant_platform_kit.domain.sessions import ExchangeCalendar

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.faults import VenueFaults
from venue_sandbox.venues.alpaca.tape import Tape
from venue_sandbox.venues.http.connections import Connections
from venue_sandbox.venues.http.rate_limit import RateLimit

__all__ = ["LATE", "AlpacaVenue", "Plan"]

LATE = timedelta(minutes=15)
"""How much later SIP bars come to whoever pays nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who may ask, and for what.

    Attributes
    ----------
    paid
        Whether the subscription has SIP bars at once.
    page
        Most bars of one answer.
    """

    key: str
    secret: str
    paid: bool = False
    page: int = 10_000


@dataclass(slots=True)
class AlpacaVenue:
    """A venue that has prices and a calendar, and no accounts yet.

    Attributes
    ----------
    closed
        Sessions that its calendar does not have.
    """

    tape: Tape
    calendar: ExchangeCalendar
    clock: VenueClock
    plan: Plan
    limit: RateLimit
    faults: VenueFaults
    connections: Connections = field(default_factory=Connections)
    closed: set[date] = field(default_factory=set[date])
