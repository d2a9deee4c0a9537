"""Consume, transform, produce: what was consumed and what was made of it, dead letters included, in one transaction."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from loguru import logger

from quant_platform_kit.events.bus import Membership, Outgoing, Place, Received
from quant_platform_kit.events.dead_letters import DeadLetter
from quant_platform_kit.events.errors import BusDown, Duplicate, Unreadable
from quant_platform_kit.events.figures import Figures
from quant_platform_kit.events.topics import LARGEST_MESSAGE
from quant_platform_kit.events.transactions import Aborted, Transactions
from quant_platform_kit.ports.clock import Clock

__all__ = ["Function", "Limits", "Transform"]

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
NAP_SECONDS = 0.1

Function = Callable[[Received], Iterable[Outgoing]]
"""Makes messages of one; raises `Unreadable` for one that becomes a dead letter, `Duplicate` for one to pass over."""

Told = Callable[[Collection[Place]], None]
"""Is told of partitions."""


class Limits(NamedTuple):
    """A transaction takes so many messages, or those of so many seconds, whatever is less."""

    messages: int = 2000
    seconds: float = 0.05


class Transform:
    """A stage that turns messages into others, each exactly once as readers of committed messages see it.

    Whatever its function raises, the message becomes a dead letter and the next one goes on. A transaction that does
    not succeed is done again from its first message, so the function sees messages again: what it keeps between
    messages has to bear that.

    Parameters
    ----------
    on_assign, on_revoke
        Told which partitions came and which went, before the first and after the last message of theirs.
    """

    def __init__(
        self,
        member: Membership,
        function: Function,
        clock: Clock,
        *,
        limits: Limits = Limits(),  # noqa: B008
        on_assign: Told | None = None,
        on_revoke: Told | None = None,
    ) -> None:
        self._member, self._stage = member, member.stage
        self._function, self._clock, self._limits = function, clock, limits
        self._transactional_id = f"{member.stage}.{member.instance or uuid.uuid4().hex}"
        self._on_assign, self._on_revoke = on_assign or _ignore, on_revoke or _ignore
        self._refused: dict[tuple[Place, int], str] = {}
        self._careful = 0
        self._stopping = False
        self.figures = Figures()

    def stop(self) -> None:
        """End after the transaction that is under way; may be called from anywhere, a signal's handler included."""
        self._stopping = True

    def run(self) -> None:
        """Process messages until stopped; what fails at the bus is begun anew, with growing pauses."""
        pause = FIRST_PAUSE
        while not self._stopping:
            handled = self.figures.handled
            try:
                self._be_member()
            except BusDown as error:
                pause = FIRST_PAUSE if self.figures.handled > handled else min(pause * 2, LONGEST_PAUSE)
                self.figures.restarts += 1
                self.figures.state = f"waiting: {error}"
                logger.warning("{} begins anew in {:g} s: {}", self._stage, pause, error)
                self._nap(pause)
        self.figures.state = "stopped"

    def _be_member(self) -> None:
        bus = Transactions(self._member, self._transactional_id)
        try:
            bus.join(self._on_assign, self._on_revoke)
            self.figures.state = "consuming"
            while not self._stopping:
                self._work_off(bus, bus.fetch(self._limits.messages))
                self.figures.lag = bus.lag()
        finally:
            bus.leave()

    def _work_off(self, bus: Transactions, messages: Sequence[Received]) -> None:
        """Process messages in transactions; after one that was aborted, all of them are fetched again."""
        waiting = deque(messages)
        while waiting and not self._stopping:
            first = {message.place: message.offset for message in reversed(waiting)}
            try:
                self._one_transaction(bus, waiting)
            except Aborted as error:
                self.figures.aborted += 1
                logger.warning("{}: a transaction is done again: {}", self._stage, error)
                self._careful = len(messages) if error.is_refusal else self._careful
                bus.rewind(first)
                return

    def _one_transaction(self, bus: Transactions, waiting: deque[Received]) -> None:
        begun, taken, next_offsets = time.monotonic(), list[Received](), dict[Place, int]()
        most = 1 if self._careful else self._limits.messages
        before = self._counted()
        try:
            bus.begin()
            while waiting and len(taken) < most and time.monotonic() - begun < self._limits.seconds:
                message = waiting.popleft()
                taken.append(message)
                for made in self._made(message):
                    bus.send(made)
                    self.figures.sent += 1
                next_offsets[message.place] = message.offset + 1
            self.figures.seconds += time.monotonic() - begun
            bus.commit(next_offsets)
        except (Aborted, BusDown) as error:
            self._count_again(before)
            if isinstance(error, Aborted) and error.is_refusal and len(taken) == 1:
                self._note_refusal(taken[0], str(error))
            raise
        self.figures.transactions += 1
        self.figures.handled += len(taken)
        self._careful = max(0, self._careful - 1)

    def _made(self, message: Received) -> Sequence[Outgoing]:
        if self._refused and (reason := self._refused.get((message.place, message.offset))):
            return self._buried(message, reason)
        try:
            made = tuple(self._function(message))
            if large := next((each for each in made if len(each.value) >= LARGEST_MESSAGE), None):
                raise Unreadable(f"{len(large.value)} bytes for {large.topic}; a message has at most {LARGEST_MESSAGE}")
        except Duplicate:
            self.figures.suppressed += 1
            return ()
        except Unreadable as error:
            return self._buried(message, str(error))
        except Exception as error:  # noqa: BLE001
            logger.exception("{}: a message failed", self._stage)
            return self._buried(message, f"the stage failed: {error!r}")
        return made

    def _buried(self, message: Received, reason: str) -> Sequence[Outgoing]:
        letter = DeadLetter.of(self._stage, message, reason, self._clock.now())
        self.figures.dead_letters += 1
        logger.warning("{}: {} at {} is a dead letter: {}", self._stage, message.place, message.offset, letter.reason)
        return (letter.outgoing,)

    def _note_refusal(self, message: Received, reason: str) -> None:
        """Make a message, whose results the bus refuses for good, a dead letter the next time."""
        key = message.place, message.offset
        if key in self._refused:
            raise BusDown(f"the dead letter of {message.place} at {message.offset} is not taken: {reason}")
        self._refused[key] = reason

    def _counted(self) -> Mapping[str, int]:
        return {name: getattr(self.figures, name) for name in ("sent", "dead_letters", "suppressed")}

    def _count_again(self, before: Mapping[str, int]) -> None:
        for name, value in before.items():
            setattr(self.figures, name, value)

    def _nap(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(NAP_SECONDS)


def _ignore(places: Collection[Place]) -> None:
    pass
