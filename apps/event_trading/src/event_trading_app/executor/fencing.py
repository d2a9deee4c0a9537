"""The right to work on a partition: a lease of the kit per role and partition, whose epoch only grows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from quant_platform_kit.domain.errors import InProgress, LeaseLost, StoreError
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.leases import Lease, LeaseTerms

from event_trading_app.executor.waiting import Io, Pause

__all__ = ["LONGEST_LEASE", "MARGIN", "Fence", "LeaseFence"]

LONGEST_LEASE = timedelta(seconds=6)
"""The session timeout of the bus: a lease that lasted longer would keep a successor waiting that has the partition."""
MARGIN = timedelta(milliseconds=200)
"""Nothing is sent when less than this is left."""
PATIENCE = 2
"""So many leases long another one's is waited for."""
LONGEST_WAIT_SECONDS = 0.5


class Fence(Protocol):
    """Keeps everyone but one worker from a partition."""

    @property
    def epoch(self) -> int:
        """How often the partition was taken: it only grows."""
        ...

    def holds(self) -> bool:
        """Whether it lasts for certain at this instant; asks nobody."""
        ...

    async def take(self) -> None:
        """Take it as soon as nobody has it; raises `LeaseLost` where somebody goes on having it."""
        ...

    async def require(self) -> None:
        """Make sure that it lasts, renewing it when less than half is left; raises `LeaseLost` where it does not."""
        ...

    async def renew(self) -> None:
        """Renew it when less than half is left, unless that is under way, or too late."""
        ...

    async def give_back(self) -> None:
        """Let a successor begin at once."""
        ...


class LeaseFence:
    """A lease under ``leases/<account>/<role>/p<partition>``.

    What was sent arrives at once or never, so a successor waits for the end of the lease and no longer.
    """

    def __init__(  # noqa: PLR0913 - what a lease is made of
        self, store: VersionedStore, key: str, holder: str, duration: timedelta, clock: Clock, io: Io, pause: Pause
    ) -> None:
        self._store, self._key, self._holder, self._clock = store, key, holder, clock
        self._terms = LeaseTerms(duration, timedelta(0))
        self._io, self._pause = io, pause
        self._lease: Lease | None = None
        self._lock = asyncio.Lock()

    @property
    def epoch(self) -> int:
        """Of the lease."""
        if self._lease is None:
            raise LeaseLost(f"{self._key} is not held")
        return self._lease.state.epoch

    def holds(self) -> bool:
        """Whether it lasts for certain at this instant."""
        return self._lease is not None and self._lease.left > MARGIN

    async def take(self) -> None:
        """Take it as soon as nobody has it.

        A holder that is gone has run out after one lease. One that goes on renewing has got the partition, and this
        process has lost it without hearing of it.
        """
        give_up = self._clock.monotonic() + PATIENCE * self._terms.duration.total_seconds()
        while not self.holds():
            try:
                self._lease = await self._io(self._taken)
            except InProgress as error:
                if self._clock.monotonic() >= give_up:
                    raise LeaseLost(f"{self._key} goes on being held by another process: {error}") from error
                await self._pause(min(error.retry_after.total_seconds(), LONGEST_WAIT_SECONDS))

    def _taken(self) -> Lease:
        return Lease.take(self._store, self._key, self._holder, self._terms, self._clock)

    async def require(self) -> None:
        """Make sure that it lasts."""
        lease = self._lease
        if lease is None:
            raise LeaseLost(f"{self._key} was given back")
        if lease.left >= self._terms.duration / 2:
            return
        async with self._lock:  # two that renew at once would each take the other for another process
            if lease.left < self._terms.duration / 2:
                await self._io(lambda: lease.require(MARGIN))

    async def renew(self) -> None:
        """Renew it when less than half is left."""
        if self.holds() and not self._lock.locked():
            await self.require()

    async def give_back(self) -> None:
        """Let a successor begin at once; a store that does not answer lets it wait until the lease has run out."""
        lease, self._lease = self._lease, None
        if lease is not None and lease.left > timedelta(0):
            async with self._lock:
                with suppress(StoreError, LeaseLost):
                    await self._io(lease.release)
