"""The bus on a real RabbitMQ: nothing is lost on the way in or out, and work ends before the connection does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from tq_broker_app.bus.ports import BusDown, Queue
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.settings import RabbitSettings

Use = Callable[[RabbitBus, Any], Awaitable[None]]


@asynccontextmanager
async def channel_at(url: str) -> AsyncGenerator[Any]:
    async with await aio_pika.connect(url) as connection:
        yield await connection.channel()


def on_a_bus(url: str, use: Use) -> None:
    """Use a bus with queues of its own, which are gone afterwards."""

    async def run() -> None:
        settings = RabbitSettings.model_validate({"url": url, "portfolio_queues": True})
        bus = RabbitBus(settings, f"p{uuid4().hex[:8]}", SystemClock())
        async with channel_at(url) as channel:
            try:
                async with asyncio.timeout(30):
                    await use(bus, channel)
            finally:
                await bus.close()
                for place in bus.places.values():
                    await channel.queue_delete(place.queue)
                    await channel.exchange_delete(place.exchange)

    asyncio.run(run())


async def waiting(bus: RabbitBus, channel: Any, queue: Queue) -> int:
    """Return how many messages are ready in a queue."""
    declared = await channel.declare_queue(bus.places[queue].queue, durable=True, passive=True)
    return declared.declaration_result.message_count


def test_a_message_that_no_queue_takes_is_an_error_and_the_next_one_arrives(rabbitmq_url: str) -> None:
    async def use(bus: RabbitBus, channel: Any) -> None:
        await bus.publish(Queue.ORDERS, b"1")
        place = bus.places[Queue.ORDERS]
        await (await channel.get_queue(place.queue)).unbind(place.exchange, place.queue)
        with pytest.raises(BusDown, match="no queue takes"):
            await bus.publish(Queue.ORDERS, b"2")
        await bus.publish(Queue.ORDERS, b"3")
        assert await waiting(bus, channel, Queue.ORDERS) == 2

    on_a_bus(rabbitmq_url, use)


def test_a_message_waits_in_its_place_while_something_is_down(rabbitmq_url: str) -> None:
    async def use(bus: RabbitBus, channel: Any) -> None:
        seen: list[bytes] = []
        failing = [True, True]

        async def handle(body: bytes) -> None:
            if body == b"1" and failing:
                failing.pop()
                raise StoreError("down")
            seen.append(body)

        for body in (b"0", b"1", b"2"):
            await bus.publish(Queue.ACCOUNT, body)
        consuming = asyncio.create_task(bus.consume(Queue.ACCOUNT, handle))
        while len(seen) < 3:
            await asyncio.sleep(0.01)
        await bus.close()
        await consuming
        assert (seen, failing) == ([b"0", b"1", b"2"], [])
        assert await waiting(bus, channel, Queue.ACCOUNT) == 0

    on_a_bus(rabbitmq_url, use)


def test_no_more_messages_are_under_way_than_may_be(rabbitmq_url: str) -> None:
    async def use(bus: RabbitBus, _: Any) -> None:
        under_way, most, begun = 0, 0, list[bytes]()

        async def handle(body: bytes) -> None:
            nonlocal under_way, most
            begun.append(body)
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1

        bodies = [b"%d" % number for number in range(12)]
        for body in bodies:
            await bus.publish(Queue.SUBMIT, body)
        consuming = asyncio.create_task(bus.consume(Queue.SUBMIT, handle, at_once=3))
        while len(begun) < 12 or under_way:
            await asyncio.sleep(0.01)
        await bus.close()
        await consuming
        assert (most, begun) == (3, bodies)

    on_a_bus(rabbitmq_url, use)


def test_what_is_under_way_ends_is_told_and_is_acknowledged_when_the_bus_closes(rabbitmq_url: str) -> None:
    async def use(bus: RabbitBus, channel: Any) -> None:
        begun, closed = asyncio.Event(), asyncio.Event()

        async def handle(body: bytes) -> None:
            begun.set()
            await closed.wait()
            await bus.publish(Queue.ORDERS, body)

        await bus.publish(Queue.CANCEL, b"1")
        consuming = asyncio.create_task(bus.consume(Queue.CANCEL, handle))
        await begun.wait()
        await bus.close()
        closed.set()
        await consuming
        assert (await waiting(bus, channel, Queue.ORDERS), await waiting(bus, channel, Queue.CANCEL)) == (1, 0)

    on_a_bus(rabbitmq_url, use)


def test_a_standby_that_is_told_to_stop_says_that_it_stands_by_and_consumes_nothing(rabbitmq_url: str) -> None:
    class Active:
        async def activate(self) -> None:
            """Nothing is to be done."""

        async def stand_down(self) -> None:
            """Nothing is to be done."""

    async def use(bus: RabbitBus, channel: Any) -> None:
        taken: list[bytes] = []

        async def handle(body: bytes) -> None:
            taken.append(body)

        async with channel_at(rabbitmq_url) as holder:
            await holder.declare_queue(f"{bus.places[Queue.SUBMIT].queue}.active", exclusive=True)
            await bus.publish(Queue.SUBMIT, b"1")
            consuming = asyncio.create_task(bus.consume(Queue.SUBMIT, handle, active=Active()))
            while bus.state != "standing by":
                await asyncio.sleep(0.01)
            await bus.close()
            await consuming
        assert (taken, bus.state) == ([], "standing by")
        assert await waiting(bus, channel, Queue.SUBMIT) == 1

    on_a_bus(rabbitmq_url, use)


@pytest.mark.parametrize("consumed", [Queue.SUBMIT, Queue.CANCEL])
def test_a_queue_for_answers_that_differs_is_told_before_a_message_is_taken(rabbitmq_url: str, consumed: Queue) -> None:
    async def use(bus: RabbitBus, channel: Any) -> None:
        async def handle(_: bytes) -> None:
            raise AssertionError("it was taken")

        await bus.publish(consumed, b"1")
        name = bus.places[Queue.ORDERS].queue
        await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
        with pytest.raises(InvalidInput, match=f"queue {name}: x-queue-type has to be none, and is quorum"):
            await bus.consume(consumed, handle)
        assert await waiting(bus, channel, consumed) == 1

    on_a_bus(rabbitmq_url, use)
