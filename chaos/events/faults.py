"""What happens to services, servers and the relay while commands are under way."""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from event_trading_app.names import Service, Topic
from venue_sandbox.servers.private import Running

from chaos.events.site import TradingSite
from chaos.killing import lines_of
from chaos.trouble import Maker

__all__ = ["CONSUMED", "Trouble"]

CONSUMED = {
    Service.EXECUTOR: Topic.EXECUTE_TRADE,
    Service.MONITOR: Topic.TRADE_RESULT,
    Service.REACTOR: Topic.SWAP_DEMAND,
    Service.NORMALIZER: Topic.RAW_QUOTE,
}
"""What each stage consumes as a member of a group."""
SOME = 20
"""So many messages of each partition come again when a stage is set back by chance."""
REWIND_SECONDS = 40.0
ASK_SECONDS = 10.0
WAKING_SECONDS = 0.2
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "lose_acknowledgement": {"operation": "quote_response"},
    "late_answer": {"operation": "quote_response", "seconds": 1.5},
    "delay_arrival": {"operation": "quote_response", "seconds": 1.5},
    "error_after": {"operation": "quote_response"},
    "lose_request": {"operation": "quote_response"},
    "lose_event": {"operation": "quote_status"},
    "duplicate_event": {"operation": "quote"},
    "hold_event": {"operation": "quote"},
}
"""Faults that hit one request or event of the relay."""


@dataclass(slots=True)
class Trouble(Maker):
    """Makes trouble until it is stopped.

    Attributes
    ----------
    asleep
        Where services say that they stand still.
    sleep
        Seconds after which they are woken.
    moving
        Held while services are stopped and started on purpose.
    """

    site: TradingSite = field(kw_only=True)
    servers: Mapping[str, Running] = field(kw_only=True)
    asleep: Path = field(kw_only=True)
    sleep: float = field(kw_only=True)
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def make(self) -> None:
        """Make trouble until cancelled."""
        await self.run(
            {
                "kill": self._kill,
                "server": lambda: self.restart_one(self.servers),
                "drop_graceful": lambda: self._fault("drop_graceful", operation="now"),
                "drop_abrupt": lambda: self._fault("drop_abrupt", operation="now"),
                "answer": self._answer,
                "salt": self._rotate_salt,
                "rewind": self._rewind_any,
            }
        )

    async def wake(self) -> None:
        """Wake whoever stands still when his time has come, and everybody when this is cancelled."""
        due: dict[int, float] = {}
        seen, clock = 0, asyncio.get_running_loop().time
        try:
            while True:
                await asyncio.sleep(WAKING_SECONDS)
                lines = lines_of(self.asleep)
                due.update({int(process): clock() + self.sleep for _, _, process in lines[seen:]})
                seen = len(lines)
                for process in [process for process, at in due.items() if at <= clock()]:
                    del due[process]
                    _wake(process)
        finally:
            for _, _, process in lines_of(self.asleep):
                _wake(int(process))

    async def rewind(self, service: Service, back: int | None = None) -> None:
        """Let a stage read its topic again: its members leave, and come back.

        Parameters
        ----------
        back
            So many messages of each partition; None for all of them.
        """
        async with self.moving:
            names = [name for name in sorted(self.site.servers) if name.partition("-")[0] == service.value]
            await asyncio.gather(*(asyncio.to_thread(self.site.stop, name) for name in names))
            try:
                await self._set_back(service, back)
                self.done[f"rewind {service.value}"] += 1
            finally:
                for name in names:
                    await asyncio.to_thread(self.site.begin, name, service)

    async def _set_back(self, service: Service, back: int | None) -> None:
        topic = CONSUMED[service].value
        admin = AdminClient({"bootstrap.servers": self.site.kafka})
        until = asyncio.get_running_loop().time() + REWIND_SECONDS
        while True:
            try:
                await asyncio.to_thread(_rewound, admin, service.stage, topic, back)
            except KafkaException:  # a member that was killed is one for some seconds more
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(1)
            else:
                return

    async def _rewind_any(self) -> None:
        await self.rewind(self.chance.choice(list(CONSUMED)), SOME)

    async def _kill(self) -> None:
        await asyncio.to_thread(self.site.kill, self.chance.choice(sorted(self.site.servers)))

    async def _answer(self) -> None:
        kind = self.chance.choice(list(ANSWERS))
        await self._fault(kind, **ANSWERS[kind])
        self.done[kind] += 1

    async def _fault(self, kind: str, **fields: Any) -> None:
        await asyncio.to_thread(lambda: self.site.venue.fault(kind, **fields))

    async def _rotate_salt(self) -> None:
        """Take another salt; those before it stay good, as at the venue for a while."""
        await asyncio.to_thread(lambda: self.site.venue.do("salt", invalidate=False))


def _wake(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


def _rewound(admin: AdminClient, group: str, topic: str, back: int | None) -> None:
    partitions = admin.list_topics(topic, timeout=ASK_SECONDS).topics[topic].partitions
    places = [TopicPartition(topic, number) for number in sorted(partitions)]
    asked = [ConsumerGroupTopicPartitions(group, places)]
    for place in _answer(admin.list_consumer_group_offsets(asked, request_timeout=ASK_SECONDS)):
        places[place.partition].offset = 0 if back is None else max(0, place.offset - back)
    _answer(admin.alter_consumer_group_offsets(asked, request_timeout=ASK_SECONDS))


def _answer(futures: Mapping[str, Any]) -> list[TopicPartition]:
    places: list[TopicPartition] = [place for each in futures.values() for place in each.result().topic_partitions]
    for place in places:
        if place.error is not None:
            raise KafkaException(place.error)
    return places
