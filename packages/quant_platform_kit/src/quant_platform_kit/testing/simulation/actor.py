"""Somebody at work in the simulation: a process that asks the world, and whom the adversary may hit at every call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import Interrupted, QuantError
from quant_platform_kit.testing.simulation.loop import instant
from quant_platform_kit.testing.simulation.parts import Surroundings
from quant_platform_kit.testing.simulation.scenario import Fault, FaultKind

__all__ = ["CALLS", "START", "Actor", "ActorClock", "Killed"]

START = "start"
SECOND = 1_000_000
LONGEST_STOP, LONGEST_JUMP, SLOWEST = 260.0, 120.0, 45.0
"""Seconds: past lease and visibility window; how far a worker's clock is off at most; how slow a store is at most."""

_STORE, _BROKER = ("read", "write"), ("connect", "order", "look")
_ANY = (*_STORE, *_BROKER, "market", "sleep", "tell", "reached")
CALLS: dict[FaultKind, tuple[str, ...]] = {
    **dict.fromkeys(FaultKind, _ANY),
    FaultKind.STORE_FAILS: _STORE,
    FaultKind.WRITE_UNANSWERED: ("write",),
    FaultKind.STORE_SLOW: _STORE,
    FaultKind.REQUEST_LOST: _BROKER,
    FaultKind.ANSWER_LOST: _BROKER,
    FaultKind.LATE: _BROKER,
    FaultKind.DOUBLE: ("order", "look"),
    FaultKind.REORDERED: ("look",),
    FaultKind.STEP_LOST: ("order",),
    FaultKind.QUOTE_MISSING: ("market",),
    FaultKind.QUOTE_OLD: ("market",),
}
"""The calls that a fault can hit."""

_ANSWERED = (FaultKind.KILLED_AFTER, FaultKind.WRITE_UNANSWERED, FaultKind.ANSWER_LOST, FaultKind.STEP_LOST)
"""What strikes when the world has done its part; what strikes before may be followed by a second fault of the call."""
_TWISTED = (
    FaultKind.LATE,
    FaultKind.DOUBLE,
    FaultKind.REORDERED,
    FaultKind.QUOTE_MISSING,
    FaultKind.QUOTE_OLD,
)
"""What changes the world's part itself."""

_SPANS = {
    "read": (1, 20),
    "write": (2, 40),
    "connect": (50, 400),
    "order": (20, 300),
    "look": (20, 300),
    "market": (5, 100),
    "tell": (1, 5),
}
"""Milliseconds that a call takes, from and to."""

_T = TypeVar("_T")


class Killed(BaseException):
    """The process is dead: nothing of it goes on, whatever it tries."""


