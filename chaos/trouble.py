"""Trouble that chance makes beside a campaign, one after another."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from venue_sandbox.servers.private import Running

__all__ = ["Kinds", "Maker", "Weights", "restart"]

Weights = Mapping[str, float]
"""By kind of trouble how likely it is, compared with the others."""
Kinds = Mapping[str, Callable[[], Awaitable[bool | None]]]
"""What makes each kind of trouble; False where there was no occasion."""
PAUSE_SECONDS = 3.0
SERVER_SECONDS = 1.0


@dataclass(slots=True)
class Maker:
    """Makes trouble until it is stopped.

    Attributes
    ----------
    pause
        Seconds between two troubles, on average.
    done
        What was done, how often.
    told
        What could not be done, and why.
    calm
        While it is set, nothing happens.
    """

    weights: Weights
    seed: int
    pause: float = PAUSE_SECONDS
    done: Counter[str] = field(default_factory=Counter[str])
    told: list[str] = field(default_factory=list[str])
    calm: asyncio.Event = field(default_factory=asyncio.Event)
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"trouble {self.seed}")

    async def run(self, kinds: Kinds) -> None:
        """Make trouble until cancelled."""
        names = [name for name in kinds if self.weights.get(name)]
        while True:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * self.pause)
            if self.calm.is_set() or not names:
                continue
            name = self.chance.choices(names, [self.weights[name] for name in names])[0]
            try:
                if await kinds[name]() is not False:
                    self.done[name] += 1
            except Exception as error:  # noqa: BLE001 - what is down cannot be troubled: the next kind is tried
                self.done[f"{name} in vain"] += 1
                self.told.append(f"{name}: {error!r}")

    async def restart_one(self, servers: Mapping[str, Running]) -> None:
        """Stop or kill one of some servers, and start it again."""
        name = self.chance.choice(sorted(servers))
        await restart(servers[name], kill=self.chance.random() < 0.5)
        self.done[f"server {name}"] += 1


async def restart(server: Running, *, kill: bool) -> None:
    """Stop or kill a server, and start it again after a while."""
    await asyncio.to_thread(server.kill if kill else server.stop)
    await asyncio.sleep(SERVER_SECONDS)
    await asyncio.to_thread(server.start)
