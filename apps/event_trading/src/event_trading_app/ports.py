"""What the executor and the monitor ask of a venue; each venue implements it in its folder below ``venues``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from event_trading_app.payloads import ExecuteTrade

__all__ = ["MayLeave", "Sent", "SignedAnswer", "Venue", "always"]

MayLeave = Callable[[], bool]
"""Whether bytes may still leave at this instant."""


def always() -> bool:
    """Let bytes leave."""
    return True


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """An answer as it is sent, signed once: nothing but these bytes is ever sent for its command.

    Attributes
    ----------
    data
        The whole message to the venue, byte for byte.
    nonce
        What the venue lets settle once, as the venue writes it.
    intent_hash
        By which the venue names the answer.
    deadline
        After it nobody can settle the answer; aware UTC.
    salt
        The venue's salt that was signed for: an answer with a salt that was rotated out is refused. Empty for a venue
        without salts.
    """

    data: bytes
    nonce: str
    intent_hash: str
    deadline: datetime
    salt: bytes = b""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the venue said to an answer.

    Attributes
    ----------
    acknowledged
        Whether it has taken it.
    reason
        In its own words, why it has not.
    """

    acknowledged: bool
    reason: str = ""


class Venue(Protocol):
    """A venue that takes signed answers."""

    async def prepare(self, command: ExecuteTrade, now: datetime) -> SignedAnswer:
        """Sign the answer that a command asks for.

        The same command, key and salt give the same bytes, whoever signs and when: ``now`` is for checks only.

        Raises
        ------
        VenueDown
            The salt is not known and cannot be asked for.
        InvalidInput
            The command cannot be an answer.
        """
        ...

    async def send(self, data: bytes, may_leave: MayLeave) -> Sent:
        """Hand the bytes of a signed answer to the venue and return what it says; never send anything else.

        Parameters
        ----------
        may_leave
            Asked right before the bytes leave, with nothing to wait for in between: after a connection is there.

        Raises
        ------
        Unanswered
            It may have arrived, and it may not.
        VenueDown
            Nothing has left.
        """
        ...

    async def used(self, answer: SignedAnswer) -> bool:
        """Return whether the answer was settled: its nonce is used.

        Raises
        ------
        VenueDown
            The venue does not say.
        """
        ...

    async def balances(self, account: str, tokens: Collection[str]) -> dict[str, int]:
        """Return what an account has of each token, in smallest units.

        Raises
        ------
        VenueDown
            The venue does not say.
        """
        ...

    async def salt(self) -> bytes:
        """Return the venue's current salt.

        Raises
        ------
        VenueDown
            The venue does not say.
        """
        ...
