"""What the last one left on its way in a partition: brought further before anything new of it is taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from quant_platform_kit.domain.orders import OrderState

from event_trading_app.executor.ledger import HOUR, Trade
from event_trading_app.executor.parts import Parts, Terms
from event_trading_app.payloads import TradeState

__all__ = ["Pauses", "recover"]

ON_THEIR_WAY = (OrderState.SENT, OrderState.UNKNOWN)


@dataclass(slots=True)
class Pauses:
    """Pauses between two tries to send the same bytes, each twice the one before."""

    terms: Terms
    _next: timedelta = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.terms.first_pause

    async def wait(self, parts: Parts, until: datetime) -> None:
        """Wait, but not beyond a time."""
        left = until - parts.clock.now()
        if left > timedelta(0):
            await parts.pause(min(self._next, left).total_seconds())
        self._next = min(2 * self._next, self.terms.longest_pause)


async def recover(
    parts: Parts,
    partition: int,
    advance: Callable[[Trade], Awaitable[Trade]],
    tell: Callable[[Trade], Awaitable[None]],
) -> None:
    """Bring further, in turn, what was sent and has no answer, until each has one or cannot be sent any more.

    What was acknowledged waits for its deadline, which is the monitor's.
    """
    pauses, open_trades = Pauses(parts.terms), await parts.io(lambda: _left(parts, partition))
    while open_trades:
        unanswered: list[Trade] = []
        for trade in open_trades:
            after = await advance(trade)
            if after is not trade and after.standing.state is TradeState.UNKNOWN:
                unanswered.append(after)
            else:
                await tell(after)
        if unanswered:
            await pauses.wait(parts, max(trade.asked.expires_at for trade in unanswered))
        open_trades = unanswered


def _left(parts: Parts, partition: int) -> list[Trade]:
    """Return what is on its way; what expired more than an hour ago is the monitor's."""
    now, ledger = parts.clock.now(), parts.ledger
    names = [
        name
        for name, newest in ledger.newest(partition, now - HOUR, now + parts.terms.horizon)
        if newest.state in ON_THEIR_WAY
    ]
    return list(ledger.find_all(names).values())
