"""What the services need of a message broker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol

from quant_platform_kit.domain.errors import QuantError

__all__ = ["Active", "Bus", "BusDown", "Handle", "Queue", "Unprocessable"]


class Queue(Enum):
    """The queues of a deployment; what they are called is in the settings."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    ORDERS = "order updates"
    POSITIONS = "position updates"
    ACCOUNT = "account updates"
    DEAD = "dead letters"


class BusDown(QuantError):
    """The message broker does not answer, or did not take a message for certain."""


class Unprocessable(QuantError):
    """A message can never be processed: it becomes a dead letter with this reason."""


Handle = Callable[[bytes], Awaitable[None]]
"""Processes the body of a message: it is acknowledged when this returns."""


class Active(Protocol):
    """Whoever is the only active consumer of a queue for a while."""

    async def activate(self) -> None:
        """Begin: called before the first message."""
        ...

    async def stand_down(self) -> None:
        """End: another one may be active now; called after the last message, whatever ended it."""
        ...


class Bus(Protocol):
    """Publishes and consumes; messages of one queue come in the order in which they were published."""

    async def publish(self, queue: Queue, body: bytes) -> None:
        """Put a message in a queue; it is there, durably, when this returns.

        Raises
        ------
        BusDown
            Nobody knows whether it is there.
        """
        ...

    async def consume(self, queue: Queue, handle: Handle, *, at_once: int = 1, active: Active | None = None) -> None:
        """Process messages until cancelled; in their order where only one is processed at once.

        While something that is needed is down, nothing is consumed: messages wait in the queue. A message that cannot
        be processed becomes a dead letter.

        Parameters
        ----------
        at_once
            How many messages are under way at the same time; each begins in the order of the queue.
        active
            Makes this the only active consumer of the queue: others stand by until it is gone.
        """
        ...

    async def close(self) -> None:
        """Let what is under way end, and close."""
        ...
