"""What becomes of a message: acknowledged, a dead letter, or left for later."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from loguru import logger
from quant_platform_kit.domain.errors import Damaged, LeaseLost, QuantError, StoreError
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.ports.clock import Clock

from tq_broker_app.bus.dead_letters import DeadLetter
from tq_broker_app.bus.ports import Bus, BusDown, Handle, Queue, Unprocessable
from tq_broker_app.errors import SessionOver

__all__ = ["DOWN", "Processor"]

DOWN = (BusDown, StoreError)
"""What says that something that is needed does not answer: consuming stops until it does."""
MOST_ATTEMPTS = 3
"""A message that fails for another reason so often becomes a dead letter."""
REMEMBERED = 10_000


class Processor:
    """Processes the messages of one queue.

    Parameters
    ----------
    bus
        Takes the dead letters.
    """

    def __init__(self, bus: Bus, queue: Queue, handle: Handle, clock: Clock) -> None:
        self._bus, self._queue, self._handle, self._clock = bus, queue, handle, clock
        self._attempts: OrderedDict[bytes, int] = OrderedDict()

    async def process(self, body: bytes, ack: Callable[[], Awaitable[None]]) -> None:
        """Process a message, and acknowledge it last.

        Raises
        ------
        StoreError, BusDown
            Something that is needed is down; the message was not acknowledged.
        """
        try:
            await self._handle(body)
        except Unprocessable as error:
            await self._bury(body, str(error))
        except (LeaseLost, SessionOver):
            raise
        except Exception as error:
            if isinstance(error, DOWN) and not isinstance(error, Damaged):
                raise
            if self._failed(body) < MOST_ATTEMPTS:
                logger.exception("a message of {} failed; it is tried again", self._queue.value)
                raise BusDown(f"a message failed: {error!r}") from error
            logger.exception("a message of {} failed {} times", self._queue.value, MOST_ATTEMPTS)
            told = str(error) if isinstance(error, QuantError) else repr(error)
            await self._bury(body, f"it failed {MOST_ATTEMPTS} times: {told}")
        self._attempts.pop(body, None)
        await ack()

    def _failed(self, body: bytes) -> int:
        self._attempts[body] = self._attempts.get(body, 0) + 1
        while len(self._attempts) > REMEMBERED:
            self._attempts.popitem(last=False)
        return self._attempts[body]

    async def _bury(self, body: bytes, reason: str) -> None:
        attempts = self._attempts.get(body, 0) or 1
        letter = DeadLetter.of(self._queue, body, redact(reason), attempts, self._clock.now())
        await self._bus.publish(Queue.DEAD, letter.model_dump_json().encode())
        logger.warning("a message of {} became a dead letter: {}", self._queue.value, letter.reason)
