"""What the parts of the simulated world ask of each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.testing.feature_shelf import FeatureShelf
from quant_platform_kit.testing.simulation.loop import Loop
from quant_platform_kit.testing.simulation.objects import Objects
from quant_platform_kit.testing.simulation.scenario import Fault, Scenario
from quant_platform_kit.testing.simulation.trait_sets import TraitSet
from quant_platform_kit.testing.simulation.venue_order import VenueOrder

__all__ = ["Exchange", "Process", "Surroundings", "Witness"]


class Process(Protocol):
    """An actor, as the world sees it."""

    name: str
    boundary: str
    epoch: int
    connection: int
    twist: Fault | None


class Exchange(Protocol):
    """The venue."""

    cash: Decimal
    units: dict[str, Decimal]
    orders: list[VenueOrder]

    def login(self) -> int:
        """Return a new connection."""
        ...

    def require(self, connection: int) -> None:
        """Refuse what comes over a connection that was cut."""
        ...

    def take(self, actor: Process, order: Order) -> VenueOrder | None:
        """Take an order; None while nobody can see it."""
        ...

    def visible(self) -> list[VenueOrder]:
        """Return the orders that can be seen."""
        ...

    def cancel(self, order: VenueOrder) -> None:
        """Cancel an order."""
        ...

    def cancel_by_hand(self) -> None:
        """Cancel what was placed by hand."""
        ...

    def settle_by_hand(self, client_order_id: str) -> Decimal:
        """End an order; return what was filled under its id."""
        ...

    def working(self, *, foreign: bool) -> list[VenueOrder]:
        """Return the orders that may still be filled."""
        ...

    def filled(self, client_order_id: str) -> Decimal:
        """Return the units filled under an id."""
        ...


class Witness(Protocol):
    """The judge."""

    tick: int

    def fail(self, invariant: str, what: str) -> None:
        """Note that an invariant does not hold."""
        ...

    def check_words(self, words: str) -> None:
        """Judge what somebody was told."""
        ...

    def watched(self, kinds: list[str], *, store_answers: bool) -> None:
        """Judge a watchdog by the kinds of its alerts."""
        ...

    def logged_in(self, actor: Process) -> None:
        """Take note of a login."""
        ...

    def received(self, actor: Process, order: Order, sent: int) -> None:
        """Judge an order that arrived."""
        ...

    def filled(self, order: VenueOrder) -> None:
        """Judge the book after a fill."""
        ...


class Surroundings(Protocol):
    """The world, as everybody in it sees it."""

    account: str
    scenario: Scenario
    calendar: ExchangeCalendar
    sessions: tuple[date, ...]
    traits: TraitSet
    timeout: int
    window: int
    recognises: int
    loop: Loop
    objects: Objects
    shelf: FeatureShelf
    causes: set[str]
    due_runs: list[str]
    damaged: bool

    @property
    def venue(self) -> Exchange:
        """The venue."""
        ...

    @property
    def judge(self) -> Witness:
        """The judge."""
        ...

    @property
    def now(self) -> datetime:
        """The true instant, aware UTC."""
        ...

    def price(self, symbol: str) -> Decimal:
        """Return what a symbol trades at now."""
        ...

    def history(self, until: date) -> PriceHistory:
        """Return the closes up to a session."""
        ...

    def wrote(self, actor: Process, key: str, data: bytes) -> None:
        """Take note of a write."""
        ...

    def lose_step(self) -> None:
        """Lose the newest step of an order that says it was sent."""
        ...

    def claimed(self, run_id: str) -> int:
        """Return when a run was claimed (microseconds)."""
        ...

    def trace(self, line: str) -> None:
        """Note what happens now."""
        ...

    def met(self, boundary: str, op: str) -> None:
        """Count a call past a boundary."""
        ...

    def hit(self, actor: Process, fault: Fault, op: str) -> None:
        """Note a fault."""
        ...

    def wake_at(self, boundary: str, sleeper: Process, wake: Callable[[], None]) -> None:
        """Remember a stopped actor that goes on when another reaches a boundary."""
        ...

    def woken_by(self, actor: Process) -> None:
        """Let those go on who wait for what an actor has just reached."""
        ...

    def befall(self, fault: Fault) -> None:
        """Let something happen outside, at this very moment."""
        ...

    def retry(self, key: RunKey, due: int) -> None:
        """Repeat a trigger, unharmed, until its run has a report."""
        ...
