"""The names that topics, stages and services go by."""

from __future__ import annotations

from enum import Enum, StrEnum

__all__ = ["NEAR_INTENTS", "RESTART", "Service", "Topic"]

RESTART = 75
"""Exit status that asks the supervisor for a restart (EX_TEMPFAIL)."""
NEAR_INTENTS = "near_intents"
"""The first venue, as `venue` of an event names it."""


class Topic(StrEnum):
    """A topic; its name is the type of the events in it."""

    RAW_QUOTE = "raw.near_intents.quote"
    RAW_QUOTE_STATUS = "raw.near_intents.quote_status"
    SWAP_DEMAND = "norm.swap_demand"
    REFERENCE_PRICE = "norm.reference_price"
    INVENTORY = "norm.inventory"
    EXECUTE_TRADE = "cmd.execute_trade"
    TRADE_RESULT = "exec.trade_result"


class Service(Enum):
    """One service, as ``event-trading run`` takes it: a process and a container each."""

    INGESTOR = "ingestor"
    PRICES = "prices"
    INVENTORY = "inventory"
    NORMALIZER = "normalizer"
    REACTOR = "reactor"
    EXECUTOR = "executor"
    MONITOR = "monitor"
    ARCHIVER = "archiver"

    @property
    def stage(self) -> str:
        """The name of its stage: of its consumer group, and of its dead letters, which are in ``dead.<stage>``."""
        return self.value

    @property
    def offset(self) -> int:
        """Its place among the services: its port is that of the first plus this."""
        return list(Service).index(self)
