"""The bus on RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika import Connection, DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelClosed, DeliveryError
from loguru import logger
from quant_platform_kit.domain.errors import InvalidInput, QuantError
from quant_platform_kit.ports.clock import Clock

from tq_broker_app.bus.names import Place, places
from tq_broker_app.bus.ports import Active, BusDown, Handle, Queue
from tq_broker_app.bus.processing import DOWN, Processor
from tq_broker_app.bus.topology import ensure, opened
from tq_broker_app.settings import RabbitSettings

__all__ = ["LOST", "RabbitBus"]

LOST = (*CONNECTION_EXCEPTIONS, TimeoutError)
"""What the library raises where the server is gone, or about to be."""
CONNECT_SECONDS = 5.0
CONFIRM_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
STANDBY_SECONDS = 1.0
LOCKED = "RESOURCE_LOCKED"
ANSWERED_IN = {Queue.SUBMIT: (Queue.ORDERS,), Queue.CANCEL: (Queue.ORDERS,)}
"""Where what is consumed is answered: a queue that differs there is told before the first message is taken."""
CLOSE_SECONDS = 6.0


class RabbitBus:
    """Queues of one deployment on a RabbitMQ server; what is published is confirmed and mandatory.

    Attributes
    ----------
    state
        What the consumer does: ``consuming``, ``standing by``, or ``waiting`` for what is down; empty without one.
    """

    def __init__(self, settings: RabbitSettings, portfolio_id: str, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self.places = places(settings, portfolio_id)
        self._publisher: Connection | None = None
        self._exchanges: dict[str, AbstractExchange] = {}
        self._opening = asyncio.Lock()
        self._stopping = asyncio.Event()
        self.state = ""

    async def publish(self, queue: Queue, body: bytes) -> None:
        """Put a message in a queue; see `Bus.publish`."""
        place = self.places[queue]
        try:
            exchange = await self._exchange(place)
            message = Message(body, delivery_mode=DeliveryMode.PERSISTENT, content_type="application/json")
            await exchange.publish(message, place.queue, mandatory=True, timeout=CONFIRM_SECONDS)
        except DeliveryError as error:
            await self._forget()
            raise BusDown(f"no queue takes what is published to {place.queue}: {error}") from error
        except LOST as error:
            await self._forget()
            raise BusDown(f"RabbitMQ does not answer: {error!r}") from error

    async def consume(self, queue: Queue, handle: Handle, *, at_once: int = 1, active: Active | None = None) -> None:
        """Process messages until cancelled, or until the bus is closed; see `Bus.consume`."""
        pause, processor = FIRST_PAUSE, Processor(self, queue, handle, self._clock)
        while not self._stopping.is_set():
            try:
                async with self.connection() as connection:
                    for each in (queue, Queue.DEAD, *ANSWERED_IN.get(queue, ())):
                        await ensure(connection, self.places[each])
                    async with self._active(connection, queue, active):
                        if self._stopping.is_set():
                            return
                        channel = await opened(connection, prefetch=at_once)
                        pause, self.state = FIRST_PAUSE, "consuming"
                        logger.info("messages of {} are consumed", queue.value)
                        await self._drain(channel, self.places[queue], processor, at_once)
            except (*LOST, *DOWN) as error:
                self.state = f"waiting: {error if isinstance(error, QuantError) else repr(error)}"
                logger.warning(
                    "{} is not consumed: {}", queue.value, error if isinstance(error, QuantError) else repr(error)
                )
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def close(self) -> None:
        """Let what is under way end, and close; see `Bus.close`."""
        self._stopping.set()
        await self._forget()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Yield a connection of its own."""
        connection = await self._connect()
        try:
            yield connection
        finally:
            with suppress(*LOST):
                await connection.close()

    async def _connect(self) -> Connection:
        url = self._settings.url.get_secret_value()
        url += f"{'&' if '?' in url else '?'}heartbeat={self._settings.heartbeat_seconds}"
        return await aio_pika.connect(url, connection_class=Connection, timeout=CONNECT_SECONDS)

    async def _exchange(self, place: Place) -> AbstractExchange:
        async with self._opening:
            if (publisher := self._publisher) is None:
                publisher = self._publisher = await self._connect()
                self._exchanges = {}
            if (exchange := self._exchanges.get(place.queue)) is None:
                known = self._exchanges  # others may forget all of it meanwhile
                await ensure(publisher, place)
                channel = await opened(publisher)
                exchange = known[place.queue] = await channel.get_exchange(place.exchange, ensure=False)
            return exchange

    async def _forget(self) -> None:
        publisher, self._publisher, self._exchanges = self._publisher, None, {}
        if publisher is not None:
            with suppress(*LOST):
                await publisher.close()

    @asynccontextmanager
    async def _active(self, connection: Connection, queue: Queue, active: Active | None) -> AsyncGenerator[None]:
        """Be the only active consumer for as long as the context lasts, where that is asked for."""
        if active is None:
            yield
            return
        await self._stand_by(connection, f"{self.places[queue].queue}.active")
        try:
            if not self._stopping.is_set():
                await active.activate()
            yield
        finally:
            await active.stand_down()

    async def _stand_by(self, connection: Connection, name: str) -> None:
        """Return once an exclusive queue is this connection's, the only active one of all, or it is to stop."""
        waited = False
        while not self._stopping.is_set():
            try:
                await (await opened(connection)).declare_queue(name, exclusive=True)
            except ChannelClosed as error:
                if LOCKED not in str(error):
                    raise InvalidInput(f"queue {name} cannot be had: {error}") from error
            else:
                return
            self.state = "standing by"
            if not waited:
                logger.info("standing by: another one is active on {}", name)
            waited = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), STANDBY_SECONDS)

    async def _drain(self, channel: AbstractChannel, place: Place, processor: Processor, at_once: int) -> None:
        """Process messages until the channel closes, the bus stops, or something that is needed is down."""
        flow = _Flow(processor, asyncio.Semaphore(at_once))
        queue = await channel.get_queue(place.queue, ensure=False)
        tag = await queue.consume(flow.take)
        ends = [asyncio.ensure_future(what) for what in (self._stopping.wait(), channel.closed(), flow.failed.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            with suppress(*LOST):
                await queue.cancel(tag, timeout=CONNECT_SECONDS)
            await flow.end()
        if not self._stopping.is_set() and channel.is_closed:
            raise BusDown("the channel was closed")


class _Flow:
    """Messages under way. After the first failure no other begins; those under way end."""

    def __init__(self, processor: Processor, places: asyncio.Semaphore) -> None:
        self._processor, self._places = processor, places
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self.failed = asyncio.Event()

    async def take(self, message: AbstractIncomingMessage) -> None:
        """Begin with a message: in the order in which messages come, as many at a time as there are places."""
        task = asyncio.create_task(self._process(message))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def end(self) -> None:
        """Wait for those under way, then raise the first failure."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        if self._failure is not None:
            raise self._failure

    async def _process(self, message: AbstractIncomingMessage) -> None:
        async with self._places:
            if not self.failed.is_set():
                await self._processor.process(message.body, message.ack)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self.failed.set()
