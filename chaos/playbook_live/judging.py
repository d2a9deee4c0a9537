"""What must never be found at the exchange, or in the record, of a live session."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from quant_platform_kit.domain.orders import Side
from trading_playbook.live.events import Happening, Planned
from trading_playbook.live.record import SessionRecord
from trading_playbook.live.replay import replay_session
from trading_playbook.testing.live.world import ACCOUNT, Process, World

__all__ = ["Judge"]

RESTARTED, LONGEST = timedelta(seconds=5), timedelta(seconds=15)
"""How long what is held may be without an order that sells it: after a restart is connected, and otherwise."""


@dataclass
class Judge:
    """Watches one world, from the first order to the end of its last process.

    Attributes
    ----------
    process
        The one that runs now; None while none does.
    """

    world: World
    process: Process | None = None
    restarted: bool = False
    faults: Counter[str] = field(default_factory=Counter[str])
    _bare_since: datetime | None = None
    _counted: bool = False

    def __post_init__(self) -> None:
        self.world.exchange.watchers.append(self._watch)

    def _watch(self, now: datetime) -> None:
        """Count a spell in which something is held and nothing at the exchange would sell it."""
        exchange, process = self.world.exchange, self.process
        covered = any(each.is_open and each.order.side is Side.SELL for each in exchange.orders.values())
        if process is None or process.connected_at is None or exchange.held <= 0 or covered or now >= exchange.closes:
            self._bare_since, self._counted = None, False
            return
        self._bare_since = max(self._bare_since or now, process.connected_at)
        bound = RESTARTED if self.restarted and self._bare_since == process.connected_at else LONGEST
        if now - self._bare_since > bound and not self._counted:
            self._counted = True
            self.faults["without a working stop"] += 1

    def conclude(self) -> Counter[str]:
        """Return what was wrong in the end."""
        exchange = self.world.exchange
        buys = [each for each in exchange.orders.values() if each.order.side is Side.BUY and each.fills]
        self.faults["second entries"] += max(len(buys) - 1, 0)
        self.faults["oversells"] += exchange.least_free < 0
        alerted = any(noted.what is Happening.NOT_FLAT for noted in self.world.told)
        self.faults["open after the close without alert"] += exchange.held > 0 and not alerted
        self.faults["record"] += not self._is_sound()
        return +self.faults

    def _is_sound(self) -> bool:
        """Whether the record tells everything: each decision follows from the bars before it, each order is told."""
        world, run_id = self.world, self.world.terms.key.run_id
        events = SessionRecord(world.store, ACCOUNT, run_id).events()
        planned = {event.order.client_order_id for event in events if isinstance(event, Planned)}
        return world.exchange.orders.keys() <= planned and not replay_session(world.store, ACCOUNT, run_id)
