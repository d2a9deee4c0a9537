"""What happens to services, servers and the venue while orders are under way."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tq_broker_app.bus.ports import Queue
from venue_sandbox.servers.private import Running
from venue_sandbox.stands.futures import FuturesSite

from chaos.killing import lines_of
from chaos.tq.engine import Engine
from chaos.tq.worker import IN_A_SEND
from chaos.trouble import Maker

__all__ = ["Trouble"]

STOPPED_SECONDS = 4.0
"""Longer than a lease of the campaign lasts."""


@dataclass(slots=True)
class Trouble(Maker):
    """Makes trouble until it is stopped.

    Attributes
    ----------
    moved
        Orders that have another id since the gateway lost its memory.
    """

    site: FuturesSite = field(kw_only=True)
    engine: Engine = field(kw_only=True)
    servers: Mapping[str, Running] = field(kw_only=True)
    user: str = field(kw_only=True)
    hits: Path = field(kw_only=True)
    series: Path = field(kw_only=True)
    moved: set[str] = field(default_factory=set[str])
    _seen: int = 0

    async def make(self) -> None:
        """Make trouble until cancelled."""
        await self.run(
            {
                "kill": self._kill,
                "pause": self._pause,
                "server": lambda: self.restart_one(self.servers),
                "drop_graceful": lambda: self._drop("drop_graceful"),
                "drop_abrupt": lambda: self._drop("drop_abrupt"),
                "failover": self._fail_over,
                "again": lambda: self.engine.tell_again(30),
                "unbind": self._unbind,
                "series": self._series,
            }
        )

    def _in_a_send(self) -> bool:
        """Whether a service was killed inside a send since this was asked last."""
        names = {point.name for point in IN_A_SEND}
        lines = lines_of(self.hits)
        fresh, self._seen = lines[self._seen :], len(lines)
        return any(point in names for _, point in fresh)

    async def _kill(self) -> None:
        name = self.chance.choice(sorted(self.site.servers))
        await asyncio.to_thread(self.site.kill, name)

    async def _pause(self) -> None:
        name = self.chance.choice([name for name in sorted(self.site.servers) if name.startswith("order-submitter")])
        await asyncio.to_thread(self.site.pause, name, STOPPED_SECONDS)

    async def _drop(self, kind: str) -> None:
        fault: dict[str, Any] = {"kind": kind, "operation": "now", "user": self.user}
        await asyncio.to_thread(lambda: self.site.venue.server.fault(**fault))

    async def _fail_over(self) -> bool:
        if not self._in_a_send():
            return False
        found = await asyncio.to_thread(lambda: self.site.venue.do("failover", user=self.user))
        for ids in found.values():
            self.moved |= {own for own, shown in ids.items() if own != shown}
        return True

    async def _unbind(self) -> None:
        await self.engine.unbind(Queue.ORDERS)

    async def _series(self) -> None:
        """Let the submitter die with the same message again and again."""
        await asyncio.to_thread(self.series.write_text, "6", "ascii")
