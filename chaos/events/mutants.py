"""Deliberate defects of event-driven trading: a campaign that does not catch each of them proves nothing."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from event_trading_app.executor import executing as executor_executing
from event_trading_app.executor.executing import Executor
from event_trading_app.executor.fencing import Fence
from event_trading_app.executor.ledger import Command, Ledger, Trade
from event_trading_app.ports import SignedAnswer
from event_trading_app.services.context import Context
from event_trading_app.settings import environment
from event_trading_app.venues.near_intents.execute.keys import CHANCE_BYTES, Key
from quant_platform_kit.adapters.stores import open_store

__all__ = ["MUTANTS"]

executing: Any = executor_executing
"""A module whose parts are put in the place of others."""


COMMITTED_SECONDS = 0.3
"""For so long an offset is committed before anything of its message is durable, in the defect of that kind."""


def no_ledger() -> None:
    """Keep what was signed and sent in this process alone: after a crash it is signed again, with the salt of then."""
    made = Context.parts
    folder = Path(environment()["CHAOS_PLAN"]).parent / f"ledger-{os.getpid()}"
    folder.mkdir()

    def parts(self: Any, publisher: Any, venue: Any) -> Any:
        whole = made(self, publisher, venue)
        return replace(whole, ledger=Ledger(open_store(folder.as_uri()), whole.account))

    Context.parts = parts


@dataclass(slots=True)
class NoFence:
    """Believes that what the bus gave is one's own; its epoch is the time, so that it can be seen who was first."""

    epoch: int

    def holds(self) -> bool:
        """Ask nobody."""
        return True

    async def take(self) -> None:
        """Ask nobody."""

    async def require(self) -> None:
        """Ask nobody."""

    async def renew(self) -> None:
        """Ask nobody."""

    async def give_back(self) -> None:
        """Tell nobody."""


def no_epoch() -> None:
    """Rely on the bus alone for who has a partition."""

    def fence(*_: object) -> Fence:
        return NoFence(time.time_ns() // 1_000_000)

    made = Executor.__init__

    def begin(self: Any, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **{**options, "fence_of": fence})

    executor: Any = Executor
    executor.__init__ = begin


def sign_again() -> None:
    """Sign what is sent again, with a nonce of then, instead of sending what was recorded."""
    recorded = Executor._bytes

    async def fresh(self: Executor, trade: Trade) -> SignedAnswer:
        if trade.standing.sends == 1:
            return await recorded(self, trade)
        key: Any = Key
        key.chance = lambda *_: os.urandom(CHANCE_BYTES)
        return await self.parts.venue.prepare(trade.asked, self.parts.clock.now())

    Executor._bytes = fresh


def commit_first() -> None:
    """Let the offset be committed before anything durable was written: a crash in between loses the command."""
    handle, under_way = Executor.handle, set[asyncio.Task[None]]()

    async def slowly(self: Executor, command: Command) -> None:
        await asyncio.sleep(COMMITTED_SECONDS)
        await handle(self, command)

    async def later(self: Executor, command: Command) -> None:
        task = asyncio.create_task(slowly(self, command))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    Executor.handle = later


def send_late() -> None:
    """Do not look at the time once more right before the bytes leave."""
    Executor._is_late = lambda self, trade: False


def keep_lease() -> None:
    """Give nothing back when a partition is revoked, and go on renewing it."""

    async def revoked(self: Executor, partition: int) -> None:
        del self, partition

    Executor.revoked = revoked


MUTANTS: dict[str, Callable[[], None]] = {
    "no-ledger": no_ledger,
    "no-epoch": no_epoch,
    "sign-again": sign_again,
    "commit-first": commit_first,
    "send-late": send_late,
    "keep-lease": keep_lease,
}
