"""What happens to services, servers and the venue while orders are under way."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tq_broker_app.bus.ports import Queue
from venue_sandbox.servers.private import Running
from venue_sandbox.stands.futures import FuturesSite

from chaos.tq.engine import Engine
from chaos.tq.worker import IN_A_SEND

__all__ = ["Trouble", "Weights"]

Weights = Mapping[str, float]
PAUSE_SECONDS = 3.0
STOPPED_SECONDS = 4.0
"""Longer than a lease of the campaign lasts."""
SERVER_SECONDS = 1.0
MINIMUM = 1


@dataclass(slots=True)
class Trouble:
    """Makes trouble until it is stopped.

    Attributes
    ----------
    done
        What was done, how often.
    moved
        Orders that have another id since the gateway lost its memory.
    told
        What could not be done, and why.
    """

    site: FuturesSite
    engine: Engine
    servers: Mapping[str, Running]
    user: str
    weights: Weights
    hits: Path
    series: Path
    seed: int
    done: Counter[str] = field(default_factory=Counter[str])
    moved: set[str] = field(default_factory=set[str])
    told: list[str] = field(default_factory=list[str])
    calm: asyncio.Event = field(default_factory=asyncio.Event)
    _chance: random.Random = field(init=False)
    _seen: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(f"trouble {self.seed}")

    async def run(self) -> None:
        """Make trouble until cancelled."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "kill": self._kill,
            "pause": self._pause,
            "server": self._restart_server,
            "drop_graceful": lambda: self._drop("drop_graceful"),
            "drop_abrupt": lambda: self._drop("drop_abrupt"),
            "failover": self._fail_over,
            "again": lambda: self.engine.tell_again(30),
            "unbind": self._unbind,
            "series": self._series,
        }
        names = [name for name in kinds if self.weights.get(name)]
        while True:
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * PAUSE_SECONDS)
            if self.calm.is_set() or not names:
                continue
            name = self._chance.choices(names, [self.weights[name] for name in names])[0]
            if name == "failover" and not self._in_a_send():
                continue
            try:
                await kinds[name]()
                self.done[name] += 1
            except Exception as error:  # noqa: BLE001 - what is down cannot be troubled: the next kind is tried
                self.done[f"{name} in vain"] += 1
                self.told.append(f"{name}: {error!r}")

    def _in_a_send(self) -> bool:
        """Whether a service was killed inside a send since this was asked last."""
        names = {point.name for point in IN_A_SEND}
        lines = self.hits.read_text(encoding="utf-8").splitlines() if self.hits.exists() else []
        fresh, self._seen = lines[self._seen :], len(lines)
        return any(line.split()[1] in names for line in fresh)

    async def _kill(self) -> None:
        name = self._chance.choice(sorted(self.site.servers))
        await asyncio.to_thread(self.site.kill, name)

    async def _pause(self) -> None:
        name = self._chance.choice([name for name in sorted(self.site.servers) if name.startswith("order-submitter")])
        await asyncio.to_thread(self.site.pause, name, STOPPED_SECONDS)

    async def _restart_server(self) -> None:
        name = self._chance.choice(sorted(self.servers))
        server = self.servers[name]
        await asyncio.to_thread(server.stop if self._chance.random() < 0.5 else server.kill)
        await asyncio.sleep(SERVER_SECONDS)
        await asyncio.to_thread(server.start)
        self.done[f"server {name}"] += 1

    async def _drop(self, kind: str) -> None:
        fault: dict[str, Any] = {"kind": kind, "operation": "now", "user": self.user}
        await asyncio.to_thread(lambda: self.site.venue.server.fault(**fault))

    async def _fail_over(self) -> None:
        found = await asyncio.to_thread(lambda: self.site.venue.do("failover", user=self.user))
        for ids in found.values():
            self.moved |= {own for own, shown in ids.items() if own != shown}

    async def _unbind(self) -> None:
        await self.engine.unbind(Queue.ORDERS)

    async def _series(self) -> None:
        """Let the submitter die with the same message again and again."""
        await asyncio.to_thread(self.series.write_text, "6", "ascii")
