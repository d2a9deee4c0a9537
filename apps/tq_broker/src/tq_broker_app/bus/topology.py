"""Queues and exchanges as they have to be: made where they are missing, refused where they differ."""

from __future__ import annotations

import re

from aio_pika import Channel, Connection, ExchangeType
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed
from quant_platform_kit.domain.errors import InvalidInput

from tq_broker_app.bus.names import Place

__all__ = ["ensure", "opened"]

_DIFFERS = re.compile(
    r"inequivalent arg '(?P<what>[^']*)' for (?P<kind>queue|exchange) '(?P<name>[^']*)'.*"
    r"received (?P<wanted>.*?),? but current is (?P<found>.*)"
)

_VALUE = re.compile(r"the value '(?P<value>[^']*)' of type '[^']*'")
"""How an argument of a queue is told."""


async def opened(connection: Connection, *, prefetch: int = 0) -> AbstractChannel:
    """Return a new channel: it confirms what is published, and raises where no queue takes it."""
    channel = Channel(connection, publisher_confirms=True, on_return_raises=True)
    await channel.initialize()
    if prefetch:
        await channel.set_qos(prefetch_count=prefetch)
    return channel


async def ensure(connection: Connection, place: Place) -> None:
    """Make sure that a queue, its exchange and the binding are there, and are durable, direct and without arguments.

    The engine declares them too, and any difference would keep one of both out. What is there is looked at first.

    Raises
    ------
    InvalidInput
        One is there and differs; the message names it, what was wanted and what was found.
    """
    try:
        if not await _exists(connection, place.queue):
            await (await opened(connection)).declare_queue(place.queue, durable=True)
        channel = await opened(connection)
        queue = await channel.declare_queue(place.queue, durable=True)
        exchange = await channel.declare_exchange(place.exchange, ExchangeType.DIRECT, durable=True)
        await queue.bind(exchange, place.queue)
        await channel.close()
    except ChannelPreconditionFailed as error:
        raise InvalidInput(_told(place, str(error))) from error


async def _exists(connection: Connection, queue: str) -> bool:
    channel = await opened(connection)
    try:
        await channel.get_queue(queue)
    except ChannelNotFoundEntity:
        return False
    await channel.close()
    return True


def _told(place: Place, said: str) -> str:
    found = _DIFFERS.search(said)
    if found is None:
        return f"queue {place.queue} or exchange {place.exchange} is not as it has to be: {said}"
    wanted, there = (_VALUE.sub(r"\g<value>", found[side]).strip("'") for side in ("wanted", "found"))
    return (
        f"{found['kind']} {found['name']}: {found['what']} has to be {wanted}, and is {there}: "
        "delete it, or name another one in the settings"
    )
