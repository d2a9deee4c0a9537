"""The engine of a campaign: publishes requests, listens to what is told, and says some of it again."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import aio_pika
from aio_pika.abc import AbstractExchange, AbstractRobustChannel, AbstractRobustConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError
from tq_broker_app.bus.names import Place
from tq_broker_app.bus.ports import Queue

__all__ = ["Engine"]

KEPT = 400
UNBOUND_SECONDS = 30


class Engine:
    """A client of the message broker that is not ours: what it publishes is there when it returns."""

    def __init__(
        self, url: str, places: dict[Queue, Place], seed: int, arguments: dict[str, Any] | None = None
    ) -> None:
        self._url, self._places, self._arguments = url, places, arguments
        self._chance = random.Random(f"engine {seed}")
        self._heard: list[bytes] = []
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self._tap: Any = None

    async def __aenter__(self) -> "Engine":
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            with suppress(*CONNECTION_EXCEPTIONS):
                await self._connection.close()

    async def _open(self) -> None:
        self._connection = await aio_pika.connect_robust(self._url)
        channel: Any = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        self._channel = channel
        for place in self._places.values():
            queue = await channel.declare_queue(place.queue, durable=True, arguments=self._arguments)
            await queue.bind(await channel.declare_exchange(place.exchange, "direct", durable=True), place.queue)
        self._tap = await channel.declare_queue(exclusive=True)
        await self._tap.bind(self._places[Queue.ORDERS].exchange, self._places[Queue.ORDERS].queue)
        await self._tap.consume(self._hear, no_ack=True)

    async def _hear(self, message: Any) -> None:
        if len(self._heard) >= KEPT:
            self._heard[self._chance.randrange(KEPT)] = message.body
        else:
            self._heard.append(message.body)

    async def publish(self, queue: Queue, body: bytes) -> None:
        """Publish a message until the broker has confirmed it: it may then be there twice."""
        place = self._places[queue]
        while True:
            try:
                assert self._channel is not None, "it is open"
                exchange: AbstractExchange = await self._channel.get_exchange(place.exchange, ensure=False)
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await exchange.publish(message, place.queue, mandatory=True, timeout=5)
            except (*CONNECTION_EXCEPTIONS, TimeoutError, asyncio.CancelledError):
                await asyncio.sleep(0.5)
            else:
                return

    async def tell_again(self, count: int) -> None:
        """Publish some of what monitors have told a second time: late, and in another order."""
        for body in self._chance.sample(self._heard, min(count, len(self._heard))):
            await self.publish(Queue.ORDERS, body)

    async def unbind(self, queue: Queue) -> None:
        """Cut a queue off its exchange: what is published is returned to its publisher, who binds it again.

        The engine's own queue is cut off until then, too: while any queue takes a message, nothing is returned.
        """
        place = self._places[queue]
        assert self._channel is not None, "it is open"
        found = await self._channel.get_queue(place.queue, ensure=False)
        exchange: AbstractExchange = await self._channel.get_exchange(place.exchange, ensure=False)
        await self._tap.unbind(place.exchange, place.queue)
        await found.unbind(place.exchange, place.queue)
        for body in self._heard[:UNBOUND_SECONDS]:  # each is told again
            await asyncio.sleep(1)
            with suppress(DeliveryError):
                await exchange.publish(aio_pika.Message(body), place.queue, mandatory=True, timeout=5)
                await self._tap.bind(place.exchange, place.queue)
                return

    async def waiting(self, queue: Queue) -> int:
        """Return how many messages wait in a queue; -1 while the broker does not answer."""
        try:
            async with await aio_pika.connect(self._url, timeout=5) as connection:
                channel = await connection.channel()
                found = await channel.declare_queue(self._places[queue].queue, durable=True, passive=True)
                return int(found.declaration_result.message_count or 0)
        except (*CONNECTION_EXCEPTIONS, TimeoutError):
            return -1

    async def letters(self) -> list[bytes]:
        """Return all dead letters, and leave none."""
        found: list[bytes] = []
        async with await aio_pika.connect(self._url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(self._places[Queue.DEAD].queue, ensure=False)
            while (message := await queue.get(no_ack=True, fail=False)) is not None:
                found.append(message.body)
        return found
