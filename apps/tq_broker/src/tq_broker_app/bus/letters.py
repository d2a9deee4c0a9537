"""Reading the dead letters, and what a person does with them: nothing is lost, whatever happens in between.

All letters are fetched and held while somebody works on them; those that are left go back where they were, in their
order, when the channel is closed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aio_pika import Connection
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity
from pydantic import ValidationError
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Refused

from tq_broker_app.bus.dead_letters import DeadLetter
from tq_broker_app.bus.names import Place
from tq_broker_app.bus.ports import BusDown, Queue
from tq_broker_app.bus.rabbit import LOST, RabbitBus
from tq_broker_app.bus.topology import opened

__all__ = ["Letter", "Letters", "count_letters", "depths", "open_letters"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter in its queue.

    Attributes
    ----------
    number
        Its place, from 1, the oldest first; it changes as others are replayed or dropped.
    content
        None where the message is no dead letter of this app's.
    """

    number: int
    content: DeadLetter | None
    message: AbstractIncomingMessage

    @property
    def digest(self) -> str:
        """A short name, the same wherever it stands in the queue."""
        return sha256(self.message.body)[:16]

    @property
    def told(self) -> str:
        """The original, or what stands in its place, as text."""
        return self.content.original if self.content else self.message.body.decode(errors="replace")


class Letters:
    """All dead letters of a deployment, held as long as the channel is open."""

    def __init__(self, bus: RabbitBus, letters: Sequence[Letter]) -> None:
        self._bus, self.all = bus, letters

    def chosen(self, numbers: Collection[int]) -> list[Letter]:
        """Return letters by their numbers; raises `Refused`, naming those that are not there."""
        known = {letter.number: letter for letter in self.all}
        if missing := sorted(set(numbers) - set(known)):
            there = f"there are 1 to {len(known)}" if known else "there are none"
            raise Refused(f"no dead letter {', '.join(map(str, missing))}: {there}; see `tq-broker dead-letters list`")
        return [known[number] for number in sorted(set(numbers))]

    async def replay(self, letter: Letter) -> None:
        """Put the original back in its queue, confirmed, and only then take the letter away."""
        if letter.content is None:
            raise Refused(f"dead letter {letter.number} is no letter of this app's: nothing says where it came from")
        await self._bus.publish(letter.content.queue, letter.content.body)
        await self.drop(letter)

    async def drop(self, letter: Letter) -> None:
        """Take a letter away for good."""
        try:
            await letter.message.ack()
        except LOST as error:
            raise BusDown(f"RabbitMQ does not answer: {error!r}") from error


@asynccontextmanager
async def open_letters(bus: RabbitBus) -> AsyncGenerator[Letters]:
    """Fetch all dead letters, and let those go back that are left; a queue that is not there has none.

    Raises
    ------
    BusDown
        RabbitMQ does not answer.
    """
    try:
        async with bus.connection() as connection:
            channel = await opened(connection)
            try:
                queue = await channel.get_queue(bus.places[Queue.DEAD].queue)
            except ChannelNotFoundEntity:
                yield Letters(bus, ())
                return
            found: list[Letter] = []
            while (message := await queue.get(fail=False)) is not None:
                found.append(Letter(len(found) + 1, _read(message.body), message))
            try:
                yield Letters(bus, found)
            finally:
                await channel.close()
    except LOST as error:
        raise BusDown(f"RabbitMQ does not answer: {error!r}") from error


def _read(body: bytes) -> DeadLetter | None:
    try:
        return DeadLetter.model_validate_json(body)
    except ValidationError:
        return None


async def count_letters(bus: RabbitBus) -> int:
    """Return how many dead letters wait, without touching them; raises `BusDown` where RabbitMQ does not answer."""
    found = await depths(bus)
    return found[Queue.DEAD] or 0


async def depths(bus: RabbitBus) -> dict[Queue, int | None]:
    """Return how many messages wait in each queue, None for a queue that is not there; nothing is changed.

    Raises
    ------
    BusDown
        RabbitMQ does not answer.
    """
    try:
        async with bus.connection() as connection:
            return {queue: await _depth(connection, place) for queue, place in bus.places.items()}
    except LOST as error:
        raise BusDown(f"RabbitMQ does not answer: {error!r}") from error


async def _depth(connection: Connection, place: Place) -> int | None:
    channel = await opened(connection)
    try:
        declared = await channel.declare_queue(place.queue, passive=True)
    except ChannelNotFoundEntity:
        return None
    await channel.close()
    return declared.declaration_result.message_count or 0
