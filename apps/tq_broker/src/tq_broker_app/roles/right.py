"""The right to send orders of an account: the kit's lease, kept up beside the work."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from loguru import logger
from quant_platform_kit.domain.errors import InProgress, LeaseLost, StoreError
from quant_platform_kit.services.record.leases import Lease, LeaseTerms

from tq_broker_app.record.order_book import lease_key
from tq_broker_app.roles.parts import Parts, in_thread

__all__ = ["Right"]

MARGIN = timedelta(milliseconds=200)
"""Nothing is sent when less than this is left."""
RENEWALS = 4
"""So often in its duration a lease is looked at."""


class Right:
    """A lease that is renewed until it is given back.

    A successor waits until it has run out, and for as long as an order may take to appear after that. Whoever was
    stopped in the meantime finds that it is over before it sends anything.
    """

    def __init__(self, parts: Parts, account_id: str, holder: str) -> None:
        self._parts, self._key, self._holder = parts, lease_key(account_id), holder
        own = parts.settings.submitter
        self._duration = timedelta(seconds=own.lease_seconds)
        self._terms = LeaseTerms(self._duration, timedelta(seconds=own.visibility_seconds))
        self._lease: Lease | None = None
        self._lock = asyncio.Lock()

    @property
    def epoch(self) -> int:
        """The number of the lease: it only grows."""
        assert self._lease is not None, "it was taken"
        return self._lease.state.epoch

    def holds(self) -> bool:
        """Whether it lasts for certain; may be asked from any thread."""
        lease = self._lease  # it may be given back meanwhile
        return lease is not None and lease.left > MARGIN

    @property
    def lasts(self) -> bool:
        """Whether more than half of it is left: nothing has to be renewed first."""
        lease = self._lease
        return lease is not None and lease.left >= self._duration / 2

    async def take(self) -> None:
        """Take it as soon as nobody has it."""
        if self.holds():
            return
        while True:
            try:
                self._lease = await in_thread(self._taken)
            except InProgress as error:
                logger.info("waiting for the right to send: {}", error)
                await asyncio.sleep(min(error.retry_after.total_seconds(), 1.0))
            else:
                return

    def _taken(self) -> Lease:
        parts = self._parts
        return Lease.take(parts.store, self._key, self._holder, self._terms, parts.clock)

    async def require(self) -> None:
        """Make sure that it lasts, renewing it when less than half is left; raises `LeaseLost` where it does not."""
        lease = self._lease
        if lease is None:
            raise LeaseLost("the right to send was given back")
        if not self.lasts:
            async with self._lock:
                if not self.lasts:
                    await in_thread(lambda: lease.require(MARGIN))

    async def keep(self) -> None:
        """Renew it until cancelled; a store that does not answer for a moment is asked again while it lasts."""
        while True:
            await asyncio.sleep(self._duration.total_seconds() / RENEWALS)
            if self._lease is None:
                continue
            try:
                await self.require()
            except StoreError as error:
                if not self.holds():
                    raise
                logger.warning("the right to send is not renewed yet: {}", error)

    async def give_back(self) -> None:
        """Let a successor begin at once."""
        lease, self._lease = self._lease, None
        if lease is not None and lease.left > timedelta(0):
            async with self._lock:
                await in_thread(lease.release)
