"""Executors with a defect each, that the explorer has to find."""

from __future__ import annotations

from dataclasses import dataclass

from event_trading_app.executor.executing import Executor, lease_fence
from event_trading_app.executor.fencing import Fence
from event_trading_app.executor.ledger import Trade
from event_trading_app.executor.parts import Parts
from event_trading_app.ports import SignedAnswer

from .explorer import HashedStore, Variant

__all__ = ["MUTANTS"]


@dataclass
class NoFence:
    """A process that believes that what the bus gave it is its own."""

    epoch: int = 0

    def holds(self) -> bool:
        return True

    async def take(self) -> None:
        """Ask nobody."""

    async def require(self) -> None:
        """Ask nobody."""

    async def renew(self) -> None:
        """Ask nobody."""

    async def give_back(self) -> None:
        """Tell nobody."""


class SignsAgain(Executor):
    """Signs what it sends again, instead of sending what was recorded."""

    async def _bytes(self, trade: Trade) -> SignedAnswer:
        if trade.standing.sends == 1:
            return await super()._bytes(trade)
        return await self.parts.venue.prepare(trade.asked, self.parts.clock.now())


class SendsLate(Executor):
    """Does not look at the time once more right before it sends."""

    def _is_late(self, trade: Trade) -> bool:
        return False


class KeepsLease(Executor):
    """Gives nothing back when a partition is revoked."""

    async def revoked(self, partition: int) -> None:
        """Go on holding."""


class UsedOn:
    """A lease that is given back, and used as if it were not."""

    def __init__(self, fence: Fence) -> None:
        self._fence, self._given_back, self._epoch = fence, False, 0

    @property
    def epoch(self) -> int:
        return self._epoch or self._fence.epoch

    def holds(self) -> bool:
        return self._given_back or self._fence.holds()

    async def take(self) -> None:
        await self._fence.take()

    async def require(self) -> None:
        if not self._given_back:
            await self._fence.require()

    async def renew(self) -> None:
        await self._fence.renew()

    async def give_back(self) -> None:
        self._epoch, self._given_back = self._fence.epoch, True
        await self._fence.give_back()


def _using_on(parts: Parts) -> Executor:
    return Executor(parts, fence_of=lambda *asked: UsedOn(lease_fence(*asked)))


def _without_epoch(parts: Parts) -> Executor:
    return Executor(parts, fence_of=lambda *_: NoFence())


MUTANTS: dict[str, tuple[Variant, str]] = {
    "no ledger": (Variant(ledger_store=lambda world: HashedStore(world.clock)), "two answers"),
    "no epoch": (Variant(executor=_without_epoch), "sent twice"),
    "sign again on resend": (Variant(executor=SignsAgain), "two answers"),
    "commit before SENT": (Variant(commits_first=True), "lost"),
    "send after expires_at": (Variant(executor=SendsLate), "late"),
    "lease kept on revoke": (Variant(executor=KeepsLease), "waited"),
    "lease used after revoke": (Variant(executor=_using_on, revokes_at_once=True), "replaced"),
}
"""By name: how it is made, and what the explorer finds of it."""
