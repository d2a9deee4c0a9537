"""Telling past events again, into topics of their own: at once, or at the pace at which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.bus import Outgoing
from quant_platform_kit.events.publishing import Publisher

from event_trading_app.archive.files import Row
from event_trading_app.executor.waiting import Pause

__all__ = ["Telling"]

AT_ONCE = 500


@dataclass(slots=True)
class Telling:
    """Into which namespace, and how fast.

    Attributes
    ----------
    namespace
        Before the names of the topics; never empty, as what was must not be taken for what is.
    speed
        1 for the pace at which events came, 10 for ten times that; 0 for as fast as it goes.
    """

    publisher: Publisher
    namespace: str
    speed: float = 0.0
    pause: Pause = asyncio.sleep

    def __post_init__(self) -> None:
        if not self.namespace.endswith(".") or len(self.namespace) < 2:
            raise InvalidInput(f"the namespace is {self.namespace!r}; it ends in a dot, such as `replay.`")
        if not 0 <= self.speed < float("inf"):
            raise InvalidInput(f"the speed is {self.speed}; it is 0, or a finite number above")

    async def tell(self, rows: Sequence[Row]) -> int:
        """Tell rows in their order; return how many."""
        before = None
        batch: list[Outgoing] = []
        for row in rows:
            if before is not None and self.speed and (gap := (row.event.ingested_at - before).total_seconds()) > 0:
                await self._send(batch)
                await self.pause(gap / self.speed)
            before = row.event.ingested_at
            batch.append(Outgoing(self.namespace + row.message.topic, row.message.key, row.message.value))
            if len(batch) >= AT_ONCE:
                await self._send(batch)
        await self._send(batch)
        return len(rows)

    async def _send(self, batch: list[Outgoing]) -> None:
        await self.publisher.publish(*batch)
        batch.clear()
