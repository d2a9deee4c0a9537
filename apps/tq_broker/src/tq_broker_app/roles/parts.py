"""What every service is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from pydantic import BaseModel
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore

from tq_broker_app.bus.ports import Bus, Queue
from tq_broker_app.operations.figures import Figures
from tq_broker_app.settings import Settings

__all__ = ["Common", "Parts", "Point", "in_thread"]

T = TypeVar("T")


class Point(Enum):
    """Points between two durable steps, at which a campaign stops a service."""

    TAKEN = "a message was taken"
    PLANNED = "the plan of an order is recorded"
    SENT = "the intent to send is recorded"
    INSERTED = "the order is on its way"
    ANSWERED = "the exchange has answered"
    ANSWER_RECORDED = "its answer is recorded"
    PUBLISHED = "what happened is published"
    INTENDED = "a cancel is recorded"
    WRITTEN = "an update is written"


def _pass(point: Point) -> None:
    """Go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """Settings and connections of any service.

    Attributes
    ----------
    reached
        Called at every `Point`; a fault campaign stops the service there.
    """

    settings: Settings
    clock: Clock
    bus: Bus
    figures: Figures = field(default_factory=Figures)
    reached: Callable[[Point], None] = _pass

    @property
    def portfolio(self) -> str:
        """The portfolio's id."""
        return self.settings.tq.portfolio_id

    async def publish(self, queue: Queue, message: BaseModel) -> None:
        """Publish a message, confirmed."""
        await self.bus.publish(queue, message.model_dump_json().encode())
        self.figures.count("published", queue=queue.value)
        self.reached(Point.PUBLISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Common):
    """What services that trade or watch orders have besides: the trading days, and the store of the ledger."""

    calendar: ExchangeCalendar
    store: VersionedStore


async def in_thread(call: Callable[[], T]) -> T:
    """Run something that waits for a store, without holding up the event loop."""
    return await asyncio.to_thread(call)
