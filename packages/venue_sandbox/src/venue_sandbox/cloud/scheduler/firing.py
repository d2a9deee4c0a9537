"""Begins executions when they are due: as real time goes by, or as the virtual clock is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from venue_sandbox.cloud.rest import ApiError, invalid
from venue_sandbox.cloud.scheduler.board import Board
from venue_sandbox.cloud.scheduler.clock import Clock, VirtualClock
from venue_sandbox.cloud.scheduler.delivery import Courier
from venue_sandbox.cloud.scheduler.executions import Entry, Execution
from venue_sandbox.cloud.scheduler.faults import DeliveryFaults, DeliveryKind
from venue_sandbox.cloud.values import time_text

__all__ = ["Firing"]

TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to begin next: a job that is due, or an execution that was put off."""

    at: datetime
    entry: Entry
    late: Execution | None = None


class Firing:
    """Begins executions and keeps them.

    Parameters
    ----------
    board
        The jobs.
    clock
        The scheduler's time.
    courier
        Delivers executions.
    faults
        What goes wrong.
    """

    def __init__(self, board: Board, clock: Clock, courier: Courier, faults: DeliveryFaults) -> None:
        self.executions: list[Execution] = []
        self._board = board
        self._clock = clock
        self._courier = courier
        self._faults = faults
        self._late: list[Execution] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Begin what is due by the real clock; at the end, break off what is under way."""
        if not isinstance(self._clock, VirtualClock):
            self._hold(asyncio.create_task(self._keep_time()))
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def run(self, name: str) -> Entry:
        """Begin a job now, whether or not it is due, paused or under way."""
        entry, now = self._board.get(name), self._clock.now()
        self._start(self._new(entry, now, now))
        return entry

    async def fire(self, entry: Entry, schedule_time: datetime) -> Execution:
        """Make one execution of a job at once, for any schedule time."""
        execution = self._new(entry, schedule_time, self._clock.now())
        await self._deliver(execution)
        return execution

    async def advance(self, until: datetime | None, count: int | None) -> list[Execution]:
        """Move the virtual clock, and make each execution that is due on the way, one after the other.

        Parameters
        ----------
        until
            Where to; None for as far as it takes.
        count
            After how many executions to stop; None for no limit.
        """
        clock = self._clock
        if not isinstance(clock, VirtualClock):
            raise ApiError(400, "FAILED_PRECONDITION", "The clock is the real one; it cannot be moved.")
        made: list[Execution] = []
        async with self._moving:
            if until is not None and until < clock.now():
                raise invalid("until", time_text(until), f"the clock shows {time_text(clock.now())} already")
            while count is None or len(made) < count:
                due = self._next()
                if due is None or (until is not None and due.at > until):
                    break
                clock.move(due.at)
                execution = self._take(due)
                if execution is not None:
                    await self._deliver(execution)
                    made.append(execution)
            if until is not None:
                clock.move(until)
        return made

    async def _keep_time(self) -> None:
        while True:
            while (due := self._next()) is not None and due.at <= self._clock.now():
                execution = self._take(due)
                if execution is not None:
                    self._start(execution)
            await asyncio.sleep(TICK_SECONDS)

    def _next(self) -> _Due | None:
        """Return what is due first, leaving out jobs of which an execution is still under way."""
        jobs = [_Due(entry.due, entry) for entry in self._board.entries() if entry.due is not None]
        late = [_Due(execution.due, execution.entry, execution) for execution in self._late]
        free = (due for due in (*late, *jobs) if not due.entry.busy)
        return min(free, key=lambda due: (due.at, due.entry.job.name), default=None)

    def _take(self, due: _Due) -> Execution | None:
        """Return the execution of what is due; None if a fault puts it off."""
        entry, execution = due.entry, due.late
        if execution is not None:
            self._late.remove(execution)
        else:
            execution = self._new(entry, due.at, due.at)
            entry.due = entry.job.schedule.after(max(due.at, self._clock.now()))
            fault = self._faults.take(DeliveryKind.LATE, entry.job)
            if fault is not None:
                execution.due += timedelta(seconds=fault.seconds)
                self._late.append(execution)
                return None
        entry.current = execution
        return execution

    def _new(self, entry: Entry, schedule_time: datetime, due: datetime) -> Execution:
        execution = Execution(entry, entry.job, schedule_time, due)
        self.executions.append(execution)
        return execution

    def _start(self, execution: Execution) -> None:
        self._hold(asyncio.create_task(self._deliver(execution)))

    def _hold(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, execution: Execution) -> None:
        try:
            await self._courier.deliver(execution)
        finally:
            execution.finished = True
            # Not before: a delivery that a killed scheduler breaks off is due again when it is started.
            self._board.keep(execution.entry)
