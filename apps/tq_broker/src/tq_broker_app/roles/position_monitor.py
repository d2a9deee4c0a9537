"""tq_position_monitor: tells positions when they change, at the start, and every minute."""

from __future__ import annotations

from dataclasses import dataclass, field

from tq_broker_app.bus.ports import Queue
from tq_broker_app.messages import Breakdown, PositionUpdate
from tq_broker_app.roles.changes import Bell
from tq_broker_app.roles.parts import Parts
from tq_broker_app.tq.reading import View
from tq_broker_app.tq.session import TqSession

__all__ = ["EVERY_SECONDS", "PositionMonitor"]

EVERY_SECONDS = 60.0
"""What does not change is told again, so that readers see that it is still watched."""


@dataclass(slots=True)
class PositionMonitor:
    """Watches the positions of one account."""

    parts: Parts
    session: TqSession
    _told: dict[str, Breakdown] = field(default_factory=dict[str, Breakdown])

    async def run(self) -> None:
        """Tell of all positions, then of every change, until the login is over."""
        bell, clock, begun = Bell(self.session), self.parts.clock, float("-inf")
        while True:
            due = clock.monotonic() - begun >= EVERY_SECONDS
            begun = clock.monotonic() if due else begun
            for symbol, breakdown in (await self.session.ask(View.breakdowns)).items():
                if due or self._told.get(symbol) != breakdown:
                    await self._tell(symbol, breakdown)
            await bell.wait(max(0.0, EVERY_SECONDS - (clock.monotonic() - begun)))

    async def _tell(self, symbol: str, breakdown: Breakdown) -> None:
        update = PositionUpdate(
            timestamp=self.parts.clock.now(),
            portfolio_id=self.parts.portfolio,
            symbol=symbol,
            net_position=breakdown.pos_long - breakdown.pos_short,
            breakdown=breakdown,
        )
        await self.parts.publish(Queue.POSITIONS, update)
        self._told[symbol] = breakdown
