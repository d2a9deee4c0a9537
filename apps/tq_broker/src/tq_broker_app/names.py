"""The names that the eight services, their images and their queues go by."""

from __future__ import annotations

from enum import Enum

__all__ = ["RESTART", "Role"]

RESTART = 75
"""Exit status that asks the supervisor for a restart: the connection to the exchange is over (EX_TEMPFAIL)."""


class Role(Enum):
    """One of the eight services, as ``tq-broker run`` takes it; its image is ``tq_`` and the same with underscores."""

    ORDER_SUBMITTER = "order-submitter"
    ORDER_CANCELLER = "order-canceller"
    ORDER_MONITOR = "order-monitor"
    POSITION_MONITOR = "position-monitor"
    ACCOUNT_MONITOR = "account-monitor"
    ORDER_HANDLER = "order-handler"
    POSITION_HANDLER = "position-handler"
    ACCOUNT_HANDLER = "account-handler"

    @property
    def image(self) -> str:
        """The name of its image."""
        return "tq_" + self.value.replace("-", "_")

    @property
    def trades(self) -> bool:
        """Whether it has a TqApi of its own."""
        return not self.value.endswith("handler")

    @property
    def offset(self) -> int:
        """Its place among the eight: its port is that of the first plus this."""
        return list(Role).index(self)

    @property
    def consumes(self) -> bool:
        """Whether it takes messages from a queue: then what is under way ends first."""
        return not self.value.endswith("monitor")
