"""What a quoter may look at, and what it says: the contract of a plug-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from event_trading_app.payloads import ReferencePrice, SwapDemand
from event_trading_app.reactor.commitments import NOTHING, Committed

__all__ = ["Amounts", "Known", "Pass", "Quoter"]


@dataclass(frozen=True, slots=True)
class Known:
    """All that a decision may depend on; there is no clock.

    Attributes
    ----------
    observed_at
        When the demand was seen, aware UTC: the time of the decision.
    price
        The newest price of the pair; None if none was told.
    inventory
        What the account has of the token to give, in smallest units; None if nobody told.
    committed
        Open commands that give the same token.
    """

    demand: SwapDemand
    observed_at: datetime
    price: ReferencePrice | None = None
    inventory: int | None = None
    committed: Committed = NOTHING

    @property
    def free(self) -> int:
        """What may still be committed of the token to give."""
        return (self.inventory or 0) - self.committed.amount


@dataclass(frozen=True, slots=True)
class Amounts:
    """An answer: what the account gets and what it gives, in smallest units."""

    amount_in: int
    amount_out: int


@dataclass(frozen=True, slots=True)
class Pass:
    """No answer, and why."""

    reason: str


class Quoter(Protocol):
    """Decides on demands: a pure function of what is known and of its own settings."""

    @property
    def name(self) -> str:
        """What a command calls it; the part before ``/`` is its kind."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Out of JSON's own types; with them the same quoter is made again."""
        ...

    def decide(self, known: Known) -> Amounts | Pass:
        """Return the amounts to answer with, or why there is no answer."""
        ...