class Actor:
    """One process.

    Attributes
    ----------
    boundary
        The last one that it reached.
    late
        Set for the duration of a submit that is to be accepted late: shares of the timeout and of the window.
    epoch
        Of the lease that it took last, as the store has it.
    connection
        Of its login at the venue.
    """

    def __init__(self, world: Surroundings, name: str, faults: tuple[Fault, ...] = ()) -> None:
        self.world, self.name = world, name
        self.boundary = START
        self.epoch, self.connection = 0, 0
        self.skew = timedelta(0)
        self.dead = self.terminated = False
        self.twist: Fault | None = None
        self._faults = [[fault, fault.skip] for fault in faults]
        self._random = Random(f"{world.scenario.seed}/{name}")
        self._even = world.scenario.even

    def call(self, op: str, what: str, effect: Callable[[], _T], error: type[QuantError]) -> _T:
        """Ask the world something, which takes a while and may go wrong.

        Parameters
        ----------
        effect
            What the world does; it answers at once.
        error
            Raised when no answer comes.
        """
        world = self.world
        if self.dead:
            raise Killed
        fault = self._next(op) if self._faults else None
        world.met(self.boundary, op)
        least, most = _SPANS[op]
        milliseconds = (least + most) / 2 if self._even else least + (most - least) * self._random.random()
        world.loop.pause(int(milliseconds * 1000))
        world.trace(f"{self.name} {what}")
        if fault is None:
            return effect()
        return self._suffer(fault, op, effect, error)

    def reached(self, boundary: Boundary) -> None:
        """Pass a boundary, unless it is where the process ends."""
        if self.dead:
            raise Killed
        self.boundary = boundary.value
        self.world.trace(f"{self.name} reached {self.boundary}")
        self.world.met(self.boundary, "reached")
        self.world.woken_by(self)
        if self._faults and (fault := self._next("reached")):
            self._suffer(fault, "reached", lambda: None, QuantError)
        self._end_politely()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        if self.dead:
            raise Killed
        self._end_politely()
        self.world.met(self.boundary, "sleep")
        if self._faults and (fault := self._next("sleep")):
            self._suffer(fault, "sleep", lambda: None, QuantError)
        self.world.loop.pause(int(seconds * SECOND))
        self._end_politely()

    def _end_politely(self) -> None:
        if self.terminated:
            self.terminated = False
            raise Interrupted("told to stop")

    def _next(self, op: str) -> Fault | None:
        """Return the fault that hits this call, if one does."""
        for n, waiting in enumerate(self._faults):
            fault: Fault = waiting[0]  # pyright: ignore[reportAssignmentType]
            if fault.after == self.boundary and op in CALLS[fault.kind] and fault.call in ("", op):
                if waiting[1]:
                    waiting[1] -= 1  # pyright: ignore[reportOperatorIssue]
                    continue
                del self._faults[n]
                return fault
        return None

    def _suffer(self, fault: Fault, op: str, effect: Callable[[], _T], error: type[QuantError]) -> _T:
        """Make a call go as a fault has it."""
        self.world.hit(self, fault, op)
        if fault.kind in _TWISTED:
            return self._twisted(fault, op, effect, error)
        if fault.kind in _ANSWERED:
            effect()
            if fault.kind is FaultKind.STEP_LOST:
                self.world.lose_step()
            if fault.kind in (FaultKind.KILLED_AFTER, FaultKind.STEP_LOST):
                self.die()
            if fault.kind is FaultKind.ANSWER_LOST:
                self._wait(fault)
            raise error("no answer (simulated)")
        self._before(fault, error)
        if second := self._next(op):
            return self._suffer(second, op, effect, error)
        return effect()

    def _before(self, fault: Fault, error: type[QuantError]) -> None:
        """Do what a fault does before the world has done its part; it may be that there is no more to do then."""
        world, kind = self.world, fault.kind
        if kind is FaultKind.KILLED_BEFORE:
            self.die()
        elif kind is FaultKind.STORE_FAILS:
            raise error("the store does not answer (simulated)")
        elif kind is FaultKind.REQUEST_LOST:
            self._wait(fault)
            raise error("nothing arrived (simulated)")
        elif kind is FaultKind.STOPPED:
            self._stop(fault)
        elif kind is FaultKind.STORE_SLOW:
            world.loop.pause(int(fault.amount * SLOWEST * SECOND))
        elif kind is FaultKind.TERMINATED:
            self.terminated = True
        elif kind is FaultKind.CLOCK_JUMPS:
            self.skew = timedelta(seconds=round((2 * fault.amount - 1) * LONGEST_JUMP))
        else:
            world.befall(fault)

    def _twisted(self, fault: Fault, op: str, effect: Callable[[], _T], error: type[QuantError]) -> _T:
        """Let the effect itself know of the fault; an order that is late is not answered."""
        if fault.kind is FaultKind.LATE and op != "order":
            self._wait(fault)
            return effect()
        self.twist = fault
        try:
            answer = effect()
        finally:
            self.twist = None
        if fault.kind is FaultKind.LATE:
            if not fault.early:
                self._wait(fault)
            raise error("no answer in time (simulated)")
        return answer

    def _wait(self, fault: Fault) -> None:
        """Wait for an answer, at most as long as the timeout."""
        self.world.loop.pause(int(fault.amount * self.world.timeout))

    def _stop(self, fault: Fault) -> None:
        """Stand still, as after SIGSTOP, while everybody else goes on."""
        wake = self.world.loop.park(int(fault.amount * LONGEST_STOP * SECOND) + 1)
        if fault.until:
            self.world.wake_at(fault.until, self, wake)
        self.world.loop.rest()

    def die(self) -> None:
        """End, now."""
        self.dead = True
        self.world.trace(f"{self.name} is dead")
        raise Killed


class ActorClock:
    """An actor's own clock: the world's time, as far as it is not off."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def now(self) -> datetime:
        """Return what the actor takes the present instant for."""
        return instant(self._actor.world.loop.now) + self._actor.skew

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return self._actor.world.loop.now / SECOND

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._actor.sleep(seconds)
