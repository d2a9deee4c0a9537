"""Consume, handle, commit: an offset is committed after what its message asks for is durable, and never before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from loguru import logger

from quant_platform_kit.domain.errors import Damaged, InProgress, LeaseLost, StoreError
from quant_platform_kit.events.bus import Membership, Place, Received
from quant_platform_kit.events.consuming import Consuming, Turn
from quant_platform_kit.events.dead_letters import DeadLetter
from quant_platform_kit.events.errors import BusDown, Duplicate, Unreadable
from quant_platform_kit.events.figures import Figures
from quant_platform_kit.events.lanes import Lane
from quant_platform_kit.events.publishing import Publisher
from quant_platform_kit.ports.clock import Clock

__all__ = ["Durable", "Flow", "Handle", "HandleAll", "Hooks"]

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
TOGETHER = 500
"""So many messages are handled as one at most."""
MOST_ATTEMPTS = 3
"""A message that fails so often, and not because something is down, becomes a dead letter."""

Handle = Callable[[Received], Awaitable[None]]
"""Does what a message asks for, durably when it returns.

It raises `Unreadable` for one that becomes a dead letter, `Duplicate` for one that was handled before."""

HandleAll = Callable[[Sequence[Received]], Awaitable[None]]
"""Does what messages of one partition ask for, as if each was handled; it raises where one of them is not to be."""

Told = Callable[[Place], Awaitable[None]]
"""Is told of a partition."""


class Flow(NamedTuple):
    """How much goes on at the same time.

    Attributes
    ----------
    at_once
        Messages of a partition that are handled at the same time, begun in their order.
    waiting
        Messages of a partition that wait here; when there are more, it is paused until a quarter is left.
    grace
        Seconds that messages under way have to end when the stage stops, or a partition is given back.
    """

    at_once: int = 1
    waiting: int = 1000
    grace: float = 5.0


class Hooks(NamedTuple):
    """Who is told of partitions.

    Attributes
    ----------
    on_assign
        Awaited before the first message of a partition: takes its lease, recovers what was left open. Partitions that
        are ready go on meanwhile. While it raises that something is down, or in progress elsewhere, it is tried again.
    on_revoke
        Awaited after the last message of a partition, its offset committed: gives its lease back. Also where the
        partition is lost already: another process may have it by then.
    """

    on_assign: Told | None = None
    on_revoke: Told | None = None


class Durable:
    """A stage that does something outside the bus, at least once for every message.

    While something that is needed is down (`StoreError`, `BusDown`, and what ``down`` names), a message is tried again
    until it is there. A message that fails for another reason becomes a dead letter after three attempts. `LeaseLost`
    ends the membership: the stage joins anew.

    Parameters
    ----------
    handle_all
        Handles what has come of a partition as one. Where it raises, each message is handled by itself.
    down
        Further errors that say that something is down.
    """

    def __init__(  # noqa: PLR0913 - what a stage is made of
        self,
        member: Membership,
        handle: Handle,
        clock: Clock,
        *,
        flow: Flow = Flow(),  # noqa: B008
        hooks: Hooks = Hooks(),  # noqa: B008
        handle_all: HandleAll | None = None,
        down: tuple[type[Exception], ...] = (),
    ) -> None:
        self._member, self._handle, self._clock, self._flow = member, handle, clock, flow
        self._handle_all = handle_all
        self._hooks, self._down = hooks, (BusDown, InProgress, StoreError, *down)
        self._lanes: dict[Place, Lane] = {}
        self._failure: Exception | None = None
        self._stopping = False
        self.figures = Figures()

    def stop(self) -> None:
        """Begin no more message, let those under way end, and leave the group; may be called from anywhere."""
        self._stopping = True

    async def run(self) -> None:
        """Handle messages until stopped; what fails at the bus is begun anew, with growing pauses."""
        pause = FIRST_PAUSE
        while not self._stopping:
            handled = self.figures.handled
            try:
                await self._be_member()
            except (BusDown, LeaseLost) as error:
                pause = FIRST_PAUSE if self.figures.handled > handled else min(pause * 2, LONGEST_PAUSE)
                self.figures.restarts += 1
                self.figures.state = f"waiting: {error}"
                logger.warning("{} joins anew in {:g} s: {}", self._member.stage, pause, error)
                await asyncio.sleep(pause)
        self.figures.state = "stopped"

    async def _be_member(self) -> None:
        self._failure = None
        async with Publisher(self._member.settings) as self._publisher:
            bus = Consuming(self._member, self, begin_paused=self._hooks.on_assign is not None)
            try:
                await bus.join()
                self.figures.state = "consuming"
                while not self._stopping and self._failure is None:
                    self._take(await bus.turn(self._next_turn()))
            finally:
                # What leaving revokes comes back to `revoked`.
                await bus.leave()
        if self._failure is not None:
            raise self._failure

    # --- what the consumer tells of partitions -----------------------------------------------------

    async def assigned(self, places: Collection[Place]) -> None:
        """Begin with partitions."""
        for place in places:
            lane = self._lanes[place] = Lane(place, self._flow.at_once)
            lane.ready = self._hooks.on_assign is None
            lane.paused = not lane.ready
            if self._hooks.on_assign is not None:
                lane.preparing = asyncio.create_task(self._prepare(lane, self._hooks.on_assign))

    async def closed(self, places: Collection[Place], *, are_lost: bool) -> dict[Place, int]:
        """End work on partitions; return the offsets to commit."""
        lanes = [self._lanes[place] for place in places if place in self._lanes]
        for lane in lanes:
            lane.close()
        tasks = [task for lane in lanes for task in lane.tasks]
        if tasks and not are_lost:
            await asyncio.wait(tasks, timeout=self._flow.grace)
        await _ended([*tasks, *(lane.preparing for lane in lanes if lane.preparing)])
        return {} if are_lost else {lane.place: lane.next for lane in lanes if lane.next is not None}

    async def revoked(self, places: Collection[Place]) -> None:
        """Give partitions back: their work has ended and their offsets are committed."""
        for place in places:
            if self._lanes.pop(place, None) and self._hooks.on_revoke is not None:
                try:
                    await self._hooks.on_revoke(place)
                except Exception:  # noqa: BLE001 - it goes all the same
                    logger.exception("{}: {} was not given back in order", self._member.stage, place)
            self.figures.lag.pop(place, None)

    # --- the loop ----------------------------------------------------------------------------------

    def _next_turn(self) -> Turn:
        lanes = self._lanes.values()
        pause = [lane.place for lane in lanes if not lane.paused and lane.waiting > self._flow.waiting]
        resume = [lane.place for lane in lanes if lane.paused and lane.ready and lane.waiting * 4 <= self._flow.waiting]
        for place in (*pause, *resume):
            self._lanes[place].paused = place in pause
        self.figures.paused += len(pause)
        is_urgent = any(lane.paused for lane in lanes)
        seen = {lane.place: lane.seen for lane in lanes}
        return Turn(_committable(lanes), pause, resume, seen, is_urgent=is_urgent)

    def _take(self, turn: tuple[list[Received], dict[Place, int]]) -> None:
        messages, self.figures.lag = turn
        by_place: dict[Place, list[Received]] = {}
        for message in messages:
            by_place.setdefault(message.place, []).append(message)
        for place, those in by_place.items():
            if lane := self._lanes.get(place):
                lane.take(those)
        for lane in self._lanes.values():
            self._begin(lane)

    def _begin(self, lane: Lane) -> None:
        while messages := lane.begin(TOGETHER if self._handle_all else 1):
            task = asyncio.create_task(self._work_all(lane, messages))
            lane.tasks.add(task)
            task.add_done_callback(lane.tasks.discard)

    async def _work_all(self, lane: Lane, messages: Sequence[Received]) -> None:
        """Handle messages as one, and where that fails each by itself."""
        if self._handle_all is None or len(messages) == 1:
            await self._work(lane, messages[0])
            return
        begun = time.monotonic()
        try:
            await self._handle_all(messages)
        except Exception as error:  # noqa: BLE001 - whichever of them it is about finds out
            logger.debug("{}: {} messages are handled one by one: {!r}", self._member.stage, len(messages), error)
            await asyncio.gather(*(self._work(lane, message) for message in messages))
            return
        self.figures.seconds += time.monotonic() - begun
        self.figures.handled += len(messages)
        for message in messages:
            lane.finish(message.offset)
        self.figures.state = "consuming"
        self._begin(lane)

    async def _prepare(self, lane: Lane, prepare: Told) -> None:
        pause = FIRST_PAUSE
        while not lane.closing.is_set():
            try:
                await prepare(lane.place)
            except (LeaseLost, *self._down) as error:
                self.figures.retried += 1
                logger.info("{}: {} is not begun yet: {}", self._member.stage, lane.place, error)
                wanted = error.retry_after.total_seconds() if isinstance(error, InProgress) else pause
                await _wait(lane, min(wanted, LONGEST_PAUSE))
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001
                logger.exception("{}: {} cannot be begun", self._member.stage, lane.place)
                self._failure = BusDown(f"{lane.place} cannot be begun: {error!r}")
                return
            else:
                lane.ready = True
                return

    async def _work(self, lane: Lane, message: Received) -> None:
        """Handle a message until it is done, and begin the next; nothing more of a lane that closes."""
        pause, failures = FIRST_PAUSE, 0
        step = partial(self._handled, message)
        while True:
            try:
                await step()
            except Unreadable as error:
                step = partial(self._bury, message, str(error))
                continue
            except LeaseLost as error:
                self._failure = error
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the next message goes on
                if not isinstance(error, self._down) or isinstance(error, Damaged):
                    failures += 1
                if failures >= MOST_ATTEMPTS:
                    logger.exception("{}: a message failed {} times", self._member.stage, failures)
                    step = partial(self._bury, message, f"it failed {failures} times: {error!r}")
                    failures = 0
                    continue
                await self._pause(lane, message, error, pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                lane.finish(message.offset)
                break
            if lane.closing.is_set():
                return
        self.figures.state = "consuming"
        self._begin(lane)

    async def _pause(self, lane: Lane, message: Received, error: Exception, seconds: float) -> None:
        """Wait before a message is tried again."""
        where = lane.place, message.offset
        logger.warning("{}: {} at {} is tried again: {!r}", self._member.stage, *where, error)
        self.figures.retried += 1
        self.figures.state = f"waiting: {error}"
        await _wait(lane, seconds)

    async def _handled(self, message: Received) -> None:
        begun = time.monotonic()
        try:
            await self._handle(message)
        except Duplicate:
            self.figures.suppressed += 1
        self.figures.seconds += time.monotonic() - begun
        self.figures.handled += 1

    async def _bury(self, message: Received, reason: str) -> None:
        letter = DeadLetter.of(self._member.stage, message, reason, self._clock.now())
        await self._publisher.publish(letter.outgoing)
        self.figures.dead_letters += 1
        self.figures.handled += 1
        where = message.place, message.offset
        logger.warning("{}: {} at {} is a dead letter: {}", self._member.stage, *where, letter.reason)


def _committable(lanes: Iterable[Lane]) -> dict[Place, int]:
    return {lane.place: offset for lane in lanes if (offset := lane.committable()) is not None}


async def _wait(lane: Lane, seconds: float) -> None:
    """Wait, but not once nothing more is begun."""
    try:
        await asyncio.wait_for(lane.closing.wait(), seconds)
    except TimeoutError:
        return


async def _ended(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel what has not ended, and wait until all has."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
