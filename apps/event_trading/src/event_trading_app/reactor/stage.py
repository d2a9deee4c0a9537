"""The reactor as a stage: demands in, commands out, in one transaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from quant_platform_kit.events.bus import Outgoing, Received
from quant_platform_kit.events.errors import Duplicate

from event_trading_app.reactor.commands import Terms, command_id_of, command_of
from event_trading_app.reactor.deciding import Pass, Quoter
from event_trading_app.reactor.market import Market
from event_trading_app.topics import outgoing

__all__ = ["Reactor"]


@dataclass(slots=True)
class Reactor:
    """Decides on every demand that comes.

    Attributes
    ----------
    outcomes
        How many demands were answered, and how many passed over.
    namespace
        Before the names of all topics.
    """

    market: Market
    quoter: Quoter
    terms: Terms
    namespace: str = ""
    outcomes: Counter[str] = field(default_factory=Counter[str])

    def react(self, message: Received) -> tuple[Outgoing, ...]:
        """Return the command that a demand leads to, if any.

        Raises
        ------
        Unreadable
            It is no demand.
        Duplicate
            Its command is on the bus already.
        """
        demand = message.event()
        used = self.market.used(demand)
        if self.market.was_told(command_id_of(demand, self.terms.account)):
            raise Duplicate(f"demand {demand.event_id} has its command")
        said = command_of(used, self.quoter, self.terms)
        if isinstance(said, Pass):
            self.outcomes["passed"] += 1
            return ()
        self.market.commit(said)
        self.outcomes["answered"] += 1
        return (outgoing(said, self.namespace),)
