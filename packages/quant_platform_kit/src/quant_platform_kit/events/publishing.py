"""Sending messages out of an event loop: each is on the bus when the call returns."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from quant_platform_kit.events.bus import Outgoing, Settings, bus_error, producer_config
from quant_platform_kit.events.errors import BusDown

__all__ = ["Publisher"]

POLL_SECONDS = 0.1
FULL_SECONDS = 0.01
FLUSH_SECONDS = 5.0

_Told = tuple[asyncio.Future[None], BusDown | None]
"""Who waits for a message, and why it is not known to be on the bus."""


class Publisher:
    """An idempotent producer; leaving its context sends what is left, and ends it.

    It belongs to the event loop in which its context is entered.
    """

    def __init__(self, settings: Settings) -> None:
        self._producer = Producer(producer_config(settings))
        self._closing = threading.Event()
        self._told: deque[_Told] = deque()
        self._reports = threading.Thread(target=self._report, name="bus-reports", daemon=True)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._reports.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._producer.flush, FLUSH_SECONDS)
        self._closing.set()
        await asyncio.to_thread(self._reports.join)

    async def publish(self, *messages: Outgoing) -> None:
        """Send messages; all are on the bus, on every replica, when this returns.

        Those of one call, and of calls that begin one after the other, keep their order within a key.

        Raises
        ------
        BusDown
            Nobody knows whether all are there; to send them again is for whoever reads to notice, by their ids.
        """
        await asyncio.gather(*[await self._begun(message) for message in messages])

    async def _begun(self, message: Outgoing) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        while True:
            try:
                self._producer.produce(
                    message.topic, message.value, message.key, headers=message.headers, on_delivery=self._teller(future)
                )
            except BufferError:
                await asyncio.sleep(FULL_SECONDS)
            except KafkaException as error:
                raise bus_error(error) from error
            else:
                return future

    def _teller(self, future: asyncio.Future[None]) -> Callable[[KafkaError | None, Message], None]:
        """Return what the producer calls, in any thread that asks it, when it knows what became of a message."""

        def tell(error: KafkaError | None, _: Message) -> None:
            self._told.append((future, None if error is None else bus_error(error)))

        return tell

    def _report(self) -> None:
        """Hand on what the producer knows, as much at a time as it does."""
        producer: Any = self._producer
        while not self._closing.is_set():
            producer.poll(POLL_SECONDS)
            self._hand_on()
        self._hand_on()  # what the last flush was told

    def _hand_on(self) -> None:
        told = [self._told.popleft() for _ in range(len(self._told))]
        if told:
            self._loop.call_soon_threadsafe(_settle, told)


def _settle(told: list[_Told]) -> None:
    for future, error in told:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
