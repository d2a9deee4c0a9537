"""An order as the simulated venue has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState
from quant_platform_kit.testing.simulation.scenario import Behaviour

__all__ = ["VenueOrder"]

ZERO = Decimal(0)


@dataclass(slots=True)
class VenueOrder:
    """An order as the venue has it.

    Attributes
    ----------
    asked
        What was asked for; its id is the platform's, whether the wire carries it or not.
    foreign
        Whether somebody else sent it.
    sent_at
        When it left its sender (microseconds).
    state
        None before it is accepted: nobody can see it then.
    lost
        Whether it never will be.
    """

    number: int
    asked: Order
    foreign: bool
    sent_at: int
    behaviour: Behaviour
    state: OrderState | None = None
    fills: list[Fill] = field(default_factory=list[Fill])
    lost: bool = False
    text: str = ""

    @property
    def filled(self) -> Decimal:
        """Units filled."""
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.lost or (self.state is not None and self.state.terminal)

    def report(self, fills: int | None = None) -> ExecutionReport:
        """Return how it stands, or stood when it had fewer fills."""
        assert self.state is not None, "an order that is not accepted is not told of"
        if fills is None or fills >= len(self.fills):
            return ExecutionReport(self.asked, self.state, tuple(self.fills), self.text)
        state = OrderState.PARTIALLY_FILLED if fills else OrderState.ACKNOWLEDGED
        return ExecutionReport(self.asked, state, tuple(self.fills[:fills]))
