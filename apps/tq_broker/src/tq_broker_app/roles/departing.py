"""Where orders leave for the exchange: in groups, within the limits of a day and a second, and with the last look."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from quant_platform_kit.ports.versioned_store import Keys
from quant_platform_kit.services.operate.switches import switched_off

from tq_broker_app.roles.parts import Parts, in_thread
from tq_broker_app.roles.right import Right
from tq_broker_app.roles.turns import Leaving
from tq_broker_app.tq.reading import View
from tq_broker_app.tq.sending import insert
from tq_broker_app.tq.session import TqSession
from tq_broker_app.trading.plans import Child, ParentPlan

__all__ = ["Departing", "Departures", "Left"]

SECOND = 1.0

Left = bool | str | Exception | None
"""What became of an order that was to leave: what `insert` returned or raised, or why it may not be sent, in words."""


class Departing(NamedTuple):
    """A child whose intent to be sent is recorded.

    Attributes
    ----------
    off
        Switches that forbid it, read after that; None where they were not read.
    """

    plan: ParentPlan
    child: Child
    off: Sequence[str] | None


@dataclass(slots=True)
class Departures:
    """Lets orders of one login leave.

    Attributes
    ----------
    sends_today
        How many orders were sent on the trading day of the login.
    inserted
        What may have left over this login: the client library shows it before the exchange has it.
    """

    parts: Parts
    session: TqSession
    right: Right
    sends_today: int = 0
    inserted: set[str] = field(default_factory=set[str])
    _recent: deque[float] = field(default_factory=deque[float])

    def may_leave_at_once(self) -> bool:
        """Whether an order that was planned just now may be sent, without any wait for what limits orders."""
        return self.right.lasts and not self.enough() and self._slots() > 0

    def enough(self, more: int = 0) -> str:
        """Return that no other order may be sent today after so many more; empty if one may."""
        most, sent = self.parts.settings.orders.max_actions_per_day, self.sends_today + more
        return f"{sent} orders were sent today, as many as may be" if sent >= most else ""

    def switches(self, keys: Keys | None = None) -> list[str]:
        """Return which switches forbid to send; of a listing, or of the store."""
        tq = self.parts.settings.tq
        return switched_off(keys or self.parts.store, tq.service, self.session.account_id, tq.mode)

    async def carry(self, group: Sequence[Leaving]) -> list[Left]:
        """Send orders in a row, as many in a second as may be, and return what became of each."""
        results: list[Left] = []
        while len(results) < len(group):
            waits = self._slots() < 1
            while self._slots() < 1:
                await asyncio.sleep(self._recent[0] + SECOND - self.parts.clock.monotonic())
            some = group[len(results) :][: self._slots()]
            results += await self._together(some, look=waits or len(group) > 1)
        return results

    async def _together(self, group: Sequence[Leaving], *, look: bool) -> list[Left]:
        """Send orders that may leave now, and return what became of each.

        Those that have waited look at the switches again, all at once: each intent was recorded before.
        """
        looked: Sequence[str] | None = None
        if look or group[0].waited or group[0].what.off is None:
            looked = await in_thread(self.switches)
        results: list[Left] = [None] * len(group)
        going: dict[int, Departing] = {}
        for number, each in enumerate(group):
            off = each.what.off if looked is None else looked
            if off or self.enough(len(going)):
                results[number] = "; ".join([*off, self.enough(len(going))]).removesuffix("; ")
            elif not each.done.done():
                going[number] = each.what
        # Before they leave: whoever waits for them may be ended meanwhile.
        self.inserted.update(departing.child.order_id for departing in going.values())
        if going:
            left = await self.session.ask(lambda view: [self._inserted(view, each) for each in going.values()])
            for number, gone in zip(going, left, strict=True):
                results[number] = gone
                if gone is True:
                    self.sends_today += 1
                    self._recent.append(self.parts.clock.monotonic())
        return results

    def _inserted(self, view: View, departing: Departing) -> Left:
        try:
            return insert(view, departing.plan, departing.child, self.right.holds)
        except Exception as error:  # noqa: BLE001 - it is raised for this order, and keeps no other from leaving
            return error

    def _slots(self) -> int:
        """Return how many more orders may be sent in this second."""
        now = self.parts.clock.monotonic()
        while self._recent and self._recent[0] + SECOND <= now:
            self._recent.popleft()
        return self.parts.settings.orders.max_actions_per_second - len(self._recent)
